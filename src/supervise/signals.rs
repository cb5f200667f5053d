//! Signals, taken in at the door: blocked before anything else happens, then read one by one.

use std::io;
use std::time::Duration;

use nix::libc::{self, c_int};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::{Pid, getpid};
use tokio::io::unix::AsyncFd;
use tracing::warn;

use crate::sys;

/// All signals are blocked: they wait for [`Signals`], whoever sends them and however early.
#[derive(Debug)]
pub struct Blocked {
    mask: SigSet,
}

/// Where the blocked signals are read.
#[derive(Debug)]
pub struct Signals {
    fd: AsyncFd<SignalFd>,
}

impl Blocked {
    /// To be called before anything else. A SIGHUP that somebody set to be ignored (nohup) stays so.
    ///
    /// # Errors
    /// Never, as far as the kernel's manual goes.
    pub fn new() -> io::Result<Self> {
        let mut mask = sys::all_signals();
        if sys::is_ignored(libc::SIGHUP) {
            mask.remove(Signal::SIGHUP);
        }
        // Ignored children would be reaped by the kernel, and the server's status with them.
        sys::set_default(libc::SIGCHLD);
        mask.thread_set_mask()?;
        Ok(Self { mask })
    }

    /// Starts to read them. Needs the runtime.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn read(self) -> io::Result<Signals> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = sys::async_signals(SignalFd::with_flags(&self.mask, flags)?)?;
        Ok(Signals { fd })
    }
}

impl Signals {
    /// The next signal. Losing this future loses no signal.
    pub async fn next(&mut self) -> c_int {
        loop {
            if let Some(signal) = self.take() {
                return signal;
            }
            match self.fd.readable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(error) => {
                    // Only without a runtime. Look after the children all the same, once a second.
                    warn!("cannot wait for signals: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    return libc::SIGCHLD;
                }
            }
        }
    }

    /// The next signal that would end a process which does nothing about it.
    pub async fn ending(&mut self) -> c_int {
        loop {
            match self.next().await {
                libc::SIGTSTP => drop(stop(getpid())),
                signal if is_ending(signal) => return signal,
                _ => {}
            }
        }
    }

    /// Such a signal, if one is waiting already.
    pub fn ending_now(&mut self) -> Option<c_int> {
        std::iter::from_fn(|| self.take()).find(|&signal| is_ending(signal))
    }

    fn take(&self) -> Option<c_int> {
        loop {
            let info = self.fd.get_ref().read_signal().ok()??;
            // Not a word about it: it may be our log that nobody reads, and each line would bring the next one.
            if !is_our_broken_pipe(&info) {
                return c_int::try_from(info.ssi_signo).ok();
            }
        }
    }
}

/// Stops us, or the whole process group (0) that we are part of, as Ctrl-Z does where nobody blocks it. Whether
/// somebody had to continue us: the kernel stops neither PID 1 nor a group that no shell looks after.
pub fn stop(whom: Pid) -> bool {
    let signal = SigSet::from(Signal::SIGTSTP);
    let done = sys::kill(whom, libc::SIGTSTP)
        .and_then(|()| signal.thread_unblock())
        .and_then(|()| signal.thread_block());
    if let Err(error) = done {
        warn!("cannot stop: {error}");
    }
    // What continued us is blocked too. A stop takes away any that came before it.
    sys::is_pending(libc::SIGCONT)
}

/// Asks the server to stop, as everybody who runs servers means it. (SIGQUIT asks a JVM for its threads.)
pub fn is_stop(signal: c_int) -> bool {
    matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGHUP)
}

/// Ends a process by default: signal(7) lists those that do not.
fn is_ending(signal: c_int) -> bool {
    !matches!(
        signal,
        libc::SIGCHLD
            | libc::SIGCONT
            | libc::SIGTSTP
            | libc::SIGTTIN
            | libc::SIGTTOU
            | libc::SIGURG
            | libc::SIGWINCH
    )
}

/// The kernel's way to tell us that our own write went nowhere. One from anybody else is passed on.
fn is_our_broken_pipe(info: &siginfo) -> bool {
    info.ssi_signo == libc::SIGPIPE.cast_unsigned() && info.ssi_pid == std::process::id()
}

/// A signal's name, for people.
pub fn name(signal: c_int) -> String {
    match Signal::try_from(signal) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {signal}"),
    }
}
