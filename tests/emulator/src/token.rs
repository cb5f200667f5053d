//! The JWTs of the session service: the key, what it signs, and forgeries for tests of refusal.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use jiff::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::{Map, Value, json};

use crate::account::Profile;
use crate::clock;
use crate::secret::{Secret, hex, random};

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// The bearer for refresh and release.
    pub session_token: Secret,
    /// What the server shows to players.
    pub identity_token: Secret,
    /// RFC 3339 with nine fractional digits.
    pub expires_at: String,
}

/// Tokens that no session stands behind. The default is a pair that a server would take.
#[derive(Clone, Debug)]
pub struct ForgeOptions {
    /// Seconds from now to `exp`, negative for the past; none leaves the claim out.
    pub expires_in: Option<i64>,
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
    /// `scope` of the identity token
    pub scope: String,
    /// `username` of the identity token
    pub username: String,
    /// Whose signature they carry.
    pub signer: Signer,
    /// Further claims, in both tokens; they win over those above.
    pub claims: Map<String, Value>,
}

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The key that the JWKS shows.
    Emulator,
    /// A key that nobody knows.
    Stranger,
}

impl Default for ForgeOptions {
    fn default() -> Self {
        let profile = Profile::named("default");
        Self {
            expires_in: Some(3600),
            issuer: "https://sessions.hytale.com".to_owned(),
            subject: profile.uuid,
            scope: "hytale:server".to_owned(),
            username: profile.username,
            signer: Signer::Emulator,
            claims: Map::new(),
        }
    }
}

/// The Ed25519 key, new at every start.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    id: String,
}

impl SigningKey {
    pub(crate) fn generate() -> Self {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(&random::<32>()).expect("32 bytes make a seed");
        Self {
            pair,
            id: hex(&random::<8>()),
        }
    }

    /// Signs a session's two tokens.
    pub(crate) fn pair(
        &self,
        issuer: &str,
        profile: &Profile,
        now: Timestamp,
        expires: Timestamp,
    ) -> TokenPair {
        let claims = json!({"iss": issuer, "sub": profile.uuid, "iat": now.as_second(), "exp": expires.as_second()});
        let identity =
            json!({"nbf": now.as_second(), "username": profile.username, "scope": "hytale:server"});
        self.sign_both(claims, identity, expires)
    }

    pub(crate) fn forge(&self, options: &ForgeOptions, now: Timestamp) -> TokenPair {
        let expires = now
            .as_second()
            .saturating_add(options.expires_in.unwrap_or(0));
        let mut claims =
            json!({"iss": options.issuer, "sub": options.subject, "iat": now.as_second()});
        if options.expires_in.is_some() {
            claims["exp"] = expires.into();
        }
        let mut identity =
            json!({"nbf": now.as_second(), "username": options.username, "scope": options.scope});
        for (name, value) in &options.claims {
            claims[name] = value.clone();
            identity[name] = value.clone();
        }
        let expires = Timestamp::from_second(expires).unwrap_or(Timestamp::MAX);
        match options.signer {
            Signer::Emulator => self.sign_both(claims, identity, expires),
            Signer::Stranger => Self::generate().sign_both(claims, identity, expires),
        }
    }

    fn sign_both(&self, mut claims: Value, identity: Value, expires: Timestamp) -> TokenPair {
        let session_token = self.sign(&mut claims);
        if let (Value::Object(claims), Value::Object(more)) = (&mut claims, identity) {
            claims.extend(more);
        }
        TokenPair {
            session_token,
            identity_token: self.sign(&mut claims),
            expires_at: clock::rfc3339(expires),
        }
    }

    /// The `jti` keeps two tokens of the same second apart.
    fn sign(&self, claims: &mut Value) -> Secret {
        claims["jti"] = hex(&random::<8>()).into();
        let header = json!({"alg": "EdDSA", "kid": self.id, "typ": "JWT"});
        let signed = format!(
            "{}.{}",
            BASE64URL.encode(header.to_string()),
            BASE64URL.encode(claims.to_string())
        );
        let signature = BASE64URL.encode(self.pair.sign(signed.as_bytes()));
        Secret::from(format!("{signed}.{signature}"))
    }

    /// Whether this key signed a token, whatever has become of its session.
    pub(crate) fn signed(&self, token: &str) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ED25519, self.pair.public_key());
        BASE64URL
            .decode(signature)
            .is_ok_and(|signature| key.verify(signed.as_bytes(), &signature).is_ok())
    }

    pub(crate) fn jwks(&self) -> Value {
        let x = BASE64URL.encode(self.pair.public_key());
        json!({"keys": [{"kty": "OKP", "alg": "EdDSA", "use": "sig", "kid": self.id, "crv": "Ed25519", "x": x}]})
    }
}
