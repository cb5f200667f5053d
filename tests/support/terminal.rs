//! An entrypoint on a terminal of its own: a pseudoterminal, with the test as the person before it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use super::DEADLINE;
use super::world::Start;

pub struct Terminal {
    child: Child,
    master: File,
    screen: Arc<Screen>,
    reader: Option<JoinHandle<()>>,
    settings: Termios,
}

/// How it ended, and all that was to be seen.
#[derive(Debug)]
pub struct Closed {
    pub status: ExitStatus,
    /// With the carriage returns and escape sequences that it came with.
    pub text: String,
    /// The terminal's settings before and after.
    pub settings: [Termios; 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Keyboard,
    None,
}

#[derive(Default)]
struct Screen {
    shown: Mutex<Shown>,
    changed: Condvar,
}

#[derive(Default)]
struct Shown {
    bytes: Vec<u8>,
    closed: bool,
}

impl Shown {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Terminal {
    /// Starts it as the first process of a session that this terminal controls, so that Ctrl-C is a signal.
    /// setsid(1) does what takes unsafe code in a test, and it has the same process id afterwards.
    pub fn start(start: Start) -> Self {
        Self::new(start, Input::Keyboard)
    }

    /// The same with `/dev/null` as its standard input.
    pub fn start_without_input(start: Start) -> Self {
        Self::new(start, Input::None)
    }

    fn new(mut start: Start, input: Input) -> Self {
        let ends = openpty(None, None).expect("there is a pseudoterminal");
        let settings = tcgetattr(&ends.master).expect("it has settings");
        let entrypoint = start.command();
        let mut command = Command::new("setsid");
        if input == Input::Keyboard {
            command.arg("-c");
        }
        command
            .arg(entrypoint.get_program())
            .args(entrypoint.get_args())
            .env_clear();
        for (name, value) in entrypoint.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if let Some(folder) = entrypoint.get_current_dir() {
            command.current_dir(folder);
        }
        let end = || Stdio::from(ends.slave.try_clone().expect("there are descriptors"));
        let child = command
            .stdin(match input {
                Input::Keyboard => end(),
                Input::None => Stdio::null(),
            })
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("there is a setsid(1)");
        let master = File::from(ends.master);
        let screen = Arc::default();
        let reader = Some(watch(
            master.try_clone().expect("there are descriptors"),
            &screen,
        ));
        Self {
            child,
            master,
            screen,
            reader,
            settings,
        }
    }

    /// Waits until this can be read on it.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        self.shows_times(text, 1);
    }

    /// Waits until this can be read on it as often.
    #[track_caller]
    pub fn shows_times(&self, text: &str, count: usize) {
        self.wait_until(|shown| shown.text().matches(text).count() >= count, text);
    }

    /// Waits until this many different texts begin with the one and end with the other.
    #[track_caller]
    pub fn shows_different(&self, start: &str, end: &str, count: usize) {
        let enough = |shown: &Shown| {
            let text = shown.text();
            let mut texts: Vec<_> = text
                .split(start)
                .skip(1)
                .filter_map(|rest| Some(rest.split_once(end)?.0))
                .collect();
            texts.sort_unstable();
            texts.dedup();
            texts.len() >= count
        };
        self.wait_until(enough, start);
    }

    #[track_caller]
    fn wait_until(&self, met: impl Fn(&Shown) -> bool, what: &str) {
        let deadline = Instant::now() + DEADLINE;
        let mut shown = self.screen.shown.lock().expect("the reader is well");
        while !met(&shown) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !shown.closed,
                "no {what:?} in\n{}",
                shown.text()
            );
            (shown, _) = self
                .screen
                .changed
                .wait_timeout(shown, left)
                .expect("the reader is well");
        }
    }

    /// What the person presses, as it comes from a keyboard.
    pub fn press(&self, keys: &str) {
        (&self.master)
            .write_all(keys.as_bytes())
            .expect("the terminal is there");
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("the entrypoint is there");
    }

    /// Waits for the end of the entrypoint.
    #[track_caller]
    pub fn wait(mut self) -> Closed {
        let deadline = Instant::now() + DEADLINE;
        let mut shown = self.screen.shown.lock().expect("the reader is well");
        while !shown.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it did not end:\n{}", shown.text());
            (shown, _) = self
                .screen
                .changed
                .wait_timeout(shown, left)
                .expect("the reader is well");
        }
        let text = shown.text();
        drop(shown);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader is well");
        }
        let after = tcgetattr(&self.master).expect("it has settings");
        Closed {
            status: self.child.wait().expect("it is our child"),
            text,
            settings: [self.settings.clone(), after],
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After a failed test. One that has ended takes no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the last process that has the terminal open is gone, which looks like an error.
fn watch(mut master: File, screen: &Arc<Screen>) -> JoinHandle<()> {
    let screen = Arc::clone(screen);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            let mut shown = screen.shown.lock().expect("nobody panicked");
            shown.bytes.extend_from_slice(&buffer[..count]);
            screen.changed.notify_all();
        }
        screen.shown.lock().expect("nobody panicked").closed = true;
        screen.changed.notify_all();
    })
}

impl Closed {
    #[track_caller]
    pub fn code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{}", self.text);
        self
    }

    /// These lines end it.
    #[track_caller]
    pub fn ends_with(&self, lines: &[&str]) -> &Self {
        let mut end = lines.join("\r\n");
        end.push_str("\r\n");
        assert!(self.text.ends_with(&end), "{:?}", self.text);
        self
    }

    #[track_caller]
    pub fn left_the_terminal_as_it_was(&self) -> &Self {
        let [before, after] = &self.settings;
        assert_eq!(before, after);
        self
    }
}
