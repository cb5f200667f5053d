//! The wrapper's process: started as a container would start it, heard line by line.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use hytale_emulator::Emulator;
use tokio::signal::unix::{SignalKind, signal};

use crate::BROKER_PASSWORD;
use crate::setup::Setup;

#[derive(Debug)]
pub(crate) struct Wrapper {
    child: Child,
    heard: Receiver<Heard>,
}

/// What came in next.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A line of the server, which the wrapper passes through.
    Server(String),
    /// A line of the wrapper's own.
    Wrapper(String),
    /// Nothing within the time.
    Nothing,
    /// Both have closed their output.
    End,
}

impl Wrapper {
    pub(crate) fn start(setup: &Setup, emulator: &Emulator) -> io::Result<Self> {
        let mut command = Command::new(&setup.wrapper);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"HYTALE_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("run")
            .env("HYTALE_SESSION_TOKEN_BROKER_URL", emulator.broker_url())
            .env("HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN", BROKER_PASSWORD)
            .env("HYTALE_ENTRYPOINT_SESSIONS_URL", emulator.url())
            .env("HYTALE_ENTRYPOINT_STATE_DIR", setup.state())
            .env("HYTALE_ENTRYPOINT_STATUS_FILE", setup.status())
            .env("HYTALE_ENTRYPOINT_JAVA", &setup.java)
            .env("HYTALE_ENTRYPOINT_JAR", &setup.jar)
            .env("HYTALE_STAND_IN_SESSIONS_URL", emulator.url())
            .env("HYTALE_STAND_IN_REPORT", setup.report())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        pass_signals_on(child.id());
        let (sender, heard) = channel();
        if let Some(stdout) = child.stdout.take() {
            hear(stdout, sender.clone(), Heard::Server);
        }
        if let Some(stderr) = child.stderr.take() {
            hear(stderr, sender, Heard::Wrapper);
        }
        if let Some(mut console) = child.stdin.take() {
            // Ends with our process; a console that is gone is no news.
            thread::spawn(move || io::copy(&mut io::stdin(), &mut console));
        }
        Ok(Self { child, heard })
    }

    pub(crate) fn hear(&self, timeout: Duration) -> Heard {
        match self.heard.recv_timeout(timeout) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    pub(crate) fn terminate(&self) -> io::Result<()> {
        terminate(self.child.id())
    }

    /// Its exit code.
    pub(crate) fn wait(&mut self) -> io::Result<i32> {
        let status = self.child.wait()?;
        status
            .code()
            .ok_or_else(|| io::Error::other(format!("the wrapper was killed: {status}")))
    }
}

/// On the way out after an error; at the end of the play it is gone already.
impl Drop for Wrapper {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.terminate();
            let _ = self.child.wait();
        }
    }
}

fn hear(stream: impl Read + Send + 'static, sender: Sender<Heard>, whose: fn(String) -> Heard) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.send(whose(line)).is_err() {
                break;
            }
        }
    });
}

/// Ctrl-C is meant for the wrapper and its server, and what they do about it is the best part; a SIGTERM for us is for them too.
fn pass_signals_on(wrapper: u32) {
    thread::spawn(move || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        runtime.block_on(async {
            let mut interrupts = signal(SignalKind::interrupt())?;
            let mut terminations = signal(SignalKind::terminate())?;
            loop {
                tokio::select! {
                    // The terminal has sent it to the wrapper as well.
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => terminate(wrapper)?,
                }
            }
        })
    });
}

fn terminate(process: u32) -> io::Result<()> {
    Command::new("kill")
        .arg("-TERM")
        .arg(process.to_string())
        .status()
        .map(drop)
}
