//! An open session: a slot that is ours from the moment a source named it until it is freed.

pub mod sweep;
mod trail;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};
use uuid::Uuid;

use crate::config::session::{Refresh, Release, Session as Config};
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::hytale::http::Http;
use crate::hytale::jwt::{self, TokenError};
use crate::hytale::sessions::{self, ReleaseError, Released, Tries};
use crate::lease::{Blank, Lease, Record, StateDir, Taken};
use crate::ready::{Announcer, SessionStatus};
use crate::secret::Secret;
use crate::stop::Stop;

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
    source: String,
    /// Where the token tells it.
    profile: Option<Uuid>,
    config: &'a Config,
    ours: RefCell<Ours>,
}

/// The token that frees the slot, which is not always the one that the server was given.
#[derive(Debug)]
struct Ours {
    token: Secret,
    expires_at: Timestamp,
    lease: Option<Lease>,
    /// Whether the service still took it when we last used it.
    standing: Standing,
}

/// What became of a session's slot when it was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Free,
    /// It could not be freed, or was not to be, or nobody knows.
    Taken,
}

/// Why there are no leases.
#[derive(Debug, Error)]
pub enum NoState {
    #[error("there is no folder for leases")]
    Nowhere,
    #[error("cannot use the state folder {}: {error}", path.display())]
    Unusable { path: PathBuf, error: io::Error },
}

impl NoState {
    /// What comes of it.
    pub const AND_SO: &str = "a session is not freed when this process is killed";

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Nowhere => "give --state-dir",
            Self::Unusable { .. } => "make it writable, or give another --state-dir",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Good,
    /// Not any more, or we never learnt what became of it: the server may hold the only token that frees the slot.
    Superseded,
}

/// How long before its expiry the server renews a token, and tells nobody.
const SERVER_RENEWS: Duration = Duration::from_secs(5 * 60);

impl<'a> Sessions<'a> {
    pub fn new(config: &'a Config) -> Self {
        let state = state_dir(config, StateDir::open).inspect_err(|error| {
            warn!(hint = error.hint(), "{error}; {}", NoState::AND_SO);
        });
        Self {
            config,
            state: state.ok().flatten(),
        }
    }

    /// The folder for leases as it is, if any are kept; nothing is made.
    ///
    /// # Errors
    /// When there could be none.
    pub fn look(config: &Config) -> Result<Option<StateDir>, NoState> {
        state_dir(config, |path| {
            let state = StateDir::at(path);
            state.would_open()?;
            Ok(state)
        })
    }

    /// Whether [`Sessions::open`] would take these tokens, and a server could live with them. Nothing is opened.
    ///
    /// # Errors
    /// As [`Sessions::open`] and [`check`].
    pub fn would_take(
        config: &Config,
        tokens: &TokenPair,
        min_life: Duration,
    ) -> Result<(), SessionError> {
        jwt::expiry("session", &tokens.session)?;
        if let Ok(Some(state)) = Self::look(config)
            && state.was_released(&tokens.session)
        {
            return Err(SessionError::Released);
        }
        check(tokens, min_life)
    }

    pub fn state(&self) -> Option<&StateDir> {
        self.state.as_ref()
    }

    /// Prepares a lease, so that it is written in no time once there is a session.
    pub fn blank(&self) -> Option<Blank> {
        let blank = self.state.as_ref()?.blank();
        blank.inspect_err(cannot_write).ok()
    }

    /// Takes over the session of a token pair: its lease comes before anything else.
    ///
    /// # Errors
    /// When no session can be behind these tokens, or none any more. Then there is nothing to release.
    pub fn open(
        &self,
        tokens: &TokenPair,
        source: String,
        blank: Option<Blank>,
    ) -> Result<Session<'a>, SessionError> {
        let expires_at = jwt::expiry("session", &tokens.session)?;
        let url = self.config.sessions_url.to_string();
        let record = Record::new(source.clone(), url, &tokens.session, expires_at);
        let mut ours = Ours {
            token: tokens.session.clone(),
            expires_at,
            lease: blank.and_then(|blank| blank.write(record).inspect_err(cannot_write).ok()),
            standing: Standing::Good,
        };
        if let Some(state) = &self.state {
            ours.take_over(state, &tokens.session.fingerprint());
            if state.was_released(&tokens.session) {
                drop(ours.lease.map(Lease::discard));
                return Err(SessionError::Released);
            }
        }
        debug!("session open until {expires_at}");
        Ok(Session {
            source,
            profile: jwt::profile(&tokens.identity),
            config: self.config,
            ours: RefCell::new(ours),
        })
    }
}

/// Whether a server can live with these tokens.
///
/// # Errors
/// For the first of the two with which it cannot.
pub fn check(tokens: &TokenPair, min_life: Duration) -> Result<(), SessionError> {
    Ok(jwt::check(tokens, min_life, Timestamp::now())?)
}

fn state_dir(
    config: &Config,
    open: impl FnOnce(&Path) -> io::Result<StateDir>,
) -> Result<Option<StateDir>, NoState> {
    if config.release == Release::Never {
        return Ok(None);
    }
    let path = config.state_dir.as_deref().ok_or(NoState::Nowhere)?;
    let opened = open(path).map_err(|error| NoState::Unusable {
        path: path.to_owned(),
        error,
    });
    opened.map(Some)
}

fn cannot_write(error: &io::Error) {
    warn!("cannot write a lease: {error}; the session is not freed when this process is killed");
}

impl Ours {
    /// A process that was killed may have left a lease of this very session, as when a container starts again
    /// with the tokens in its variables; and its token may be a newer one.
    fn take_over(&mut self, state: &StateDir, fingerprint: &str) {
        for leftover in state.leftovers_of(fingerprint) {
            let Ok(Taken::Lease(lease)) = leftover.take() else {
                continue;
            };
            let (token, expires_at) = (&lease.record().session_token, lease.record().expires_at);
            if expires_at > self.expires_at {
                self.renew(token.clone(), expires_at);
            }
            drop(lease.discard());
        }
    }

    /// Whether the server may have a newer token than we have.
    fn may_be_superseded(&self) -> bool {
        let server_has_renewed = Timestamp::now() + SERVER_RENEWS >= self.expires_at;
        self.standing == Standing::Superseded || server_has_renewed
    }

    fn renew(&mut self, token: Secret, expires_at: Timestamp) {
        if let Some(lease) = &mut self.lease {
            // On disk before the old one is forgotten.
            let _ = lease.renew(&token, expires_at).inspect_err(cannot_write);
        }
        self.token = token;
        self.expires_at = expires_at;
    }
}

impl Session<'_> {
    /// What may be known of it.
    pub fn status(&self) -> SessionStatus {
        SessionStatus {
            source: self.source.clone(),
            profile: self.profile.map(|uuid| uuid.to_string()),
            expires_at: self.ours.borrow().expires_at,
        }
    }

    /// Keeps the session while the server runs, and frees the slot when the server is gone, or is being
    /// stopped and takes its time.
    pub async fn keep(self, stopping: &Stop, gone: &Stop, announcer: &Announcer) {
        if self.config.refresh == Refresh::Trail && self.config.release == Release::Always {
            self.trail(stopping, announcer).await;
        }
        stopping.requested().await;
        let since_stop = stopping.since().unwrap_or_else(Instant::now);
        tokio::select! {
            () = gone.requested() => {}
            () = sleep_until(since_stop + self.config.release_after) => {
                info!("the server is still stopping; its session is released meanwhile");
            }
        }
        self.release().await;
    }

    /// Frees the slot. A failure is told here and goes no further: the server's outcome is what counts, and
    /// the lease stays for the next start.
    pub async fn release(self) -> Slot {
        if self.config.release == Release::Never {
            return Slot::Taken;
        }
        let ours = self.ours.into_inner();
        let mut slot = Slot::Free;
        match free(&self.config.sessions_url, &ours.token, Tries::AFew).await {
            Ok(Released::Freed) => info!("session released"),
            Ok(Released::AlreadyGone) if ours.may_be_superseded() => {
                warn!(
                    "the session service takes our token no more, and the server's is not ours to know: unless \
                     the server freed the slot, it stays taken for up to an hour"
                );
                slot = Slot::Taken;
            }
            Ok(Released::AlreadyGone) => info!("session released: it was already gone"),
            Err(error) => {
                let then = match ours.lease {
                    Some(_) => "its lease stays for the next start",
                    None => "it holds its slot until it expires",
                };
                warn!("cannot release the session: {error}; {then}");
                return Slot::Taken;
            }
        }
        if let Some(Err(error)) = ours.lease.map(Lease::strike) {
            warn!("cannot strike the lease of a session that is free: {error}");
        }
        slot
    }
}

async fn free(
    sessions_url: &reqwest::Url,
    token: &Secret,
    tries: Tries,
) -> Result<Released, ReleaseError> {
    let http = Http::to(sessions_url)?;
    sessions::release(&http, token, tries).await
}
