//! Who stands behind an access token.

use hyper::{Response, StatusCode};

use crate::account::Account;
use crate::options::Options;
use crate::server::answer::{self, Payload};
use crate::server::call::Call;
use crate::state::State;
use crate::state::grants::Denied;

/// Why a bearer token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is none, or none that was ever issued.
    Unauthorized,
    /// An access token that is expired or revoked.
    InvalidToken,
}

impl Refusal {
    pub(super) fn answer(self) -> Response<Payload> {
        match self {
            Self::Unauthorized => answer::text(StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::InvalidToken => answer::text(StatusCode::FORBIDDEN, "invalid token"),
        }
    }
}

pub(super) fn account<'a>(
    options: &'a Options,
    state: &State,
    call: &Call,
) -> Result<&'a Account, Refusal> {
    let token = call.bearer.as_deref().ok_or(Refusal::Unauthorized)?;
    match state.grants.holder(token, state.clock.now()) {
        Ok(name) => options.account(name).ok_or(Refusal::Unauthorized),
        Err(Denied::Unknown) => Err(Refusal::Unauthorized),
        Err(Denied::Lapsed) => Err(Refusal::InvalidToken),
    }
}
