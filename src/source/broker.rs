//! The session token broker: one `POST /v1/game-session` that opens a session for us.
//!
//! It answers 400 for whatever went wrong between it and the session service, so the words decide there
//! whether a second attempt makes sense.

use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::{SourceError, read};
use crate::config::tokens::Broker;
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::hytale::http::{Answer, Body, Http, HttpError, Request};
use crate::hytale::jwt::is_visible_ascii;
use crate::hytale::reason::reason;
use crate::hytale::retry::{Policy, Transient};
use crate::secret::Secret;
use crate::stop::Stop;

/// Why the broker yields no tokens.
#[derive(Debug, Error)]
pub enum BrokerError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the broker's bearer token holds a character that no header can carry")]
    Bearer,
    #[error("the broker is in trouble ({status}): {reason}")]
    Trouble {
        status: u16,
        reason: String,
        retry_after: Option<Duration>,
    },
    #[error("the broker's answer holds no token pair")]
    NoPair,
    #[error("no session slot is free: {reason}")]
    NoSlot { reason: String },
    #[error("the broker refuses ({status}): {reason}")]
    Refused { status: u16, reason: String },
    #[error("this is not how a broker answers ({status}): {reason}")]
    NotABroker { status: u16, reason: String },
}

impl BrokerError {
    pub fn code(&self) -> Code {
        match self {
            Self::Http(_) | Self::Trouble { .. } | Self::NoPair | Self::NotABroker { .. } => {
                Code::Unavailable
            }
            Self::NoSlot { .. } => Code::NoSlot,
            Self::Refused { .. } => Code::Refused,
            Self::Bearer => Code::Config,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Http(_) => "check that the broker runs and that its URL is right",
            Self::Bearer => "check the file or variable that holds the broker's bearer token",
            Self::Trouble { .. } | Self::NoPair => {
                "the broker's own log says more; a restart of this server tries again"
            }
            Self::NoSlot { .. } => {
                "stop a server of this account, or wait until a session that nobody freed expires (an hour)"
            }
            Self::Refused { .. } => {
                "check the bearer token and that the account is logged in at the broker"
            }
            Self::NotABroker { .. } => "check the broker's URL, also for what stands before it",
        }
    }
}

impl Transient for BrokerError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => !matches!(error, HttpError::Setup(_)),
            Self::Trouble { .. } | Self::NoPair => true,
            Self::Bearer | Self::NoSlot { .. } | Self::Refused { .. } | Self::NotABroker { .. } => {
                false
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Trouble { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct Wanted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Uuid]>::is_empty")]
    profile_uuids: &'a [Uuid],
}

pub async fn mint(config: &Broker, policy: &Policy, stop: &Stop) -> Result<TokenPair, SourceError> {
    let http = Http::to(&config.url).map_err(BrokerError::Http)?;
    let bearer = bearer(config)?;
    let wanted = Wanted {
        account: config.account.as_deref(),
        profile_uuids: &config.profiles,
    };
    let wanted = serde_json::to_string(&wanted).expect("text and UUIDs are JSON");
    let pair = policy
        .run(stop, async || {
            let request = Request {
                method: Method::POST,
                path: "/v1/game-session",
                bearer: bearer.as_ref(),
                body: Body::Json(wanted.clone().into()),
                within: policy.left(config.timeout),
            };
            judge(&http.send(request).await?, bearer.as_ref())
        })
        .await?;
    Ok(pair)
}

/// Asks a broker how it is. No session is opened, and whether it takes our bearer token is not known.
///
/// # Errors
/// As for a session, as far as that can be told.
pub async fn health(config: &Broker, policy: &Policy, stop: &Stop) -> Result<(), SourceError> {
    #[derive(Deserialize)]
    struct Health {
        ok: bool,
    }

    let http = Http::to(&config.url).map_err(BrokerError::Http)?;
    bearer(config)?;
    let asked = policy.run(stop, async || {
        let request = Request {
            method: Method::GET,
            path: "/healthz",
            bearer: None,
            body: Body::None,
            within: policy.left(config.timeout),
        };
        let answer = http.send(request).await?;
        let status = answer.status;
        let is_well = || serde_json::from_slice(&answer.body).is_ok_and(|Health { ok }| ok);
        let reason = reason(&answer.body, None);
        match status {
            200 if is_well() => Ok(()),
            429 | 500..=599 => Err(BrokerError::Trouble {
                status,
                reason,
                retry_after: answer.retry_after,
            }),
            _ => Err(BrokerError::NotABroker { status, reason }),
        }
    });
    Ok(asked.await?)
}

fn bearer(config: &Broker) -> Result<Option<Secret>, SourceError> {
    let bearer = config.bearer.as_ref().map(read).transpose()?;
    let fits = |bearer: &Secret| is_visible_ascii(bearer.expose_secret());
    match bearer.as_ref().is_none_or(fits) {
        true => Ok(bearer),
        false => Err(BrokerError::Bearer.into()),
    }
}

/// What an answer means.
///
/// # Errors
/// When it holds no token pair.
pub fn judge(answer: &Answer, bearer: Option<&Secret>) -> Result<TokenPair, BrokerError> {
    let status = answer.status;
    let reason = || reason(&answer.body, bearer);
    let trouble = || BrokerError::Trouble {
        status,
        reason: reason(),
        retry_after: answer.retry_after,
    };
    Err(match status {
        200 | 201 => return pair(&answer.body),
        400 => wrapped(status, reason(), trouble),
        401 | 403 => BrokerError::Refused {
            status,
            reason: reason(),
        },
        429 | 500..=599 => trouble(),
        _ => BrokerError::NotABroker {
            status,
            reason: reason(),
        },
    })
}

/// What a 400 means depends on what it wraps: `create session status 403: …`, a network error, or us.
fn wrapped(status: u16, reason: String, trouble: impl FnOnce() -> BrokerError) -> BrokerError {
    if reason.contains("invalid json body") {
        return BrokerError::NotABroker { status, reason };
    }
    if reason.contains("invalid_grant") || reason.contains("invalid token") {
        return BrokerError::Refused { status, reason };
    }
    match upstream_status(&reason) {
        Some(403) => BrokerError::NoSlot { reason },
        Some(429) | None => trouble(),
        Some(400..=499) => BrokerError::Refused { status, reason },
        Some(_) => trouble(),
    }
}

/// The number in `… status 403: …`.
fn upstream_status(reason: &str) -> Option<u16> {
    let (_, after) = reason.split_once("status ")?;
    after.get(..3)?.parse().ok()
}

fn pair(body: &[u8]) -> Result<TokenPair, BrokerError> {
    #[derive(Deserialize)]
    struct Pair {
        session_token: Secret,
        identity_token: Secret,
    }

    // serde_json's own words could quote a part of the body.
    let pair: Pair = serde_json::from_slice(body).map_err(|_| BrokerError::NoPair)?;
    Ok(TokenPair {
        session: pair.session_token,
        identity: pair.identity_token,
    })
}
