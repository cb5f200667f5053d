//! What the server does with its tokens at boot, done before it: their signatures are checked against the session
//! service's keys, and what they say of themselves against what the server wants to hear.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Url;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{Jwks, Key};
use crate::hytale::TokenPair;
use crate::hytale::jwt::{self, Parts, TokenError};
use crate::secret::Secret;

/// Who signs the real tokens, whatever host they come from.
const ISSUER: &str = "https://sessions.hytale.com";

/// What an identity token is for.
const SCOPE: &str = "hytale:server";

/// How far the server lets two clocks differ.
pub const LEEWAY: Duration = Duration::from_secs(5 * 60);

/// Why the server would not take a token.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VerifyError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the {0} token is not signed with EdDSA")]
    Algorithm(&'static str),
    #[error("the {0} token is signed with a key that the session service does not show")]
    UnknownKey(&'static str),
    #[error("the signature of the {0} token is wrong")]
    Signature(&'static str),
    #[error("the {0} token is not from {ISSUER}")]
    Issuer(&'static str),
    #[error("the {0} token is not valid before {1}")]
    NotYet(&'static str, Timestamp),
    #[error("the {0} token is not for servers: its scope lacks {SCOPE}")]
    Scope(&'static str),
}

impl Jwks {
    /// Whether a server would take both tokens, which came from this session service.
    ///
    /// # Errors
    /// For the first that it would not.
    pub fn verify(
        &self,
        pair: &TokenPair,
        sessions_url: &Url,
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        for (name, token) in [("session", &pair.session), ("identity", &pair.identity)] {
            self.signed(name, token)?;
            says(name, token, sessions_url, now)?;
        }
        for_servers("identity", &pair.identity)
    }

    fn signed(&self, name: &'static str, token: &Secret) -> Result<(), VerifyError> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            kid: Option<String>,
        }

        let parts = Parts::of(name, token)?;
        let header: Header = jwt::json(parts.header).ok_or(TokenError::NotJwt(name))?;
        if header.alg != "EdDSA" {
            return Err(VerifyError::Algorithm(name));
        }
        let signature = URL_SAFE_NO_PAD
            .decode(parts.signature.trim_end_matches('='))
            .map_err(|_| TokenError::NotJwt(name))?;
        let (text, _) = token
            .expose_secret()
            .rsplit_once('.')
            .ok_or(TokenError::NotJwt(name))?;
        // A token that names no key may be of any.
        let named = |key: &&Key| header.kid.is_none() || header.kid == key.id;
        let mut candidates = self.0.iter().filter(named).peekable();
        if candidates.peek().is_none() {
            return Err(VerifyError::UnknownKey(name));
        }
        let signs = |key: &Key| {
            let key = UnparsedPublicKey::new(&ED25519, &key.public);
            key.verify(text.as_bytes(), &signature).is_ok()
        };
        match candidates.any(signs) {
            true => Ok(()),
            false => Err(VerifyError::Signature(name)),
        }
    }
}

/// Issuer and validity. That it has not expired is asked elsewhere, with the life that is wanted of it.
fn says(
    name: &'static str,
    token: &Secret,
    sessions_url: &Url,
    now: Timestamp,
) -> Result<(), VerifyError> {
    #[derive(Deserialize)]
    struct Claims {
        iss: Option<String>,
        nbf: Option<f64>,
    }

    let claims: Claims = jwt::payload(name, token)?;
    let issuer = claims.iss.unwrap_or_default();
    let issuer = issuer.trim_end_matches('/');
    let is_ours = issuer == sessions_url.as_str().trim_end_matches('/')
        || issuer == sessions_url.origin().ascii_serialization();
    if issuer != ISSUER && !is_ours {
        return Err(VerifyError::Issuer(name));
    }
    if let Some(not_before) = claims.nbf {
        let at = Timestamp::from_second(not_before as i64).unwrap_or(Timestamp::MAX);
        if at > now + LEEWAY {
            return Err(VerifyError::NotYet(name, at));
        }
    }
    Ok(())
}

/// RFC 8693, section 4.2, has scopes in one text with spaces between; others write a list.
fn for_servers(name: &'static str, token: &Secret) -> Result<(), VerifyError> {
    #[derive(Deserialize)]
    struct Claims {
        #[serde(default)]
        scope: Value,
    }

    let claims: Claims = jwt::payload(name, token)?;
    let there = match &claims.scope {
        Value::String(text) => text.split_whitespace().any(|scope| scope == SCOPE),
        Value::Array(list) => list.iter().any(|scope| scope == SCOPE),
        _ => false,
    };
    there.then_some(()).ok_or(VerifyError::Scope(name))
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    struct Signer(Ed25519KeyPair);

    impl Signer {
        fn new() -> Self {
            let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
            Self(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
        }

        fn listed(&self) -> Value {
            let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
            json!({"kty": "OKP", "alg": "EdDSA", "use": "sig", "kid": "one", "crv": "Ed25519", "x": x})
        }

        fn sign(&self, header: &Value, claims: &Value) -> Secret {
            let [header, claims] = [header, claims].map(|v| URL_SAFE_NO_PAD.encode(v.to_string()));
            let signature = self.0.sign(format!("{header}.{claims}").as_bytes());
            let signature = URL_SAFE_NO_PAD.encode(signature);
            Secret::new(format!("{header}.{claims}.{signature}"))
        }

        fn pair(&self, header: &Value, more: &Value) -> TokenPair {
            let mut claims = json!({"iss": ISSUER, "scope": "openid hytale:server", "nbf": NOW});
            for (name, value) in more.as_object().unwrap() {
                claims[name] = value.clone();
            }
            let token = self.sign(header, &claims);
            TokenPair {
                session: token.clone(),
                identity: token,
            }
        }
    }

    fn jwks(keys: &[Value]) -> Option<Jwks> {
        Jwks::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn verdict(jwks: &Jwks, pair: &TokenPair, url: &str) -> Result<(), VerifyError> {
        let now = Timestamp::from_second(NOW).unwrap();
        jwks.verify(pair, &Url::parse(url).unwrap(), now)
    }

    fn header() -> Value {
        json!({"alg": "EdDSA", "kid": "one"})
    }

    #[test]
    fn tokens_of_the_service_are_good() {
        let signer = Signer::new();
        let other_kind = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "ec"});
        let keys = jwks(&[other_kind, signer.listed()]).unwrap();
        let list = json!({"scope": ["a", "hytale:server"]});
        for (header, more) in [
            (header(), json!({})),
            (json!({"alg": "EdDSA"}), json!({})),
            (header(), list),
            (header(), json!({"nbf": NOW + 299})),
            (header(), json!({"iss": "https://sessions.hytale.com/"})),
        ] {
            let pair = signer.pair(&header, &more);
            assert_eq!(verdict(&keys, &pair, ISSUER), Ok(()), "{header} {more}");
        }
    }

    #[test]
    fn tokens_that_a_server_would_not_take_are_told_apart() {
        let signer = Signer::new();
        let keys = jwks(&[signer.listed()]).unwrap();
        let later = Timestamp::from_second(NOW + 301).unwrap();
        let other_key = json!({"alg": "EdDSA", "kid": "two"});
        for (header, more, error) in [
            (
                json!({"alg": "none"}),
                json!({}),
                VerifyError::Algorithm("session"),
            ),
            (other_key, json!({}), VerifyError::UnknownKey("session")),
            (
                header(),
                json!({"iss": "https://example.com"}),
                VerifyError::Issuer("session"),
            ),
            (
                header(),
                json!({"iss": null}),
                VerifyError::Issuer("session"),
            ),
            (
                header(),
                json!({"nbf": NOW + 301}),
                VerifyError::NotYet("session", later),
            ),
            (
                header(),
                json!({"scope": "hytale:servers"}),
                VerifyError::Scope("identity"),
            ),
            (
                header(),
                json!({"scope": null}),
                VerifyError::Scope("identity"),
            ),
        ] {
            let pair = signer.pair(&header, &more);
            assert_eq!(verdict(&keys, &pair, ISSUER), Err(error), "{header} {more}");
        }
        let forged = Signer::new().pair(&header(), &json!({}));
        let wrong = Err(VerifyError::Signature("session"));
        assert_eq!(verdict(&keys, &forged, ISSUER), wrong);
        let mixed = TokenPair {
            session: signer.pair(&header(), &json!({})).session,
            identity: forged.identity,
        };
        let wrong = Err(VerifyError::Signature("identity"));
        assert_eq!(verdict(&keys, &mixed, ISSUER), wrong);
    }

    #[test]
    fn another_service_may_name_itself_as_the_issuer() {
        let signer = Signer::new();
        let keys = jwks(&[signer.listed()]).unwrap();
        let from = |issuer: &str| signer.pair(&header(), &json!({ "iss": issuer }));
        let url = "http://127.0.0.1:8520/hytale/";
        for issuer in [
            ISSUER,
            "http://127.0.0.1:8520",
            "http://127.0.0.1:8520/hytale",
        ] {
            assert_eq!(verdict(&keys, &from(issuer), url), Ok(()), "{issuer}");
        }
        let elsewhere = Err(VerifyError::Issuer("session"));
        assert_eq!(
            verdict(&keys, &from("http://127.0.0.1:8521"), url),
            elsewhere
        );
    }
}
