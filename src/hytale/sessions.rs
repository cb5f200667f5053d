//! The session service: `POST /game-session/new` takes a slot, `DELETE /game-session` frees the slot that a
//! session token stands for.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::time::Instant;
use uuid::Uuid;

use super::TokenPair;
use super::http::{Body, Http, HttpError, Request};
use super::reason::reason;
use super::retry::{Policy, Transient};
use crate::secret::Secret;
use crate::stop::Stop;

/// How long a release is tried in all, and at most in one attempt.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
const RELEASE_ATTEMPT: Duration = Duration::from_millis(2500);

/// Why no session was opened.
#[derive(Debug, Error)]
pub enum CreateError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the session service is in trouble ({status}): {reason}")]
    Trouble {
        status: u16,
        reason: String,
        retry_after: Option<Duration>,
    },
    #[error("the session service's answer holds no token pair")]
    NoPair,
    /// The access token has expired or was revoked, whatever its own date says.
    #[error("the session service does not take the access token ({status}): {reason}")]
    AccessToken { status: u16, reason: String },
    #[error("no session slot is free: {reason}")]
    NoSlot { reason: String },
    #[error("there is no profile {profile} in this account: {reason}")]
    UnknownProfile { profile: Uuid, reason: String },
    #[error("the session service refuses ({status}): {reason}")]
    Refused { status: u16, reason: String },
}

impl Transient for CreateError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => !matches!(error, HttpError::Setup(_)),
            Self::Trouble { .. } | Self::NoPair => true,
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Trouble { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Opens a session for a profile.
///
/// # Errors
/// When the service refuses, or does not answer as it should. It may have opened one all the same.
pub async fn create(
    http: &Http,
    access: &Secret,
    profile: Uuid,
    within: Duration,
) -> Result<TokenPair, CreateError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Pair {
        session_token: Secret,
        identity_token: Secret,
    }

    let body = json!({ "uuid": profile }).to_string();
    let request = Request {
        method: Method::POST,
        path: "/game-session/new",
        bearer: Some(access),
        body: Body::Json(body.into()),
        within,
    };
    let answer = http.send(request).await?;
    let status = answer.status;
    let reason = reason(&answer.body, Some(access));
    Err(match status {
        200 | 201 => match serde_json::from_slice::<Pair>(&answer.body) {
            Ok(pair) => {
                return Ok(TokenPair {
                    session: pair.session_token,
                    identity: pair.identity_token,
                });
            }
            // serde_json's own words could quote a part of the body.
            Err(_) => CreateError::NoPair,
        },
        401 => CreateError::AccessToken { status, reason },
        403 if reason.contains("invalid token") => CreateError::AccessToken { status, reason },
        403 => CreateError::NoSlot { reason },
        404 => CreateError::UnknownProfile { profile, reason },
        429 | 500..=599 => CreateError::Trouble {
            status,
            reason,
            retry_after: answer.retry_after,
        },
        _ => CreateError::Refused { status, reason },
    })
}

/// New tokens for a session.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewed {
    pub session_token: Secret,
}

/// Trades a session token for a newer one of the same session. Whether the old one works afterwards is not
/// documented.
///
/// # Errors
/// When the service refuses, or does not answer as it should. It may have renewed the token all the same.
pub async fn refresh(
    http: &Http,
    token: &Secret,
    within: Duration,
) -> Result<Renewed, CreateError> {
    let request = Request {
        method: Method::POST,
        path: "/game-session/refresh",
        bearer: Some(token),
        body: Body::None,
        within,
    };
    let answer = http.send(request).await?;
    let status = answer.status;
    let reason = reason(&answer.body, Some(token));
    Err(match status {
        200 | 201 => match serde_json::from_slice(&answer.body) {
            Ok(renewed) => return Ok(renewed),
            Err(_) => CreateError::NoPair,
        },
        429 | 500..=599 => CreateError::Trouble {
            status,
            reason,
            retry_after: answer.retry_after,
        },
        _ => CreateError::Refused { status, reason },
    })
}

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

/// How hard a release is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// As often as fits into five seconds.
    AFew,
    /// One attempt, where others have just failed.
    One,
}

/// Frees the slot of the session that `token` belongs to.
///
/// # Errors
/// When no answer came that settles it.
pub async fn release(http: &Http, token: &Secret, tries: Tries) -> Result<Released, ReleaseError> {
    let policy = Policy {
        deadline: Instant::now() + RELEASE_TIMEOUT,
        first_wait: Duration::from_millis(250),
        longest_wait: Duration::from_secs(1),
    };
    // A second stop signal changes nothing: five seconds are less than anybody's grace period.
    let stop = Stop::new();
    if tries == Tries::One {
        stop.request();
    }
    policy
        .run(&stop, async || {
            let request = Request {
                method: Method::DELETE,
                path: "/game-session",
                bearer: Some(token),
                body: Body::None,
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
