//! A running entrypoint: its lines as they come, signals for it, and how it ended.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{DEADLINE, processes};

pub struct Running {
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

/// How an entrypoint ended, and all that it and its server said.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

#[derive(Default)]
struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    stdout: String,
    stderr: String,
    open: usize,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the entrypoint can be started");
        let output = Arc::new(Output::default());
        output.lines.lock().expect("no reader panicked").open = 2;
        let stdout = child.stdout.take().expect("it is a pipe");
        let stderr = child.stderr.take().expect("it is a pipe");
        let readers = vec![
            read(stdout, &output, |lines| &mut lines.stdout),
            read(stderr, &output, |lines| &mut lines.stderr),
        ];
        Self {
            child,
            output,
            readers,
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The entrypoint, wherever it is below what was started.
    #[track_caller]
    pub fn entrypoint(&self) -> Pid {
        processes::entrypoint_below(self.pid())
    }

    /// Waits until a line with this text has come, from the server or from the entrypoint; that line.
    #[track_caller]
    pub fn line(&self, text: &str) -> String {
        self.lines(text, 1).remove(0)
    }

    /// Waits until as many lines with this text have come.
    #[track_caller]
    pub fn lines(&self, text: &str, count: usize) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = self.output.lines.lock().expect("no reader panicked");
        loop {
            let all = lines.stdout.lines().chain(lines.stderr.lines());
            let found: Vec<String> = all
                .filter(|l| l.contains(text))
                .map(str::to_owned)
                .collect();
            if found.len() >= count {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && lines.open > 0,
                "no {count} lines with {text:?} in\n{}{}",
                lines.stdout,
                lines.stderr
            );
            (lines, _) = self
                .output
                .changed
                .wait_timeout(lines, left)
                .expect("no reader panicked");
        }
    }

    /// Waits until a process has told its number in a line such as `server=123`.
    #[track_caller]
    pub fn process(&self, name: &str) -> Pid {
        let line = self.line(&format!("{name}="));
        let number = line.rsplit('=').next().and_then(|pid| pid.parse().ok());
        Pid::from_raw(number.unwrap_or_else(|| panic!("no process in {line:?}")))
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the entrypoint is there");
    }

    /// For the signals that have no name.
    pub fn signal_number(&self, number: i32) {
        let script = format!("kill -{number} {}", self.pid());
        let sent = Command::new("sh").args(["-c", &script]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{script}");
    }

    /// Waits for the end of the entrypoint, and of all that it said.
    #[track_caller]
    pub fn wait(mut self) -> Finished {
        let status = self.wait_with_deadline();
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panicked");
        }
        let mut lines = self.output.lines.lock().expect("no reader panicked");
        Finished {
            status,
            stdout: std::mem::take(&mut lines.stdout),
            stderr: std::mem::take(&mut lines.stderr),
        }
    }

    /// The pipes close when the last process that holds them ends, and then the status is near.
    #[track_caller]
    fn wait_with_deadline(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = self.output.lines.lock().expect("no reader panicked");
        while lines.open > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let _ = self.child.kill();
                panic!("it did not end:\n{}{}", lines.stdout, lines.stderr);
            }
            (lines, _) = self
                .output
                .changed
                .wait_timeout(lines, left)
                .expect("no reader panicked");
        }
        drop(lines);
        self.child.wait().expect("it is our child")
    }
}

/// A test that fails leaves nothing behind: the server gets its SIGTERM from the kernel.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(
    pipe: impl Read + Send + 'static,
    output: &Arc<Output>,
    stream: fn(&mut Lines) -> &mut String,
) -> JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let mut lines = output.lines.lock().expect("nobody panicked");
            stream(&mut lines).push_str(&String::from_utf8_lossy(&line));
            output.changed.notify_all();
            line.clear();
        }
        output.lines.lock().expect("nobody panicked").open -= 1;
        output.changed.notify_all();
    })
}

impl Finished {
    /// It ended by itself with this code.
    #[track_caller]
    pub fn code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// A signal ended the entrypoint itself.
    #[track_caller]
    pub fn killed_by(&self, signal: Signal) -> &Self {
        assert_eq!(self.status.signal(), Some(signal as i32), "{self}");
        self
    }

    /// It ended with this code as a shell sees it: 128+n also when signal n ended the entrypoint itself.
    #[track_caller]
    pub fn code_in_a_shell(&self, code: i32) -> &Self {
        let status = self.status;
        let seen = status.code().or(status.signal().map(|signal| 128 + signal));
        assert_eq!(seen, Some(code), "{self}");
        self
    }

    /// The entrypoint said this line, word for word after its name.
    #[track_caller]
    pub fn says(&self, line: &str) -> &Self {
        let line = format!("hytale-entrypoint: {line}");
        assert!(
            self.stderr.lines().any(|l| l == line),
            "no {line:?} in\n{self}"
        );
        self
    }

    /// Neither stream holds this text.
    #[track_caller]
    pub fn never_says(&self, text: &str) -> &Self {
        assert!(!self.stdout.contains(text), "{text:?} on stdout");
        assert!(!self.stderr.contains(text), "{text:?} on stderr");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}{}", self.status, self.stdout, self.stderr)
    }
}
