//! Leases as they lie on disk, and wrappers that are killed and leave one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hytale_emulator::{Ended, SessionRecord, fingerprint};
use nix::sys::signal::Signal::SIGKILL;
use serde_json::Value;

use super::running::{Finished, Running};
use super::servers::UP;
use super::world::Start;
use super::{DEADLINE, World};

impl World {
    pub fn lease_dir(&self) -> PathBuf {
        self.state_dir().join("leases")
    }

    /// The fingerprints of all session tokens that a sweep could find, in the emulator's form.
    pub fn tokens_on_disk(&self) -> BTreeSet<String> {
        let leases = self.leases();
        leases.iter().filter_map(|path| token_in(path)).collect()
    }

    /// So many wrappers whose servers are up are killed, and leave these sessions with their leases.
    #[track_caller]
    pub fn leave_sessions(&self, count: usize) -> Vec<SessionRecord> {
        let before = self.tokens_on_disk();
        // All live before one is killed: whoever starts later would free what it has left.
        let runs: Vec<_> = (0..count)
            .map(|_| {
                let run = self.run_with_broker().sh(UP).spawn();
                run.line("up");
                run
            })
            .collect();
        runs.iter().for_each(|run| run.signal(SIGKILL));
        for run in runs {
            run.wait().killed_by(SIGKILL);
        }
        let after = self.tokens_on_disk();
        let mut left = self.emulator.sessions();
        left.retain(|s| after.contains(&s.newest_token) && !before.contains(&s.newest_token));
        assert_eq!(left.len(), count, "a killed wrapper leaves a lease");
        left
    }

    #[track_caller]
    pub fn leave_a_session(&self) -> SessionRecord {
        self.leave_sessions(1).remove(0)
    }

    /// The session with this number, as it is now.
    pub fn session(&self, id: usize) -> SessionRecord {
        self.emulator.sessions().swap_remove(id - 1)
    }

    pub fn live_sessions(&self) -> Vec<SessionRecord> {
        let sessions = self.emulator.sessions().into_iter();
        sessions.filter(|s| s.ended == Ended::Live).collect()
    }

    /// Waits until this session is freed.
    #[track_caller]
    pub fn until_freed(&self, id: usize) {
        let freed = self.emulator.wait_for(
            |view| view.sessions()[id - 1].ended == Ended::Released,
            DEADLINE,
        );
        assert!(freed, "session {id} is not freed");
    }

    /// Waits until so many requests of this kind have come.
    #[track_caller]
    pub fn until_asked(&self, method: &str, path: &str, count: usize) {
        let asked = self
            .emulator
            .wait_for(|view| view.count(method, path) >= count, DEADLINE);
        assert!(asked, "no {count} times {method} {path}");
    }

    /// How the requests of this kind were answered, in the order in which they came.
    pub fn answers(&self, method: &str, path: &str) -> Vec<Option<u16>> {
        let requests = self.emulator.requests().into_iter();
        requests
            .filter(|r| r.method == method && r.path == path)
            .map(|r| r.outcome.status())
            .collect()
    }

    /// Another command than `run`, to its end.
    #[track_caller]
    pub fn finish(&self, arguments: &[&str]) -> Finished {
        finish(self.run(), arguments)
    }
}

/// Another command in the place of `run`, to its end.
#[track_caller]
pub fn finish(mut run: Start, arguments: &[&str]) -> Finished {
    let run = run.command();
    let mut command = Command::new(run.get_program());
    in_the_place_of(run, &mut command);
    command.args(arguments);
    Running::start(command).wait()
}

/// The fingerprint of the session token in a lease. What is no file is none.
pub fn token_in(lease: &Path) -> Option<String> {
    if !fs::metadata(lease).is_ok_and(|lease| lease.is_file()) {
        return None;
    }
    let lease: Value = serde_json::from_slice(&fs::read(lease).ok()?).ok()?;
    Some(fingerprint(lease["session_token"].as_str()?))
}

/// Gives a command the environment and the folder of another one.
pub fn in_the_place_of(other: &Command, command: &mut Command) {
    command.env_clear().stdin(Stdio::null());
    for (name, value) in other.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = other.get_current_dir() {
        command.current_dir(folder);
    }
}
