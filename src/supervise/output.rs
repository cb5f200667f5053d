//! The server's standard output, when it is watched: every byte goes on to ours, and two lines tell us what the
//! server is about.
//!
//! Nothing here blocks, whoever reads our output, and our descriptor stays as others who have it see it
//! (O_NONBLOCK would be theirs too). Between two pipes, tee(2) hands the kernel's pages on and we read the same
//! bytes afterwards, so there are no bytes that only we have. A reader that is slow slows the server, as it would
//! without us.

pub mod marks;

use std::io::{self, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, tee};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{pipe2, read, write};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;
use tracing::{info, warn};

use crate::sys;
use marks::Marks;
pub use marks::Seen;

/// How much a pipe holds unless somebody asked for more.
const PIPE: usize = 64 * 1024;

/// How much we hold at most of what does not go from pipe to pipe: that is what a kill of ours costs.
const HANDFUL: usize = 4096;

/// What a terminal takes without blocking once poll(2) finds it ready. A pseudoterminal's room is counted in steps
/// of 256 bytes, a line's end takes two, and whoever writes more than there is room for waits in the middle.
const PIECE: usize = 128;

/// Our end of the pipe that the server writes to.
#[derive(Debug)]
pub struct Output {
    from: AsyncFd<OwnedFd>,
    to: Sink,
    marks: Marks,
    /// What was read: from `sent` on it is still to be written.
    read: Vec<u8>,
    sent: usize,
    /// Whether it has been said that something is lost.
    lossy: bool,
}

/// Where the server's output goes.
#[derive(Debug)]
enum Sink {
    /// What tee(2) can write to.
    Pipe(AsyncFd<OwnedFd>),
    Socket(AsyncFd<OwnedFd>),
    /// Something else that can be waited for: a terminal.
    Stream(AsyncFd<OwnedFd>),
    /// A file, which is always ready as far as the kernel tells.
    File,
    /// Nobody reads it any more.
    Nobody,
}

impl Sink {
    fn new(stdout: OwnedFd) -> Self {
        let kind =
            fstat(&stdout).map(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
        // epoll(7) takes no files.
        let Ok(stdout) = sys::async_fd(stdout, Interest::WRITABLE) else {
            return Self::File;
        };
        match kind {
            Ok(SFlag::S_IFIFO) => Self::Pipe(stdout),
            Ok(SFlag::S_IFSOCK) => Self::Socket(stdout),
            _ => Self::Stream(stdout),
        }
    }

    /// Whether this error means that there is no reader any more, and never will be.
    fn is_gone(&self, error: Errno) -> bool {
        match error {
            Errno::EPIPE | Errno::ECONNRESET => true,
            // A terminal that was hung up.
            Errno::EIO => matches!(self, Self::Stream(_)),
            _ => false,
        }
    }
}

/// What came of one attempt to get something done.
enum Step {
    /// So many bytes are done with, and this was among what was read.
    Done(usize, Seen),
    /// The server's end is closed, and nothing is left in the pipe.
    End,
    /// One of the two has to become ready first.
    Wait,
}

impl Output {
    /// The watcher, and the end for the server.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn watch(ready_line: &str) -> io::Result<(Self, OwnedFd)> {
        let (ours, servers) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let to = stdout().as_fd().try_clone_to_owned()?;
        let output = Self {
            from: sys::async_fd(ours, Interest::READABLE)?,
            to: Sink::new(to),
            marks: Marks::new(ready_line),
            read: Vec::new(),
            sent: 0,
            lossy: false,
        };
        Ok((output, servers))
    }

    /// Passes on what the server writes, until it says one of its lines; forever, if it never does. Losing this
    /// future loses nothing.
    pub async fn next(&mut self) -> Seen {
        loop {
            for _ in 0..16 {
                match self.step() {
                    Step::Done(_, seen) if seen.any() => return seen,
                    Step::Done(..) => {}
                    Step::End => std::future::pending().await,
                    Step::Wait => self.ready().await,
                }
            }
            // However much the server says, signals get their turn.
            yield_now().await;
        }
    }

    /// Passes on what the server has written already, as far as it goes without waiting, and looks at the rest.
    pub fn now(&mut self) -> Seen {
        let mut seen = Seen::default();
        let mut left = self.left();
        while left > 0 {
            let Step::Done(count, more) = self.step() else {
                return seen.and(self.ahead().unwrap_or_default());
            };
            left = left.saturating_sub(count);
            seen = seen.and(more);
        }
        seen
    }

    /// What stands in the pipe while our reader has stalled.
    fn ahead(&self) -> nix::Result<Seen> {
        let (ours, copy) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
        let mut bytes = vec![0; tee(self.from.get_ref(), copy, PIPE, flags)?];
        let count = read(ours, &mut bytes)?;
        Ok(self.marks.clone().look_at(&bytes[..count]))
    }

    /// Passes on what the server wrote before it ended, and not what others write who still have its end.
    pub async fn finish(&mut self) -> Seen {
        let mut seen = Seen::default();
        let mut left = self.left();
        while left > 0 {
            match self.step() {
                Step::Done(count, more) => {
                    left = left.saturating_sub(count);
                    seen = seen.and(more);
                }
                Step::End => break,
                Step::Wait => self.ready().await,
            }
        }
        seen
    }

    /// How many bytes are not done with.
    fn left(&self) -> usize {
        let in_pipe = sys::waiting_in(self.from.get_ref().as_fd()).unwrap_or_default();
        in_pipe + self.unsent()
    }

    fn unsent(&self) -> usize {
        self.read.len() - self.sent
    }

    fn step(&mut self) -> Step {
        let step = match &self.to {
            Sink::Pipe(_) => self.tee(),
            _ if self.unsent() > 0 => self.write(),
            Sink::Socket(_) | Sink::Stream(_) => self.read(HANDFUL).map(|seen| Step::Done(0, seen)),
            Sink::File | Sink::Nobody => self.read(PIPE).map(|seen| Step::Done(0, seen)),
        };
        match step {
            Ok(Step::Done(0, _)) if self.read.is_empty() => Step::End,
            Ok(step) => step,
            Err(Errno::EAGAIN | Errno::EINTR) => Step::Wait,
            Err(error) if self.to.is_gone(error) => {
                info!(
                    "nobody reads our standard output any more: what the server writes there is dropped"
                );
                self.to = Sink::Nobody;
                self.step()
            }
            Err(error) => self.without(error),
        }
    }

    /// From pipe to pipe.
    fn tee(&mut self) -> nix::Result<Step> {
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
        let from = self.from.get_ref();
        let count = tee(from, stdout().as_fd(), PIPE, flags)?;
        if count == 0 && sys::waiting_in(from.as_fd()).is_ok_and(|waiting| waiting > 0) {
            // Not the end: somebody who writes to the same pipe was faster.
            return Err(Errno::EAGAIN);
        }
        // They are still in the pipe, and nobody else reads it.
        let seen = self.read(count)?;
        self.sent = self.read.len();
        Ok(Step::Done(count, seen))
    }

    /// The first half of the way to anything but a pipe. Nothing at all means the end.
    fn read(&mut self, most: usize) -> nix::Result<Seen> {
        self.read.resize(most, 0);
        let count = read(self.from.get_ref(), &mut self.read);
        self.read.truncate(count.unwrap_or_default());
        self.sent = 0;
        count.map(|_| self.marks.look_at(&self.read))
    }

    /// The second half.
    fn write(&mut self) -> nix::Result<Step> {
        let unsent = &self.read[self.sent..];
        let piece = match self.to {
            Sink::Nobody => unsent.len(),
            Sink::File => write(stdout(), unsent)?,
            Sink::Socket(_) => sys::send_now(stdout().as_fd(), unsent)?,
            Sink::Pipe(_) | Sink::Stream(_) => {
                match is_ready(stdout().as_fd(), PollFlags::POLLOUT) {
                    true => write(stdout(), &unsent[..unsent.len().min(PIECE)])?,
                    false => return Err(Errno::EAGAIN),
                }
            }
        };
        self.sent += piece;
        Ok(Step::Done(piece, Seen::default()))
    }

    /// What follows from an error that nothing else follows from.
    fn without(&mut self, error: Errno) -> Step {
        match std::mem::replace(&mut self.to, Sink::File) {
            // This kernel has no tee(2).
            Sink::Pipe(fd) => self.to = Sink::Stream(fd),
            to => {
                self.to = to;
                if !std::mem::replace(&mut self.lossy, true) {
                    // A disk that is full, say. The server goes on, as it would without us.
                    warn!(
                        "cannot write the server's output: {error}; what cannot be written is lost"
                    );
                }
            }
        }
        let lost = self.unsent();
        self.sent = self.read.len();
        Step::Done(lost, Seen::default())
    }

    async fn ready(&self) {
        if self.unsent() == 0 {
            wait(&self.from, Interest::READABLE, PollFlags::POLLIN).await;
        }
        match &self.to {
            Sink::Socket(_) | Sink::Stream(_) if self.unsent() == 0 => {}
            Sink::Pipe(to) | Sink::Socket(to) | Sink::Stream(to) => {
                wait(to, Interest::WRITABLE, PollFlags::POLLOUT).await;
            }
            Sink::File | Sink::Nobody => {}
        }
    }
}

/// Waits until poll(2) says so: epoll tells of a change once, and what was said before may be over.
async fn wait(fd: &AsyncFd<OwnedFd>, interest: Interest, flags: PollFlags) {
    // It fails only without a runtime.
    while let Ok(mut ready) = fd.ready(interest).await {
        if is_ready(fd.get_ref().as_fd(), flags) {
            return;
        }
        ready.clear_ready();
    }
}

/// Whether an attempt would not have to wait, be it that it fails.
fn is_ready(fd: BorrowedFd<'_>, flags: PollFlags) -> bool {
    poll(&mut [PollFd::new(fd, flags)], PollTimeout::ZERO).is_ok_and(|count| count > 0)
}
