//! What can be known of a token without its key: RFC 7519, payload only. The server verifies; we make sure
//! that a token which cannot work never costs a boot, and that it is safe where we are about to write it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use uuid::Uuid;

use super::TokenPair;
use crate::secret::Secret;

/// The longest token that is accepted, in bytes.
const LIMIT: usize = 16 * 1024;

/// Why a token is refused. Never holds any of it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    #[error("the {0} token is longer than 16 KiB")]
    TooLong(&'static str),
    #[error(
        "the {0} token holds a character that no token has (a control character, a space or non-ASCII)"
    )]
    Characters(&'static str),
    #[error("the {0} token is not a JWT")]
    NotJwt(&'static str),
    #[error("the {0} token names no time at which it expires")]
    NoExpiry(&'static str),
    #[error("the {0} token expired at {1}")]
    Expired(&'static str, Timestamp),
    #[error(
        "the {name} token expires at {at}, sooner than the {}s that --min-token-life asks for",
        min_life.as_secs_f64()
    )]
    TooShort {
        name: &'static str,
        at: Timestamp,
        min_life: Duration,
    },
}

/// Checks both tokens of a pair.
///
/// # Errors
/// For the first token that a server could not live with.
pub fn check(pair: &TokenPair, min_life: Duration, now: Timestamp) -> Result<(), TokenError> {
    for (name, token) in [("session", &pair.session), ("identity", &pair.identity)] {
        let at = expiry(name, token)?;
        if at <= now {
            return Err(TokenError::Expired(name, at));
        }
        // Strictly more: with exactly the server's five minutes left it schedules no refresh.
        if !min_life.is_zero() && now.duration_until(at).unsigned_abs() <= min_life {
            return Err(TokenError::TooShort { name, at, min_life });
        }
    }
    Ok(())
}

/// When a token expires, by its own word.
///
/// # Errors
/// When it is no token, or does not say.
pub fn expiry(name: &'static str, token: &Secret) -> Result<Timestamp, TokenError> {
    #[derive(Deserialize)]
    struct Claims {
        // A NumericDate may have a fraction (RFC 7519, section 2).
        exp: Option<f64>,
    }
    let claims: Claims = payload(name, token)?;
    let seconds = claims.exp.ok_or(TokenError::NoExpiry(name))?;
    // The cast saturates, and what lies outside the calendar is refused with it.
    Timestamp::from_second(seconds as i64).map_err(|_| TokenError::NoExpiry(name))
}

/// The profile that an identity token is about, if it says.
pub fn profile(identity: &Secret) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Claims {
        sub: Uuid,
    }
    let claims: Claims = payload("identity", identity).ok()?;
    Some(claims.sub)
}

/// The claims that are asked for.
///
/// # Errors
/// When it is no token, or a claim is of another kind.
pub fn payload<T: DeserializeOwned>(name: &'static str, token: &Secret) -> Result<T, TokenError> {
    json(Parts::of(name, token)?.payload).ok_or(TokenError::NotJwt(name))
}

/// The three parts of a token, as they are written.
pub struct Parts<'a> {
    pub header: &'a str,
    payload: &'a str,
    pub signature: &'a str,
}

impl<'a> Parts<'a> {
    /// # Errors
    /// When it has not the form of a token.
    pub fn of(name: &'static str, token: &'a Secret) -> Result<Self, TokenError> {
        let token = token.expose_secret();
        if token.len() > LIMIT {
            return Err(TokenError::TooLong(name));
        }
        if !is_visible_ascii(token) {
            return Err(TokenError::Characters(name));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::NotJwt(name));
        };
        Ok(Self {
            header,
            payload,
            signature,
        })
    }
}

/// What a part holds, where it is JSON. Some write the padding that RFC 7515 leaves out.
pub fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    let text = URL_SAFE_NO_PAD
        .decode(part)
        .or_else(|_| URL_SAFE.decode(part))
        .ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether a text can stand in an HTTP header and on a command line as it is.
pub fn is_visible_ascii(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> Secret {
        let payload = URL_SAFE_NO_PAD.encode(payload);
        Secret::new(format!("e30.{payload}.c2ln"))
    }

    #[test]
    fn the_expiry_is_the_claim_exp() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(expiry("x", &token(r#"{"exp":1800000000}"#)), Ok(at));
        assert_eq!(expiry("x", &token(r#"{"exp":1800000000.7}"#)), Ok(at));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for (token, error) in [
            (Secret::new(String::new()), TokenError::Characters("x")),
            (Secret::new("a b".into()), TokenError::Characters("x")),
            (Secret::new("a\u{1b}b".into()), TokenError::Characters("x")),
            (Secret::new("a.b".into()), TokenError::NotJwt("x")),
            (Secret::new("a.!.b".into()), TokenError::NotJwt("x")),
            (Secret::new("a.b.c.d".into()), TokenError::NotJwt("x")),
            (Secret::new("x".repeat(LIMIT + 1)), TokenError::TooLong("x")),
            (token("[]"), TokenError::NotJwt("x")),
            (token(r#"{"exp":"soon"}"#), TokenError::NotJwt("x")),
            (token("{}"), TokenError::NoExpiry("x")),
            (token(r#"{"exp":1e300}"#), TokenError::NoExpiry("x")),
        ] {
            assert_eq!(expiry("x", &token), Err(error));
        }
    }

    #[test]
    fn a_token_needs_more_life_than_the_minimum() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let pair = |exp: i64| {
            let token = token(&format!(r#"{{"exp":{exp}}}"#));
            TokenPair {
                session: token.clone(),
                identity: token,
            }
        };
        let min_life = Duration::from_secs(300);
        assert!(check(&pair(1_800_000_301), min_life, now).is_ok());
        assert!(check(&pair(1_800_000_300), min_life, now).is_err());
        assert!(check(&pair(1_800_000_001), Duration::ZERO, now).is_ok());
        assert!(check(&pair(1_800_000_000), Duration::ZERO, now).is_err());
    }
}
