//! Many wrappers at once: too many for two threads each, so their logs go to files.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::world::Start;
use super::{DEADLINE, World};

/// One of them.
pub struct Member {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: PathBuf,
}

/// How it ended, and what it had to say.
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

impl Member {
    /// Starts so many of the same, as fast as this machine can.
    pub fn start_many(world: &World, count: usize, start: impl Fn() -> Start) -> Vec<Self> {
        (0..count).map(|_| Self::start(world, start())).collect()
    }

    fn start(world: &World, mut start: Start) -> Self {
        let log = world.path(&format!("{}.log", uuid::Uuid::new_v4()));
        let mut child = start
            .command()
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("there is room"))
            .spawn()
            .expect("it can be started");
        let stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, stdout, log }
    }

    /// Waits for the server's first line; whether there was one.
    #[track_caller]
    pub fn is_up(&mut self) -> bool {
        self.wait_for_output();
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line);
        read.is_ok_and(|length| length > 0)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("it is there");
    }

    #[track_caller]
    pub fn wait(mut self) -> Ended {
        loop {
            self.wait_for_output();
            // The pipe ends when both wrapper and server have.
            if self
                .stdout
                .read(&mut [0; 1024])
                .is_ok_and(|length| length == 0)
            {
                break;
            }
        }
        let status = self.child.wait().expect("it is our child");
        let log = fs::read_to_string(&self.log).expect("it is there");
        Ended { status, log }
    }

    #[track_caller]
    fn wait_for_output(&mut self) {
        if !self.stdout.buffer().is_empty() {
            return;
        }
        let begun = Instant::now();
        let mut ready = [PollFd::new(
            self.stdout.get_ref().as_fd(),
            PollFlags::POLLIN,
        )];
        let deadline = PollTimeout::try_from(DEADLINE).expect("it is short enough");
        while poll(&mut ready, deadline).is_err() {}
        assert!(begun.elapsed() < DEADLINE, "nothing comes");
    }
}

/// A test that fails leaves nobody behind: the kernel tells the servers.
impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
