//! The one home of unsafe: what neither the standard library nor nix wraps.
#![expect(unsafe_code, reason = "system calls that no safe wrapper covers")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, getpid, getppid};
use tokio::io::unix::AsyncFd;

use crate::exit::Ended;

/// The highest signal number on Linux.
pub const LAST_SIGNAL: c_int = 64;

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

/// Registers a signalfd with the runtime.
///
/// # Errors
/// When the kernel has no room for another watch.
pub fn async_signals(fd: SignalFd) -> io::Result<AsyncFd<SignalFd>> {
    // SAFETY: a `SignalFd` owns its descriptor, and nobody takes it out of the `AsyncFd` or replaces it.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// What has happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Ended(Ended),
    Stopped,
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
        Change::Stopped
    } else if libc::WIFEXITED(status) {
        // WEXITSTATUS is eight bits wide.
        Change::Ended(Ended::Exited(libc::WEXITSTATUS(status) as u8))
    } else {
        // Without WCONTINUED there is no fourth case.
        Change::Ended(Ended::Signaled(libc::WTERMSIG(status)))
    };
    Ok(Some((Pid::from_raw(pid), change)))
}

/// What a server's process is to be before it executes anything.
#[derive(Clone, Copy, Debug)]
pub struct ChildSetup {
    /// The one descriptor besides 0, 1 and 2 that it gets.
    pub keep: Option<RawFd>,
    /// The terminal whose foreground it takes.
    pub terminal: Option<RawFd>,
}

/// Arranges for a command's process to start clean: no descriptor of ours, default dispositions, an
/// empty signal mask, and a SIGTERM when we are gone.
pub fn set_up_child(command: &mut Command, setup: ChildSetup) {
    let parent = getpid();
    // A SIGHUP that was ignored when we came stays ignored: that is how nohup works. SIGTERM, SIGINT and
    // SIGQUIT never stay ignored: a JVM born so cannot be stopped.
    let hangup_ignored = is_ignored(libc::SIGHUP);
    let in_child = move || {
        for signal in 1..=LAST_SIGNAL {
            if !(signal == libc::SIGHUP && hangup_ignored) {
                set_default(signal);
            }
        }
        close_on_exec_from(3)?;
        if let Some(fd) = setup.keep {
            keep_on_exec(fd)?;
        }
        if let Some(fd) = setup.terminal {
            take_foreground(fd)?;
        }
        prctl::set_pdeathsig(Signal::SIGTERM)?;
        // We may have been killed before the line above; then nobody will send that SIGTERM.
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        // Last, since with it a signal can end this process.
        SigSet::empty().thread_set_mask()?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls may run: these are bare system calls, and
    // their errors hold a number, so nothing is allocated. We have one thread, which makes it safer still.
    unsafe {
        command.pre_exec(in_child);
    }
}

/// Marks all descriptors from `first` on, whoever opened them, to be closed by exec.
fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    // SAFETY: it takes three numbers and closes nothing now.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            c_int::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    match Errno::result(done) {
        Ok(_) => Ok(()),
        // Kernels before 5.11 and old container runtimes do not have it. A table of descriptors has an end.
        Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => {
            let (soft, _) =
                nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
            for fd in first..c_int::try_from(soft).unwrap_or(c_int::MAX) {
                // SAFETY: setting a flag on a number that is no descriptor fails with EBADF and does nothing.
                unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes our own process group the foreground one. SIGTTOU, which that would bring us, is still blocked.
fn take_foreground(terminal: RawFd) -> io::Result<()> {
    // SAFETY: it takes a number, and the group is our own.
    Errno::result(unsafe { libc::tcsetpgrp(terminal, libc::getpgrp()) })?;
    Ok(())
}

fn keep_on_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: it takes numbers; clearing the flag of our own descriptor closes nothing.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) })?;
    Ok(())
}
