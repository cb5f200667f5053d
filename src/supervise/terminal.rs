//! The terminal, lent to the server: its process group gets the foreground, so that the kernel sends it Ctrl-C,
//! Ctrl-Z and window-size changes, each once, and lets its console read.
//!
//! A shell above us knows our process group only. So when the server is stopped (Ctrl-Z) we take the terminal
//! back and stop our group, which is what the shell waits for; when it continues us with `fg`, we lend the
//! terminal again, and with `bg` we do not. Where no shell is above us (a container), the kernel does not stop us,
//! and we continue the server. SIGTTOU is blocked like every signal, so we may do this from the background.

use std::fs::File;
use std::io::stdin;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::libc::{SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, c_int};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, getpid, tcgetpgrp, tcsetpgrp};
use tracing::{debug, warn};

use super::signals::{name, stop};
use crate::sys;

/// The terminal on our standard input. It may be lent or not: in the background it is not ours to lend.
#[derive(Debug)]
pub struct Terminal {
    /// As we found it, while it is lent.
    settings: Option<Termios>,
    /// Whom it is lent to.
    server: Option<Pid>,
    /// How the server left it when it was last stopped in the foreground.
    of_server: Option<Termios>,
}

impl Terminal {
    /// Our terminal, if standard input is one that sends us signals.
    pub fn of_ours() -> Option<Self> {
        let lends = tcgetpgrp(stdin().as_fd()).ok()? == getpgrp();
        let settings = tcgetattr(stdin().as_fd()).ok()?;
        Some(Self {
            settings: lends.then_some(settings),
            server: None,
            of_server: None,
        })
    }

    /// What a new server takes the foreground of.
    pub fn to_lend(&self) -> Option<RawFd> {
        self.settings.as_ref().map(|_| stdin().as_raw_fd())
    }

    /// The server has taken the foreground on its way to exec; from then on it may be somebody else's.
    #[must_use]
    pub fn lent_to(mut self, server: Pid) -> Self {
        self.server = Some(server);
        self
    }

    fn follow(&mut self, server: Pid, signal: c_int) {
        // `fg` after `bg`, or after `&`: not every shell tells us that we are in the foreground now.
        let wants_it = matches!(signal, SIGTTIN | SIGTTOU);
        if wants_it && is_free() && self.lend(server) {
            resume(server);
            return;
        }
        if self.is_lent() {
            self.of_server = tcgetattr(stdin().as_fd()).ok();
            self.take_back();
        }
        // The key reached the server's group only; it was meant for all of the shell's job.
        let continued = stop(Pid::from_raw(0));
        if is_free() {
            self.lend(server);
        }
        if continued {
            // The SIGCONT that did it waits to be read, and is passed on to the server after this.
        } else if signal == SIGTSTP {
            resume(server);
        } else {
            stays_stopped(signal);
        }
    }

    fn lend(&mut self, server: Pid) -> bool {
        if self.settings.is_none() {
            self.settings = tcgetattr(stdin().as_fd()).ok();
        }
        if let Some(settings) = self.of_server.take() {
            let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &settings);
        }
        tcsetpgrp(stdin().as_fd(), server).is_ok()
    }

    /// Whether the server has it, or a child that never became one. After `bg` it is the shell's.
    fn is_lent(&self) -> bool {
        self.settings.is_some()
            && (self.server.is_none() || tcgetpgrp(stdin().as_fd()).ok() == self.server)
    }

    fn take_back(&mut self) {
        let _ = tcsetpgrp(stdin().as_fd(), getpgrp());
        if let Some(settings) = self.settings.take() {
            let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &settings);
        }
    }
}

/// However the server ended, the shell gets its terminal back as it was.
impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_lent() {
            self.take_back();
        }
    }
}

/// Follows a server that was stopped, until somebody continues us.
pub fn follow(terminal: Option<&mut Terminal>, server: Pid, signal: c_int) {
    match terminal {
        Some(terminal) => terminal.follow(server, signal),
        // Somebody stops the server alone, and will know why.
        None if signal == SIGSTOP => stays_stopped(signal),
        // It came to our group, and we passed it on.
        None if stop(getpid()) => {}
        None if signal == SIGTSTP && File::open("/dev/tty").is_ok() => resume(server),
        None => stays_stopped(signal),
    }
}

fn resume(server: Pid) {
    debug!("continuing the server: nobody else would");
    let _ = sys::kill_group(server, SIGCONT);
}

fn stays_stopped(signal: c_int) {
    warn!(
        "{} has stopped the server, until a SIGCONT comes",
        name(signal)
    );
}

/// Whether the foreground is our group's, or that of one that is gone.
fn is_free() -> bool {
    tcgetpgrp(stdin().as_fd())
        .is_ok_and(|group| group == getpgrp() || sys::kill_group(group, 0) == Err(Errno::ESRCH))
}
