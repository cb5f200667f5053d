//! What there is to be seen, at one moment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::options::Options;
use crate::state::State;
use crate::state::requests::{Caller, RequestRecord};
use crate::state::sessions::SessionRecord;

/// The emulator at one moment: nothing changes while it is looked at.
#[derive(Debug)]
pub struct View<'a> {
    state: &'a State,
    options: &'a Options,
}

impl<'a> View<'a> {
    pub(crate) fn of(state: &'a State, options: &'a Options) -> Self {
        Self { state, options }
    }

    /// Every session there ever was.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        self.state.sessions.records(self.state.clock.now())
    }

    /// The slots taken, over all accounts.
    pub fn live(&self) -> usize {
        self.options
            .accounts
            .iter()
            .map(|account| self.live_of(&account.name))
            .sum()
    }

    /// The slots that an account has taken.
    pub fn live_of(&self, account: &str) -> usize {
        self.state.sessions.live(
            account,
            self.state.behaviour.expired_sessions,
            self.state.clock.now(),
        )
    }

    /// Every request that came over the wire, in order.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.by(Caller::Client).cloned().collect()
    }

    /// Every request that the broker sent upstream, in order.
    pub fn broker_requests(&self) -> Vec<RequestRecord> {
        self.by(Caller::Broker).cloned().collect()
    }

    /// How many requests of this kind came over the wire.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.by(Caller::Client)
            .filter(|request| request.method == method && request.path == path)
            .count()
    }

    /// The user codes that wait for a decision.
    pub fn user_codes(&self) -> Vec<String> {
        self.state.devices.undecided(self.state.clock.now())
    }

    /// How often a refresh token was used that had been replaced.
    pub fn incidents(&self) -> usize {
        self.state.grants.incidents()
    }

    /// The request log, the broker's own requests among the others.
    pub(crate) fn log(&self) -> &[RequestRecord] {
        self.state.requests.all()
    }

    /// The figures, for the control API.
    pub(crate) fn figures(&self) -> Value {
        let live: BTreeMap<_, _> = self
            .options
            .accounts
            .iter()
            .map(|account| (&account.name, self.live_of(&account.name)))
            .collect();
        let mut counts = BTreeMap::<String, usize>::new();
        for request in self.by(Caller::Client) {
            *counts
                .entry(format!("{} {}", request.method, request.path))
                .or_default() += 1;
        }
        json!({
            "live": live,
            "incidents": self.incidents(),
            "requests": counts,
            "user_codes": self.user_codes(),
            "behaviour": self.state.behaviour,
        })
    }

    fn by(&self, caller: Caller) -> impl Iterator<Item = &RequestRecord> {
        self.state
            .requests
            .all()
            .iter()
            .filter(move |request| request.caller == caller)
    }
}
