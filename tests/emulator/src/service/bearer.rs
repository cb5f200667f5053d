//! Who stands behind a bearer token, and what those hear who do not.

use hyper::{Response, StatusCode};

use crate::account::Account;
use crate::options::Options;
use crate::server::answer::{self, Payload};
use crate::server::call::Call;
use crate::state::State;
use crate::state::grants::Denied;

/// The account whose access token it is.
pub(super) fn account<'a>(
    options: &'a Options,
    state: &State,
    call: &Call,
) -> Result<&'a Account, Denied> {
    let token = call.bearer.as_deref().ok_or(Denied::Unknown)?;
    let name = state.grants.holder(token, state.clock.now())?;
    options.account(name).ok_or(Denied::Unknown)
}

pub(super) fn refuse(denied: Denied) -> Response<Payload> {
    match denied {
        Denied::Unknown => answer::text(StatusCode::UNAUTHORIZED, "unauthorized"),
        Denied::Lapsed => answer::text(StatusCode::FORBIDDEN, "invalid token"),
    }
}
