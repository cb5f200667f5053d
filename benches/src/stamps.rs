//! What the server says to us past whoever started it: nanoseconds, through a FIFO.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// How long anything may take, in milliseconds; nothing does.
const PATIENCE: u16 = 60_000;

/// The FIFO, and our end of it.
#[derive(Debug)]
pub struct Stamps {
    path: PathBuf,
    file: File,
}

impl Stamps {
    pub fn new(path: PathBuf) -> io::Result<Self> {
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        // Both ends are ours, so nobody waits for the other one, and nothing ends with a server.
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// What the server is told about it.
    pub fn path(&self) -> &OsStr {
        Path::as_os_str(&self.path)
    }

    /// What the server says next.
    pub fn next(&mut self) -> io::Result<Duration> {
        let mut ready = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(PATIENCE))? == 0 {
            return Err(io::Error::other("the server says nothing"));
        }
        let mut nanoseconds = [0; 8];
        self.file.read_exact(&mut nanoseconds)?;
        Ok(Duration::from_nanos(u64::from_ne_bytes(nanoseconds)))
    }
}
