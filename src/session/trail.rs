//! The trail: the server renews its session five minutes before the token expires and tells nobody the new one.
//! So that ours still frees the slot, we renew ours three minutes later: after the server, never before it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::{Session, Standing};
use crate::hytale::http::Http;
use crate::hytale::jwt;
use crate::hytale::retry::Policy;
use crate::hytale::sessions::{self, CreateError};
use crate::ready::Announcer;
use crate::secret::Secret;
use crate::stop::Stop;

/// How long before the expiry of our token we renew it.
const BEFORE: Duration = Duration::from_secs(2 * 60);

/// How long one request may take. A release may have to wait for it, so not long.
const ATTEMPT: Duration = Duration::from_secs(5);

impl Session<'_> {
    /// Renews our token whenever it is time, until the server is to stop or the service refuses. A request that
    /// is under way is finished first: its answer may be the only token that still frees the slot.
    pub(super) async fn trail(&self, stopping: &Stop, announcer: &Announcer) {
        loop {
            let left = until(self.ours.borrow().expires_at);
            // With less than that from the start the server renews nothing either.
            let Some(wait) = left.checked_sub(BEFORE) else {
                return;
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = stopping.requested() => return,
            }
            match self.renewed(stopping).await {
                Ok(()) => {
                    debug!("session token renewed");
                    announcer.renewed(self.status());
                }
                Err(error) => {
                    info!(
                        "the session token is not renewed: {error}; the server goes on with its own"
                    );
                    // Refused; or renewed, and the answer that brings the new one was lost.
                    self.ours.borrow_mut().standing = Standing::Superseded;
                    return;
                }
            }
        }
    }

    async fn renewed(&self, stopping: &Stop) -> Result<(), CreateError> {
        let (token, expires_at) = {
            let ours = self.ours.borrow();
            (ours.token.clone(), ours.expires_at)
        };
        let http = Http::to(&self.config.sessions_url)?;
        let policy = Policy {
            deadline: Instant::now() + until(expires_at),
            first_wait: Duration::from_secs(2),
            longest_wait: Duration::from_secs(20),
        };
        let attempt = async || sessions::refresh(&http, &token, policy.left(ATTEMPT)).await;
        let token = policy.run(stopping, attempt).await?.session_token;
        let expires_at = expiry(&token)?;
        self.ours.borrow_mut().renew(token, expires_at);
        Ok(())
    }
}

/// A token that does not even say when it expires is none.
fn expiry(token: &Secret) -> Result<Timestamp, CreateError> {
    jwt::expiry("session", token).map_err(|_| CreateError::NoPair)
}

fn until(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default()
}
