//! An open session: a slot that is ours from the moment a source named it until it is freed.

use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tracing::{debug, info, warn};

use crate::config::session::{Release, Session as Config};
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::hytale::http::Http;
use crate::hytale::jwt::{self, TokenError};
use crate::hytale::sessions::{self, ReleaseError, Released};
use crate::lease::{Lease, Record, StateDir};

/// Why tokens are no good for a server.
#[derive(Debug, Error)]
pub enum SessionError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the session of these tokens was already freed")]
    Released,
}

impl SessionError {
    pub fn code(&self) -> Code {
        Code::Refused
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Token(TokenError::Expired(..) | TokenError::TooShort { .. }) => {
                "get new tokens; if these should be new, check this machine's clock"
            }
            Self::Token(_) => "check what the source hands out: this is not what a server can use",
            Self::Released => {
                "tokens serve for one start: give new ones, or use a source that gets them at every start"
            }
        }
    }
}

/// The folder for leases, if there is one to be had. Without it a session is freed all the same, unless
/// this process is killed.
#[derive(Debug)]
pub struct Sessions<'a> {
    config: &'a Config,
    state: Option<StateDir>,
}

/// A session that is to be released.
#[derive(Debug)]
pub struct Session<'a> {
    tokens: TokenPair,
    config: &'a Config,
    lease: Option<Lease>,
}

impl<'a> Sessions<'a> {
    pub fn new(config: &'a Config) -> Self {
        let state = match &config.state_dir {
            _ if config.release == Release::Never => None,
            None => {
                warn!(
                    hint = "give --state-dir",
                    "there is no folder for leases: a session is not freed when this process is killed"
                );
                None
            }
            Some(path) => match StateDir::open(path) {
                Ok(state) => Some(state),
                Err(error) => {
                    warn!(
                        hint = "make it writable, or give another --state-dir",
                        "cannot use the state folder {}: {error}; a session is not freed when this process is \
                         killed",
                        path.display()
                    );
                    None
                }
            },
        };
        Self { config, state }
    }

    /// Takes over the session of a token pair: its lease comes before anything else.
    ///
    /// # Errors
    /// When no session can be behind these tokens, or none any more. Then there is nothing to release.
    pub fn open(&self, tokens: TokenPair, source: String) -> Result<Session<'a>, SessionError> {
        let expires_at = jwt::expiry("session", &tokens.session)?;
        if let Some(state) = &self.state
            && state.was_released(&tokens.session)
        {
            return Err(SessionError::Released);
        }
        let lease = self.state.as_ref().and_then(|state| {
            let url = self.config.sessions_url.to_string();
            let record = Record::new(source, url, &tokens.session, expires_at);
            state
                .lease(record)
                .inspect_err(|error| {
                    warn!("cannot write a lease: {error}; the session is not freed when this process is killed");
                })
                .ok()
        });
        debug!("session open until {expires_at}");
        Ok(Session {
            tokens,
            config: self.config,
            lease,
        })
    }
}

impl Session<'_> {
    pub fn tokens(&self) -> &TokenPair {
        &self.tokens
    }

    /// Whether a server can live with these tokens.
    ///
    /// # Errors
    /// For the first of the two with which it cannot.
    pub fn check(&self, min_life: Duration) -> Result<(), SessionError> {
        Ok(jwt::check(&self.tokens, min_life, Timestamp::now())?)
    }

    /// Frees the slot. A failure is told here and goes no further: the server's outcome is what counts, and
    /// the lease stays for the next start.
    pub async fn release(self) {
        if self.config.release == Release::Never {
            return;
        }
        match self.free().await {
            Ok(Released::Freed) => info!("session released"),
            Ok(Released::AlreadyGone) => info!("session released: it was already gone"),
            Err(error) => {
                let then = match self.lease {
                    Some(_) => "its lease stays for the next start",
                    None => "it holds its slot until it expires",
                };
                return warn!("cannot release the session: {error}; {then}");
            }
        }
        if let Some(Err(error)) = self.lease.map(Lease::strike) {
            warn!("cannot strike the lease of a session that is free: {error}");
        }
    }

    async fn free(&self) -> Result<Released, ReleaseError> {
        let http = Http::to(&self.config.sessions_url)?;
        sessions::release(&http, &self.tokens.session).await
    }
}
