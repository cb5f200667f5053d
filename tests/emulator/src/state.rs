//! What the emulator remembers, behind one lock; whoever changes it wakes those that wait for a change.

pub(crate) mod devices;
pub(crate) mod grants;
pub(crate) mod requests;
pub(crate) mod sessions;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::account::{Account, Profile};
use crate::behaviour::Behaviour;
use crate::clock::{self, Clock};
use crate::fault::queue::FaultQueue;
use crate::options::Options;
use crate::token::{SigningKey, TokenPair};
use crate::view::View;
use devices::{Devices, Verdict};
use grants::Grants;
use requests::Requests;
use sessions::Sessions;

/// One emulator: what never changes beside what does.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) url: String,
    pub(crate) key: SigningKey,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) behaviour: Behaviour,
    pub(crate) clock: Clock,
    pub(crate) faults: FaultQueue,
    pub(crate) requests: Requests,
    pub(crate) sessions: Sessions,
    pub(crate) grants: Grants,
    pub(crate) devices: Devices,
}

impl Shared {
    pub(crate) fn new(options: Options, url: String) -> Self {
        let mut faults = FaultQueue::default();
        options
            .faults
            .iter()
            .cloned()
            .for_each(|fault| faults.push(fault));
        let state = State {
            behaviour: options.behaviour,
            clock: Clock::default(),
            faults,
            requests: Requests::default(),
            sessions: Sessions::default(),
            grants: Grants::default(),
            devices: Devices::default(),
        };
        Self {
            options,
            url,
            key: SigningKey::generate(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.lock());
        self.changed.notify_all();
        outcome
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        look(&View::of(&self.lock(), &self.options))
    }

    /// Looks again after every change, and when a session expires, since nothing else tells of that.
    pub(crate) fn wait_for(
        &self,
        mut met: impl FnMut(&View<'_>) -> bool,
        timeout: Duration,
    ) -> bool {
        let begun = Instant::now();
        let mut state = self.lock();
        loop {
            if met(&View::of(&state, &self.options)) {
                return true;
            }
            let left = timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            let now = state.clock.now();
            let expiry = state
                .sessions
                .next_expiry(now)
                .map(|time| clock::between(now, time) + Duration::from_millis(1));
            let nap = expiry.map_or(left, |expiry| expiry.min(left));
            let woken = self.changed.wait_timeout(state, nap);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Opens a session, limit or not.
    pub(crate) fn open_session(
        &self,
        state: &mut State,
        account: &Account,
        profile: &Profile,
        lifetime: Duration,
    ) -> TokenPair {
        let now = state.clock.now();
        let expires = clock::after(now, lifetime);
        let pair = self.key.pair(&self.options.issuer, profile, now, expires);
        state
            .sessions
            .open(&account.name, profile, &pair, now, expires);
        pair
    }

    /// Whether a device login waited under this code.
    pub(crate) fn decide(&self, user_code: &str, verdict: Verdict<'_>) -> bool {
        self.change(|state| state.devices.decide(user_code, verdict, state.clock.now()))
    }

    /// A test that panicked while it looked has changed nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
