//! OAuth as a public client: the device authorization grant (RFC 8628) and refreshing (RFC 6749, section 6).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use thiserror::Error;

use super::http::{Answer, Body, Http, HttpError, Request};
use super::reason::reason;
use super::retry::Transient;
use crate::exit::Code;
use crate::secret::Secret;

const CLIENT_ID: (&str, &str) = ("client_id", "hytale-server");
const SCOPE: (&str, &str) = ("scope", "openid offline auth:server");
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How long one request may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// What the service hands out for a login or a refresh.
#[derive(Debug)]
pub struct Tokens {
    pub access: Secret,
    /// None: the one that was used stays in force.
    pub refresh: Option<Secret>,
    pub expires_at: Timestamp,
}

/// A login that waits for a person.
#[derive(Debug, Deserialize)]
pub struct Device {
    pub device_code: Secret,
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: Option<String>,
    /// Seconds.
    pub expires_in: u64,
    /// Seconds between two polls; RFC 8628 says 5 when it is not given.
    #[serde(default = "five")]
    pub interval: u64,
}

fn five() -> u64 {
    5
}

/// What a poll finds.
#[derive(Debug)]
pub enum Poll {
    Done(Tokens),
    Pending,
    /// Wait five seconds longer from now on.
    SlowDown,
    Denied,
    Expired,
}

#[derive(Debug, Error)]
pub enum OAuthError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the login service is in trouble ({status}): {reason}")]
    Trouble {
        status: u16,
        reason: String,
        retry_after: Option<Duration>,
    },
    #[error("the login service's answer is not what it should be")]
    Garbage,
    #[error("the login has ended ({0})")]
    LoginEnded(String),
    #[error("the login service refuses ({status}): {reason}")]
    Refused { status: u16, reason: String },
}

impl OAuthError {
    pub fn code(&self) -> Code {
        match self {
            Self::Http(_) | Self::Trouble { .. } | Self::Garbage => Code::Unavailable,
            Self::LoginEnded(_) | Self::Refused { .. } => Code::Refused,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::LoginEnded(_) => "log in again: hytale-entrypoint login",
            Self::Refused { .. } => "check --oauth-url, and that this version is the newest",
            _ => "check the network; a later try may succeed",
        }
    }
}

impl Transient for OAuthError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => !matches!(error, HttpError::Setup(_)),
            Self::Trouble { .. } | Self::Garbage => true,
            Self::LoginEnded(_) | Self::Refused { .. } => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Trouble { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Begins a login.
///
/// # Errors
/// When the service does not answer as it should. Nothing has begun then.
pub async fn begin(http: &Http) -> Result<Device, OAuthError> {
    let form = [CLIENT_ID, SCOPE];
    let answer = post(http, "/oauth2/device/auth", &form, ATTEMPT).await?;
    match answer.status {
        200 => serde_json::from_slice(&answer.body).map_err(|_| OAuthError::Garbage),
        _ => Err(failure(&answer, None)),
    }
}

/// Asks whether the person has finished.
///
/// # Errors
/// When the service does not answer as it should.
pub async fn poll(http: &Http, device: &Device) -> Result<Poll, OAuthError> {
    let form = [
        ("grant_type", DEVICE_CODE),
        CLIENT_ID,
        ("device_code", device.device_code.expose_secret()),
    ];
    let answer = post(http, "/oauth2/token", &form, ATTEMPT).await?;
    match (answer.status, error_name(&answer).as_deref()) {
        (200, _) => Ok(Poll::Done(tokens(&answer)?)),
        (400, Some("authorization_pending")) => Ok(Poll::Pending),
        (400, Some("slow_down")) => Ok(Poll::SlowDown),
        (400, Some("access_denied")) => Ok(Poll::Denied),
        (400, Some("expired_token")) => Ok(Poll::Expired),
        _ => Err(failure(&answer, Some(&device.device_code))),
    }
}

/// Trades a refresh token for new tokens. It may be worthless afterwards, answer or no answer.
///
/// # Errors
/// When the service refuses, or does not answer as it should.
pub async fn refresh(
    http: &Http,
    refresh: &Secret,
    within: Duration,
) -> Result<Tokens, OAuthError> {
    let form = [
        ("grant_type", "refresh_token"),
        CLIENT_ID,
        ("refresh_token", refresh.expose_secret()),
    ];
    let answer = post(http, "/oauth2/token", &form, within.min(ATTEMPT)).await?;
    match (answer.status, error_name(&answer).as_deref()) {
        (200, _) => tokens(&answer),
        (400, Some("invalid_grant")) => Err(OAuthError::LoginEnded("invalid_grant".to_owned())),
        _ => Err(failure(&answer, Some(refresh))),
    }
}

async fn post(
    http: &Http,
    path: &str,
    form: &[(&str, &str)],
    within: Duration,
) -> Result<Answer, HttpError> {
    http.send(Request {
        method: Method::POST,
        path,
        bearer: None,
        body: Body::form(form),
        within,
    })
    .await
}

fn tokens(answer: &Answer) -> Result<Tokens, OAuthError> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: Secret,
        refresh_token: Option<Secret>,
        expires_in: Option<u64>,
    }

    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| OAuthError::Garbage)?;
    // RFC 6749 leaves expires_in out when it is known otherwise; theirs live for an hour.
    let seconds = granted.expires_in.unwrap_or(3600).min(365 * 24 * 3600);
    Ok(Tokens {
        access: granted.access_token,
        refresh: granted.refresh_token.filter(|token| !token.is_empty()),
        expires_at: Timestamp::now() + Duration::from_secs(seconds),
    })
}

/// The `error` of RFC 6749, section 5.2.
fn error_name(answer: &Answer) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some(value.get("error")?.as_str()?.to_owned())
}

fn failure(answer: &Answer, secret: Option<&Secret>) -> OAuthError {
    let status = answer.status;
    let reason = reason(&answer.body, secret);
    match status {
        429 | 500..=599 => OAuthError::Trouble {
            status,
            reason,
            retry_after: answer.retry_after,
        },
        _ => OAuthError::Refused { status, reason },
    }
}
