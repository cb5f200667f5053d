//! Account data: which profiles an account has.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use thiserror::Error;
use uuid::Uuid;

use super::http::{Body, Http, HttpError, Request};
use super::reason::reason;
use super::retry::Transient;
use crate::secret::Secret;

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Profile {
    pub uuid: Uuid,
    pub username: String,
}

#[derive(Debug, Error)]
pub enum AccountError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the account service is in trouble ({status}): {reason}")]
    Trouble {
        status: u16,
        reason: String,
        retry_after: Option<Duration>,
    },
    #[error("the account service refuses the access token ({status}): {reason}")]
    Refused { status: u16, reason: String },
    #[error("the account service's answer holds no profiles")]
    Garbage,
}

impl Transient for AccountError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => !matches!(error, HttpError::Setup(_)),
            Self::Trouble { .. } | Self::Garbage => true,
            Self::Refused { .. } => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Trouble { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The profiles of the account that an access token belongs to.
///
/// # Errors
/// When the service refuses, or does not answer as it should.
pub async fn profiles(
    http: &Http,
    access: &Secret,
    within: Duration,
) -> Result<Vec<Profile>, AccountError> {
    #[derive(Deserialize)]
    struct Profiles {
        profiles: Vec<Profile>,
    }

    let request = Request {
        method: Method::GET,
        path: "/my-account/get-profiles",
        bearer: Some(access),
        body: Body::None,
        within,
    };
    let answer = http.send(request).await?;
    let reason = || reason(&answer.body, Some(access));
    match answer.status {
        200 => serde_json::from_slice(&answer.body)
            .map(|Profiles { profiles }| profiles)
            .map_err(|_| AccountError::Garbage),
        status @ (429 | 500..=599) => Err(AccountError::Trouble {
            status,
            reason: reason(),
            retry_after: answer.retry_after,
        }),
        status => Err(AccountError::Refused {
            status,
            reason: reason(),
        }),
    }
}
