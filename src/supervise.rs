//! The work of PID 1, in one loop: pass signals on, reap, and know when the server is gone.
//!
//! Every signal is blocked from the first instruction of `main` on and read from a descriptor instead, so
//! none is lost and nothing here runs inside a handler. The order in the loop matters twice: a SIGCHLD is
//! taken before the children are asked, so a child that ends in between raises a new one; and what the server
//! has said is heard before a signal is passed on, since it may be saving its world already.
//!
//! Before the server lives we may fail. From here on we only warn and go on.

mod agenda;
mod care;
mod oom;
pub mod output;
mod reap;
pub mod signals;
pub mod terminal;

use std::fs::File;

use nix::sys::prctl;
use nix::unistd::Pid;
use tracing::warn;

use crate::config::Run as Config;
use crate::exit::Ended;
use crate::ready::Announcer;
use crate::stop::Stop;
use crate::sys::Change;
use care::Care;
use output::{Output, Seen};
use signals::Signals;
use terminal::Terminal;

/// The server's process, leader of its own group.
#[derive(Debug)]
pub struct Child {
    pub pid: Pid,
    /// The memory file with the tokens, while they stand in it.
    pub argfile: Option<File>,
    /// The terminal on its standard input.
    pub terminal: Option<Terminal>,
}

/// How a server's life went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    pub ended: Ended,
    /// Whether it said that it was ready.
    pub was_ready: bool,
    /// Whether it was stopped because it did not.
    pub gave_up: bool,
}

/// Makes orphans of the server our children, as if we were PID 1.
pub fn adopt_orphans() {
    if let Err(error) = prctl::set_child_subreaper(true) {
        warn!("cannot become a subreaper: {error}");
    }
}

/// Looks after a server until it has ended. The first stop signal is told to `stopping`.
pub async fn supervise(
    server: Child,
    output: &mut Option<Output>,
    config: &Config,
    signals: &mut Signals,
    stopping: &Stop,
    announcer: &Announcer,
) -> Served {
    let mut care = Care::of(server, output.is_some(), config, stopping, announcer);
    loop {
        match reap::all(care.server()) {
            Some(Change::Ended(ended)) => return care.ended(ended),
            Some(Change::Stopped(signal)) => care.stopped(signal),
            None => {}
        }
        tokio::select! {
            signal = signals.next() => {
                care.heard(output.as_mut().map(Output::now).unwrap_or_default());
                care.signal(signal);
            }
            seen = next(output) => care.heard(seen),
            due = care.agenda.next() => care.due(due),
        }
    }
}

/// What the server says next, where that is watched.
async fn next(output: &mut Option<Output>) -> Seen {
    match output {
        Some(output) => output.next().await,
        None => std::future::pending().await,
    }
}
