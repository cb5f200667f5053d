//! The web APIs that the wrapper talks to, and what they hand out.

pub mod accounts;
pub mod http;
pub mod jwks;
pub mod jwt;
pub mod oauth;
pub mod reason;
pub mod retry;
pub mod sessions;
mod tls;

use crate::secret::Secret;

/// Session token and identity token, as a source yields them. The session token frees the slot.
#[derive(Clone, Debug)]
pub struct TokenPair {
    pub session: Secret,
    pub identity: Secret,
}
