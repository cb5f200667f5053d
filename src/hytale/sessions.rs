//! The session service: `DELETE /game-session` frees the slot that a session token stands for.

use std::time::Duration;

use reqwest::Method;
use thiserror::Error;
use tokio::time::Instant;

use super::http::{Http, HttpError, Request};
use super::retry::{Policy, Transient};
use crate::secret::Secret;
use crate::stop::Stop;

/// How long a release is tried in all, and at most in one attempt.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
const RELEASE_ATTEMPT: Duration = Duration::from_millis(2500);

/// How a session came to be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// The service freed it now.
    Freed,
    /// The service does not know it any more, or not under this token. What a dead token is answered is
    /// not documented, so 401, 403 and 404 all mean this.
    AlreadyGone,
}

/// Why a session may still hold its slot.
#[derive(Debug, Error)]
pub enum ReleaseError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the session service answered {status} to the release")]
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
}

impl Transient for ReleaseError {
    fn is_transient(&self) -> bool {
        !matches!(self, Self::Http(HttpError::Setup(_)))
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http(_) => None,
            Self::Status { retry_after, .. } => *retry_after,
        }
    }
}

/// Frees the slot of the session that `token` belongs to, with a few quick retries.
///
/// # Errors
/// When five seconds brought no answer that settles it.
pub async fn release(http: &Http, token: &Secret) -> Result<Released, ReleaseError> {
    let policy = Policy {
        deadline: Instant::now() + RELEASE_TIMEOUT,
        first_wait: Duration::from_millis(250),
        longest_wait: Duration::from_secs(1),
    };
    // A second stop signal changes nothing: five seconds are less than anybody's grace period.
    policy
        .run(&Stop::new(), async || {
            let request = Request {
                method: Method::DELETE,
                path: "/game-session",
                bearer: Some(token),
                json: None,
                within: policy.left(RELEASE_ATTEMPT),
            };
            let answer = http.send(request).await?;
            match answer.status {
                200 | 204 => Ok(Released::Freed),
                401 | 403 | 404 => Ok(Released::AlreadyGone),
                status => Err(ReleaseError::Status {
                    status,
                    retry_after: answer.retry_after,
                }),
            }
        })
        .await
}
