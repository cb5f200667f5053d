//! Worlds whose sessions live for little more than two minutes: the entrypoint renews its token two minutes before
//! it expires, so here it does after some seconds.

use std::time::Duration;

use hytale_emulator::{Behaviour, Options, SessionRecord};

use super::world::Start;
use super::{DEADLINE, World};

pub const REFRESH: &str = "/game-session/refresh";

/// Whole seconds are what a token's expiry is written in, so the renewal comes after two to three.
const LIFE: Duration = Duration::from_secs(123);

/// With this one it comes after nine to ten: a JVM on a busy machine needs that to boot and renew before us.
const LIFE_UNDER_A_JVM: Duration = Duration::from_secs(130);

impl World {
    pub fn short_lived(behaviour: Behaviour) -> Self {
        Self::living_for(LIFE, behaviour)
    }

    pub fn short_lived_under_a_jvm(behaviour: Behaviour) -> Self {
        Self::living_for(LIFE_UNDER_A_JVM, behaviour)
    }

    fn living_for(session_ttl: Duration, behaviour: Behaviour) -> Self {
        Self::with(Options {
            session_ttl,
            behaviour,
            ..Options::default()
        })
    }

    /// `run` with the broker, which takes what lives for so short a time.
    pub fn run_short_lived(&self) -> Start {
        self.run_with_broker().args(["--min-token-life", "0"])
    }

    /// Waits until the only session was refreshed so often, and our lease holds its newest token.
    #[track_caller]
    pub fn until_renewed(&self, times: u32) -> SessionRecord {
        let renewed = self.emulator.wait_for(
            |view| {
                view.sessions()
                    .first()
                    .is_some_and(|s| s.refreshes >= times)
            },
            DEADLINE,
        );
        assert!(renewed, "the session was not refreshed {times} times");
        super::until("the newest token is on disk", || {
            self.tokens_on_disk()
                .contains(&self.session(1).newest_token)
        });
        self.session(1)
    }

    /// With which token the session was freed, or tried to be: the last DELETE's.
    pub fn token_of_the_release(&self) -> Option<String> {
        let mut requests = self.emulator.requests();
        requests.retain(|request| request.method == "DELETE");
        requests.pop()?.bearer
    }
}
