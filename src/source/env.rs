//! Tokens that somebody else obtained and handed over: in variables, files or systemd credentials.

use super::{SourceError, read};
use crate::config::tokens::EnvTokens;
use crate::hytale::TokenPair;

pub fn mint(tokens: &EnvTokens) -> Result<TokenPair, SourceError> {
    let half = |given, missing| Err(SourceError::Half { given, missing });
    match (&tokens.session, &tokens.identity) {
        (Some(session), Some(identity)) => Ok(TokenPair {
            session: read(session)?,
            identity: read(identity)?,
        }),
        (Some(_), None) => half("session", "identity"),
        (None, _) => half("identity", "session"),
    }
}
