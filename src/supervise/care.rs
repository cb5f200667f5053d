//! What each event in a server's life means for it, for its terminal, and for those who want to know.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{SIGCHLD, SIGKILL, SIGTERM, c_int};
use nix::unistd::Pid;
use tracing::{debug, info, warn};

use super::agenda::{Agenda, Due};
use super::output::Seen;
use super::signals::{is_stop, name};
use super::{Child, Served, oom, terminal};
use crate::config::Run as Config;
use crate::config::server::SignalScope;
use crate::exit::Ended;
use crate::ready::Announcer;
use crate::stop::Stop;
use crate::sys;

/// How long the launcher has to read its argument file.
const ARGFILE_LIFE: Duration = Duration::from_secs(60);

/// How often the service manager is asked for more time while the server shuts down, for how much, and how often
/// at most: a server that hangs is to be killed some time.
const EXTEND_EVERY: Duration = Duration::from_secs(10);
const EXTEND_BY: Duration = Duration::from_secs(30);
const MOST_EXTENSIONS: u32 = 60;

/// A server in our care, and all that is known of it.
#[derive(Debug)]
pub struct Care<'a> {
    server: Child,
    config: &'a Config,
    stopping: &'a Stop,
    announcer: &'a Announcer,
    pub agenda: Agenda,
    ready: bool,
    gave_up: bool,
    /// It has said so: it saves its world, and a stop signal would cut that short.
    shutting_down: bool,
    extensions: u32,
    oom_kills: Option<u64>,
}

impl<'a> Care<'a> {
    pub fn of(
        server: Child,
        watched: bool,
        config: &'a Config,
        stopping: &'a Stop,
        announcer: &'a Announcer,
    ) -> Self {
        let mut care = Self {
            server,
            config,
            stopping,
            announcer,
            agenda: Agenda::default(),
            ready: false,
            gave_up: false,
            shutting_down: false,
            extensions: 0,
            oom_kills: oom::kills(),
        };
        announcer.starting(care.server.pid);
        if !watched {
            // There is no line to wait for.
            announcer.ready();
        }
        if care.server.argfile.is_some() {
            care.agenda.after(ARGFILE_LIFE, Due::EmptyArgfile);
        }
        if let Some(timeout) = config.readiness.until_ready {
            care.agenda.after(timeout, Due::GiveUp);
        }
        care.due(Due::Watchdog);
        care
    }

    pub fn server(&self) -> Pid {
        self.server.pid
    }

    /// The server is gone.
    pub fn ended(self, ended: Ended) -> Served {
        if ended == Ended::Signaled(SIGKILL) && oom::kills() > self.oom_kills {
            warn!(
                hint = "raise the memory limit, or lower the JVM's -Xmx: it needs room beside its heap",
                "out of memory: the kernel killed the server"
            );
        }
        end_group(self.server.pid);
        self.announcer.server_gone();
        Served {
            ended,
            was_ready: self.ready,
            gave_up: self.gave_up,
        }
    }

    /// The server was stopped, by Ctrl-Z for instance.
    pub fn stopped(&mut self, signal: c_int) {
        terminal::follow(self.server.terminal.as_mut(), self.server.pid, signal);
    }

    /// A signal has come.
    pub fn signal(&mut self, signal: c_int) {
        if signal == SIGCHLD {
            return;
        }
        if is_stop(signal) && self.shutting_down {
            info!(
                "the server is shutting down already: {} is held back, so that it can save its world",
                name(signal)
            );
        } else {
            forward(self.server.pid, self.config.server.signal_scope, signal);
        }
        if is_stop(signal) {
            self.stop();
        }
    }

    /// The server has said something, or nothing of ours.
    pub fn heard(&mut self, seen: Seen) {
        let begins_shutdown = seen.shutting_down && !self.shutting_down;
        // Known before a signal of ours is passed on below.
        self.shutting_down |= seen.shutting_down;
        if seen.ready && !self.ready {
            info!("the server is ready");
            self.ready = true;
            self.agenda.strike(Due::EmptyArgfile);
            self.agenda.strike(Due::GiveUp);
            self.empty_argfile();
            self.announcer.ready();
            if self.config.readiness.until_ready.is_some() {
                self.signal(SIGTERM);
            }
        }
        if begins_shutdown {
            debug!("the server is shutting down");
            self.announcer.stopping();
            self.due(Due::Extend);
        }
    }

    /// Something is to be done.
    pub fn due(&mut self, due: Due) {
        match due {
            Due::EmptyArgfile => self.empty_argfile(),
            Due::GiveUp => {
                warn!("the server was not ready in time: stopping it");
                self.gave_up = true;
                self.signal(SIGTERM);
            }
            Due::Kill => {
                warn!("the server has not ended in time after a stop signal: killing it");
                forward(self.server.pid, SignalScope::Group, SIGKILL);
            }
            Due::Watchdog => {
                if let Some(interval) = self.announcer.keep_alive() {
                    self.agenda.after(interval, Due::Watchdog);
                }
            }
            Due::Extend => {
                self.extensions += 1;
                if self.announcer.extend(EXTEND_BY) && self.extensions < MOST_EXTENSIONS {
                    self.agenda.after(EXTEND_EVERY, Due::Extend);
                }
            }
        }
    }

    /// A stop was asked for; only the first time counts.
    fn stop(&mut self) {
        if self.stopping.is_requested() {
            return;
        }
        self.stopping.request();
        self.announcer.stopping();
        // It is not late any more, only slow to end.
        self.agenda.strike(Due::GiveUp);
        if let Some(timeout) = self.config.server.stop_timeout {
            self.agenda.after(timeout, Due::Kill);
        }
    }

    /// The launcher has long read its arguments, and the mods need not.
    fn empty_argfile(&mut self) {
        if let Some(Err(error)) = self.server.argfile.take().map(|file| file.set_len(0)) {
            warn!("cannot empty the argument file: {error}");
        }
    }
}

fn forward(server: Pid, scope: SignalScope, signal: c_int) {
    let sent = match scope {
        SignalScope::Child => sys::kill(server, signal),
        // A server that has left its group is still ours.
        SignalScope::Group => match sys::kill_group(server, signal) {
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
    if sys::kill_group(server, SIGTERM).is_ok() {
        debug!("the rest of the server's process group got SIGTERM");
    }
}
