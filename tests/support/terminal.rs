//! An entrypoint on a terminal of its own: a pseudoterminal, with the test as the person before it.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, tcgetpgrp};

use super::world::Start;
use super::{DEADLINE, processes, until};

pub struct Terminal {
    child: Child,
    master: File,
    /// Its name, for programs that set it up from outside.
    path: PathBuf,
    screen: Arc<Screen>,
    reader: Option<JoinHandle<()>>,
    /// Closed to have the reader close its descriptor.
    reading: Option<PipeWriter>,
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

    fn new(start: Start, input: Input) -> Self {
        let control = match input {
            Input::Keyboard => &["-c"][..],
            Input::None => &[],
        };
        Self::start_as_it_is(start.under("setsid", control), input)
    }

    /// As PID 1 of a container that has a terminal, as `docker run -it` does: the first process of its session and
    /// of a PID namespace, if this machine lets us make one.
    pub fn start_as_pid_1(start: Start) -> Option<Self> {
        let start = start.under("setsid", ["-c"]).in_pid_namespace()?;
        Some(Self::start_as_it_is(start, Input::Keyboard))
    }

    fn start_as_it_is(mut start: Start, input: Input) -> Self {
        let (master, path) = pseudoterminal();
        let settings = tcgetattr(&master).expect("it has settings");
        let slave = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(&path)
            .expect("it has another end");
        let end = || Stdio::from(slave.try_clone().expect("there are descriptors"));
        let child = start
            .command()
            .stdin(match input {
                Input::Keyboard => end(),
                Input::None => Stdio::null(),
            })
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("there is a setsid(1)");
        let screen = Arc::default();
        let (until_closed, reading) = pipe().expect("there are descriptors");
        let reader = Some(watch(
            master.try_clone().expect("there are descriptors"),
            until_closed,
            &screen,
        ));
        Self {
            child,
            master,
            path,
            screen,
            reader,
            reading: Some(reading),
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

    /// The process that was started: the entrypoint, or what was put above it.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the entrypoint is there");
    }

    /// The entrypoint, wherever it is below what was started, and its server.
    #[track_caller]
    pub fn entrypoint_and_server(&self) -> (Pid, Pid) {
        let entrypoint = processes::entrypoint_below(self.pid());
        let mut server = None;
        until("there is a server", || {
            server = processes::children(entrypoint).first().copied();
            server.is_some()
        });
        (entrypoint, server.expect("it was just found"))
    }

    /// The process group in its foreground.
    pub fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(&self.master).ok()
    }

    /// Its settings as they are now.
    pub fn settings(&self) -> Termios {
        tcgetattr(&self.master).expect("it has settings")
    }

    /// All that was to be seen so far.
    pub fn text(&self) -> String {
        self.screen.shown.lock().expect("the reader is well").text()
    }

    /// Makes the window so high. (With two numbers stty(1) would change it twice.)
    #[track_caller]
    pub fn resize(&self, rows: u16) {
        let mut stty = Command::new("stty");
        stty.arg("-F").arg(&self.path);
        let done = stty.args(["rows", &rows.to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()), "stty");
    }

    /// Closes the window, and waits for the end of what was started.
    #[track_caller]
    pub fn hang_up(mut self) -> ExitStatus {
        drop(self.reading.take());
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader is well");
        }
        self.master = File::open("/dev/null").expect("there is one");
        let mut ended = None;
        until("it ends when the terminal is gone", || {
            ended = self.child.try_wait().expect("it is our child");
            ended.is_some()
        });
        ended.expect("it has ended")
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

/// A test that fails leaves nothing behind, and what is stopped hears nothing but this.
impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            for process in processes::tree(self.pid()) {
                let _ = kill(process, Signal::SIGKILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// One end of a new one, and the name of the other. (openpty(3) would hand this end to every child that a test is
/// just starting, and nobody could hang up.)
fn pseudoterminal() -> (File, PathBuf) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).expect("there is a pseudoterminal");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it is ours");
    let path = ptsname_r(&master).expect("it has a name");
    let master = master.as_fd().try_clone_to_owned();
    (
        File::from(master.expect("there are descriptors")),
        path.into(),
    )
}

/// Reads until the last process that has the terminal open is gone, which looks like an error, or until it is to
/// be closed.
fn watch(mut master: File, until_closed: PipeReader, screen: &Arc<Screen>) -> JoinHandle<()> {
    let screen = Arc::clone(screen);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        let something_to_read = |master: &File| {
            let mut ready = [
                PollFd::new(master.as_fd(), PollFlags::POLLIN),
                PollFd::new(until_closed.as_fd(), PollFlags::POLLIN),
            ];
            while poll(&mut ready, PollTimeout::NONE).is_err() {}
            ready[1].any() == Some(false)
        };
        while something_to_read(&master)
            && let Ok(count @ 1..) = master.read(&mut buffer)
        {
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
