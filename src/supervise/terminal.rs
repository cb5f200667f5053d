//! The terminal, lent to the server: its process group gets the foreground, so that the kernel sends it Ctrl-C,
//! Ctrl-Z and window-size changes, each once, and lets its console read.
//!
//! A shell above us knows our process group only. So when the server is stopped (Ctrl-Z) we take the terminal
//! back and stop ourselves, which is what the shell waits for; when it continues us with `fg`, we lend the
//! terminal again, and with `bg` we do not. SIGTTOU is blocked like every signal, so we may do this from the
//! background.

use std::io::stdin;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::libc::{SIGCONT, SIGSTOP};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, getpid, getsid, tcgetpgrp, tcsetpgrp};
use tracing::{debug, warn};

use crate::sys;

/// The terminal on our standard input, with the settings that we found.
#[derive(Debug)]
pub struct Terminal {
    settings: Termios,
    /// Whom it is lent to.
    server: Option<Pid>,
    /// How the server left it when it was last stopped in the foreground.
    of_server: Option<Termios>,
}

impl Terminal {
    /// Our terminal, if we are in its foreground.
    pub fn of_ours() -> Option<Self> {
        let settings = tcgetattr(stdin().as_fd()).ok()?;
        in_foreground().then_some(Self {
            settings,
            server: None,
            of_server: None,
        })
    }

    pub fn as_raw_fd(&self) -> RawFd {
        stdin().as_raw_fd()
    }

    /// The server has taken the foreground on its way to exec; from then on it may be somebody else's.
    #[must_use]
    pub fn lent_to(mut self, server: Pid) -> Self {
        self.server = Some(server);
        self
    }

    /// Follows a server that was stopped, until somebody continues us.
    pub fn suspend(&mut self, server: Pid) {
        if is_session_leader() {
            // There is no shell above us (a container): nobody could ever continue us.
            debug!("the server was stopped, and nobody is there to continue it but us");
            let _ = sys::kill(Pid::from_raw(-server.as_raw()), SIGCONT);
            return;
        }
        if self.is_lent() {
            self.of_server = tcgetattr(stdin().as_fd()).ok();
            self.take_back();
        }
        if let Err(error) = sys::kill(getpid(), SIGSTOP) {
            warn!("cannot stop: {error}");
        }
        // Continued. The SIGCONT that did it waits to be read, and is passed on to the server after this.
        if in_foreground() {
            if let Some(settings) = &self.of_server {
                let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, settings);
            }
            let _ = tcsetpgrp(stdin().as_fd(), server);
        }
    }

    /// Whether the server has it, or a child that never became one. After `bg` it is the shell's.
    fn is_lent(&self) -> bool {
        match self.server {
            Some(_) => tcgetpgrp(stdin().as_fd()).ok() == self.server,
            None => true,
        }
    }

    fn take_back(&self) {
        let _ = tcsetpgrp(stdin().as_fd(), getpgrp());
        let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &self.settings);
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

fn in_foreground() -> bool {
    tcgetpgrp(stdin().as_fd()) == Ok(getpgrp())
}

fn is_session_leader() -> bool {
    getsid(None) == Ok(getpid())
}
