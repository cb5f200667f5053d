//! The keys that the session service signs its tokens with (RFC 8037: Ed25519), as it shows them to everybody.

mod verify;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::http::{Answer, Body, Http, HttpError, Request};
use super::reason::reason;
use super::retry::Transient;
pub use verify::LEEWAY;

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum JwksError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the session service is in trouble ({status}): {reason}")]
    Trouble {
        status: u16,
        reason: String,
        retry_after: Option<Duration>,
    },
    #[error("this is not how the session service answers ({status}): {reason}")]
    NotTheService { status: u16, reason: String },
    #[error("the session service's answer holds no keys")]
    NoKeys,
}

impl Transient for JwksError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => !matches!(error, HttpError::Setup(_)),
            Self::Trouble { .. } | Self::NoKeys => true,
            Self::NotTheService { .. } => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Trouble { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The keys that tokens are signed with.
#[derive(Debug)]
pub struct Jwks(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    public: Vec<u8>,
}

/// What the session service says of itself.
#[derive(Debug)]
pub struct Service {
    pub keys: Jwks,
    /// Its clock, where it shows it.
    pub date: Option<SystemTime>,
}

/// # Errors
/// When the service does not answer as it should.
pub async fn fetch(http: &Http, within: Duration) -> Result<Service, JwksError> {
    let request = Request {
        method: Method::GET,
        path: "/.well-known/jwks.json",
        bearer: None,
        body: Body::None,
        within,
    };
    let answer = http.send(request).await?;
    let status = answer.status;
    let reason = |answer: &Answer| reason(&answer.body, None);
    match status {
        200 => Ok(Service {
            keys: Jwks::parse(&answer.body).ok_or(JwksError::NoKeys)?,
            date: answer.date,
        }),
        429 | 500..=599 => Err(JwksError::Trouble {
            status,
            reason: reason(&answer),
            retry_after: answer.retry_after,
        }),
        _ => Err(JwksError::NotTheService {
            status,
            reason: reason(&answer),
        }),
    }
}

impl Jwks {
    /// RFC 7517; keys of other kinds are passed over, and without any of ours there is none.
    fn parse(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        #[derive(Deserialize)]
        struct Listed {
            kid: Option<String>,
            crv: String,
            x: String,
        }

        let set: Set = serde_json::from_slice(text).ok()?;
        let key = |value| {
            let key: Listed = serde_json::from_value(value).ok()?;
            let public = URL_SAFE_NO_PAD.decode(key.x.trim_end_matches('=')).ok()?;
            (key.crv == "Ed25519" && public.len() == 32).then_some(Key {
                id: key.kid,
                public,
            })
        };
        let keys: Vec<_> = set.keys.into_iter().filter_map(key).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_key_of_ours_holds_none() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"crv":"Ed25519","x":"AAAA"}]}"#,
        ] {
            assert!(Jwks::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
