//! How an emulator is to be when it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::account::Account;
use crate::behaviour::Behaviour;
use crate::fault::Fault;
use crate::secret::Secret;

/// Everything that can be chosen; the default is the real services as we know them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where everything is served; port 0 for any free one.
    pub listen: SocketAddr,
    /// A second address that serves the broker alone.
    pub broker_listen: Option<SocketAddr>,
    /// The first one is meant wherever none is named.
    pub accounts: Vec<Account>,
    /// The `iss` of every token.
    pub issuer: String,
    /// What the broker wants as a bearer token; none: it takes anyone.
    pub broker_token: Option<Secret>,
    /// What the broker gives each call upstream, and its own answer.
    pub broker_timeout: Duration,
    /// How long a session lives, from its creation or its last refresh.
    pub session_ttl: Duration,
    /// How long an access token lives.
    pub access_ttl: Duration,
    /// How long a refresh token lives.
    pub refresh_ttl: Duration,
    /// How long a device code can be approved.
    pub device_ttl: Duration,
    /// How long a client has to wait between two polls.
    pub device_interval: Duration,
    /// The switches.
    pub behaviour: Behaviour,
    /// Faults that are queued from the start.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            broker_listen: None,
            accounts: vec![Account::named("default")],
            issuer: "https://sessions.hytale.com".to_owned(),
            broker_token: None,
            broker_timeout: Duration::from_secs(30),
            session_ttl: Duration::from_hours(1),
            access_ttl: Duration::from_hours(1),
            refresh_ttl: Duration::from_hours(30 * 24),
            device_ttl: Duration::from_mins(15),
            device_interval: Duration::from_secs(5),
            behaviour: Behaviour::default(),
            faults: Vec::new(),
        }
    }
}

impl Options {
    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    pub(crate) fn account_or_first(&self, name: Option<&str>) -> Result<&Account, String> {
        match name {
            Some(name) => self
                .account(name)
                .ok_or_else(|| format!("there is no account `{name}`")),
            None => self
                .accounts
                .first()
                .ok_or_else(|| "there is no account".to_owned()),
        }
    }
}
