//! `account-data.hytale.com`: the profiles of an account.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::bearer;
use crate::server::answer::{self, Payload};
use crate::server::call::Call;
use crate::state::Shared;

pub(super) fn profiles(shared: &Shared, call: &Call) -> Response<Payload> {
    let account = match shared.read(|state| bearer::account(&shared.options, state, call)) {
        Ok(account) => account,
        Err(denied) => return bearer::refuse(denied),
    };
    let profiles = account
        .profiles
        .iter()
        .map(|profile| json!({"uuid": profile.uuid, "username": profile.username}));
    let profiles = profiles.collect::<Vec<Value>>();
    answer::json(
        StatusCode::OK,
        &json!({"owner": account.owner, "profiles": profiles}),
    )
}
