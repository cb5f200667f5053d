//! What a kill costs: a wrapper was killed, another one starts on the same state folder, and the accounts are
//! looked at.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};

use super::servers::UP;
use super::until;
use super::world::Start;
use super::{Finished, World};

/// The wrappers that were killed in one world.
///
/// One loss is allowed: a token whose answer had not reached the wrapper, or had and was not on disk yet. No file
/// ever held such a token, and the wrapper had not gone on to say that it has it.
pub struct Kills<'a> {
    world: &'a World,
    /// Tokens that were in some file when no wrapper was alive: the sessions behind them have to be freed.
    on_disk: BTreeSet<String>,
    /// What a wrapper says (at the level debug) once its newest token is on disk.
    on_disk_word: &'static str,
    /// How many wrappers were killed without having said so.
    early: usize,
}

impl<'a> Kills<'a> {
    pub fn of(world: &'a World) -> Self {
        Self {
            world,
            on_disk: world.tokens_on_disk(),
            on_disk_word: "session open until",
            early: 0,
        }
    }

    /// For wrappers that are to renew their token.
    pub fn at_the_renewal(self) -> Self {
        Self {
            on_disk_word: "session token renewed",
            ..self
        }
    }

    /// To be told of each wrapper before another one is started; whether it was killed.
    pub fn note(&mut self, finished: &Finished) -> bool {
        self.on_disk.extend(self.world.tokens_on_disk());
        let killed = finished.status.signal() == Some(SIGKILL as i32);
        if killed && !finished.stderr.contains(self.on_disk_word) {
            self.early += 1;
        }
        killed
    }

    /// Starts once more and stops again; how many sessions are lost.
    #[track_caller]
    pub fn start_once_more(self, start: Start) -> usize {
        let world = self.world;
        let run = start.sh(UP).spawn();
        run.line("up");
        until("the sweep leaves only the lease of the living", || {
            world.leases().len() == 1
        });
        run.signal(SIGTERM);
        run.wait().code(143).never_says("warning");
        assert!(world.leases().is_empty(), "{:?}", world.leases());
        self.lost()
    }

    /// How many sessions are lost, once everything else is freed.
    #[track_caller]
    pub fn lost(self) -> usize {
        let lost = self.world.live_sessions();
        for session in &lost {
            assert!(
                !self.on_disk.contains(&session.newest_token),
                "it was on disk and is not freed: {session:?}"
            );
        }
        assert!(
            lost.len() <= self.early,
            "{lost:?}, where {} wrappers were killed before they had a lease",
            self.early
        );
        lost.len()
    }
}
