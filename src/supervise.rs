//! The work of PID 1, in one loop: pass signals on, reap, and know when the server is gone.
//!
//! Every signal is blocked from the first instruction of `main` on and read from a descriptor instead, so
//! none is lost and nothing here runs inside a handler. The order in the loop matters once: a SIGCHLD is
//! taken before the children are asked, so a child that ends in between raises a new one.
//!
//! Before the server lives we may fail. From here on we only warn and go on.

mod reap;
pub mod signals;
pub mod terminal;

use std::fs::File;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{SIGCHLD, SIGKILL, SIGTERM, c_int};
use nix::sys::prctl;
use nix::unistd::Pid;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use crate::config::server::{Server as Config, SignalScope};
use crate::exit::Ended;
use crate::stop::Stop;
use crate::sys::{self, Change};
use signals::{Signals, is_stop, name};
use terminal::Terminal;

/// How long the launcher has to read its argument file.
const ARGFILE_LIFE: Duration = Duration::from_secs(60);

/// The server's process, leader of its own group.
#[derive(Debug)]
pub struct Child {
    pub pid: Pid,
    /// The memory file with the tokens, while they stand in it.
    pub argfile: Option<File>,
    /// The terminal that it was given the foreground of.
    pub terminal: Option<Terminal>,
}

/// Makes orphans of the server our children, as if we were PID 1.
pub fn adopt_orphans() {
    if let Err(error) = prctl::set_child_subreaper(true) {
        warn!("cannot become a subreaper: {error}");
    }
}

/// Looks after a server until it has ended. The first stop signal is told to `stopping`.
pub async fn supervise(
    mut server: Child,
    config: &Config,
    signals: &mut Signals,
    stopping: &Stop,
) -> Ended {
    let mut kill_at = None;
    let mut empty_at = server
        .argfile
        .is_some()
        .then(|| Instant::now() + ARGFILE_LIFE);
    loop {
        match reap::all(server.pid) {
            Some(Change::Ended(ended)) => {
                end_group(server.pid);
                return ended;
            }
            Some(Change::Stopped) => {
                if let Some(terminal) = &mut server.terminal {
                    terminal.suspend(server.pid);
                }
            }
            None => {}
        }
        tokio::select! {
            signal = signals.next() => {
                if signal == SIGCHLD {
                    continue;
                }
                forward(server.pid, config.signal_scope, signal);
                if is_stop(signal) && !stopping.is_requested() {
                    stopping.request();
                    kill_at = config.stop_timeout.map(|timeout| Instant::now() + timeout);
                }
            }
            () = at(kill_at) => {
                warn!("the server has not ended in time after a stop signal: killing it");
                forward(server.pid, SignalScope::Group, SIGKILL);
                kill_at = None;
            }
            () = at(empty_at) => {
                empty_argfile(&mut server);
                empty_at = None;
            }
        }
    }
}

/// A point in time that may never come.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn forward(server: Pid, scope: SignalScope, signal: c_int) {
    let group = Pid::from_raw(-server.as_raw());
    let sent = match scope {
        SignalScope::Child => sys::kill(server, signal),
        // A server that has left its group is still ours.
        SignalScope::Group => match sys::kill(group, signal) {
            Err(Errno::ESRCH) => sys::kill(server, signal),
            sent => sent,
        },
    };
    match sent {
        Ok(()) if is_stop(signal) => info!("passed {} on to the server", name(signal)),
        Ok(()) => debug!("passed {} on to the server", name(signal)),
        // It has just ended; its SIGCHLD is on the way.
        Err(Errno::ESRCH) => {}
        Err(error) => warn!("cannot pass {} on to the server: {error}", name(signal)),
    }
}

/// What a start script left behind in the server's group is asked to end. A daemon that made a group of its own
/// is left alone, but for PID 1: with it everything ends.
fn end_group(server: Pid) {
    let group = Pid::from_raw(-server.as_raw());
    if sys::kill(group, SIGTERM).is_ok() {
        debug!("the rest of the server's process group got SIGTERM");
    }
}

/// The launcher has long read its arguments, and the mods need not.
fn empty_argfile(server: &mut Child) {
    if let Some(Err(error)) = server.argfile.take().map(|file| file.set_len(0)) {
        warn!("cannot empty the argument file: {error}");
    }
}
