//! The one home of unsafe: what neither the standard library nor nix wraps.
#![expect(unsafe_code, reason = "system calls that no safe wrapper covers")]

mod spawn;
mod wipe;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::SignalFd;
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::exit::Ended;

pub use spawn::{ChildSetup, Identity, Image, SpawnError, spawn};
pub use wipe::empty_variables;

/// The umask that we were started with, which is for the server.
static UMASK: AtomicU32 = AtomicU32::new(0);

/// Makes the files that we make our own, and no less: a umask may also take away what we need ourselves.
pub fn keep_files_private() {
    let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    UMASK.store(before.bits(), Ordering::Relaxed);
}

/// The highest signal number on Linux.
pub const LAST_SIGNAL: c_int = 64;

/// All signals. The C library's own idea of that leaves out some which it keeps for itself: for musl, one that others
/// know as `SIGRTMIN`.
pub fn all_signals() -> SigSet {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it is a place for as many bits, and any of them make a set. The kernel passes over those that nobody can
    // block.
    unsafe {
        set.as_mut_ptr().write_bytes(u8::MAX, 1);
        SigSet::from_sigset_t_unchecked(set.assume_init())
    }
}

/// Whether a signal was set to be ignored by whoever started us.
pub fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null pointer asks and sets nothing; `action` is a place for the answer, and all zeroes is
    // a valid one.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Gives a signal back its default disposition. Fails, harmlessly, for the few that have no other.
pub fn set_default(signal: c_int) {
    // SAFETY: `SIG_DFL` runs no code of ours.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
    }
}

/// Sends a signal by its number, which may be a real-time one; a negative `pid` means a process group.
///
/// # Errors
/// As kill(2).
pub fn kill(pid: Pid, signal: c_int) -> nix::Result<()> {
    // SAFETY: kill takes two numbers.
    Errno::result(unsafe { libc::kill(pid.as_raw(), signal) }).map(drop)
}

/// Sends a signal to the whole process group of this leader.
///
/// # Errors
/// As kill(2).
pub fn kill_group(leader: Pid, signal: c_int) -> nix::Result<()> {
    kill(Pid::from_raw(-leader.as_raw()), signal)
}

/// How many bytes wait in a pipe.
///
/// # Errors
/// As ioctl(2).
pub fn waiting_in(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let mut count: c_int = 0;
    // SAFETY: FIONREAD writes one number, and `count` is a place for it.
    Errno::result(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Whether a signal that is blocked waits for us.
pub fn is_pending(signal: c_int) -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: `pending` is a place for the answer, and all zeroes is a valid one.
    unsafe {
        libc::sigpending(pending.as_mut_ptr());
        libc::sigismember(pending.as_ptr(), signal) == 1
    }
}

/// Sends what a socket takes at once, whatever mode it is in. Nobody gets a SIGPIPE for it.
///
/// # Errors
/// `EAGAIN` when that is nothing; else as send(2).
pub fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> nix::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: it reads as many bytes as there are, from where they are.
    let sent = unsafe {
        libc::send(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            flags,
        )
    };
    Errno::result(sent).map(isize::cast_unsigned)
}

/// Registers a signalfd with the runtime.
///
/// # Errors
/// When the kernel has no room for another watch.
pub fn async_signals(fd: SignalFd) -> io::Result<AsyncFd<SignalFd>> {
    // SAFETY: a `SignalFd` owns its descriptor, and nobody takes it out of the `AsyncFd` or replaces it.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Registers any other descriptor with the runtime.
///
/// # Errors
/// When the kernel cannot watch it, as it cannot a file, or has no room for another watch.
pub fn async_fd(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` owns its descriptor, and nobody takes it out of the `AsyncFd` or replaces it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}

/// What has happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Ended(Ended),
    /// By which signal.
    Stopped(c_int),
}

/// Takes the next change of any child, real-time signals included.
///
/// # Errors
/// `ECHILD` when there are no children.
pub fn wait_any() -> nix::Result<Option<(Pid, Change)>> {
    let mut status = 0;
    let options = libc::WNOHANG | libc::WUNTRACED;
    // SAFETY: `status` is a place for the answer.
    let pid = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) })?;
    if pid == 0 {
        return Ok(None);
    }
    let change = if libc::WIFSTOPPED(status) {
        Change::Stopped(libc::WSTOPSIG(status))
    } else if libc::WIFEXITED(status) {
        // WEXITSTATUS is eight bits wide.
        Change::Ended(Ended::Exited(libc::WEXITSTATUS(status) as u8))
    } else {
        // Without WCONTINUED there is no fourth case.
        Change::Ended(Ended::Signaled(libc::WTERMSIG(status)))
    };
    Ok(Some((Pid::from_raw(pid), change)))
}
