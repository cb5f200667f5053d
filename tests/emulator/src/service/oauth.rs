//! `oauth.accounts.hytale.com`: device logins and tokens, with the errors of RFC 6749 and RFC 8628.

use std::collections::HashMap;

use hyper::header::CACHE_CONTROL;
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::behaviour::RefreshTokens;
use crate::form;
use crate::server::answer::{self, Payload};
use crate::server::call::Call;
use crate::state::devices::NotYet;
use crate::state::grants::OAuthTokens;
use crate::state::{Shared, State};

const CLIENT_ID: &str = "hytale-server";
const SCOPE: [&str; 3] = ["openid", "offline", "auth:server"];
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

type Form = HashMap<String, String>;

pub(super) fn begin_device_login(shared: &Shared, call: &Call) -> Response<Payload> {
    let form = match client_form(call) {
        Ok(form) => form,
        Err(code) => return error(code),
    };
    let scope = form.get("scope").map(String::as_str).unwrap_or_default();
    let asked = scope.split(' ').collect::<Vec<_>>();
    if asked.len() != SCOPE.len() || !SCOPE.iter().all(|word| asked.contains(word)) {
        return error("invalid_scope");
    }
    let options = &shared.options;
    let codes = shared.change(|state| state.devices.begin(options, state.clock.now()));
    let page = format!("{}/device", shared.url);
    let answer = json!({
        "device_code": codes.device_code.expose_secret(),
        "user_code": codes.user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", codes.user_code),
        "expires_in": options.device_ttl.as_secs(),
        // Whole seconds, so a fraction counts as one more.
        "interval": options.device_interval.as_millis().div_ceil(1000),
    });
    uncached(answer::json(StatusCode::OK, &answer))
}

pub(super) fn token(shared: &Shared, call: &Call) -> Response<Payload> {
    let form = match client_form(call) {
        Ok(form) => form,
        Err(code) => return error(code),
    };
    let granted = shared.change(|state| match form.get("grant_type").map(String::as_str) {
        Some(DEVICE_GRANT) => device_grant(shared, state, &form),
        Some("refresh_token") => refresh_grant(shared, state, &form),
        Some(_) => Err("unsupported_grant_type"),
        None => Err("invalid_request"),
    });
    granted.unwrap_or_else(error)
}

fn device_grant(
    shared: &Shared,
    state: &mut State,
    form: &Form,
) -> Result<Response<Payload>, &'static str> {
    let code = form.get("device_code").ok_or("invalid_request")?;
    let now = state.clock.now();
    let account = state
        .devices
        .poll(code, now)
        .map_err(|reason| match reason {
            NotYet::AuthorizationPending => "authorization_pending",
            NotYet::SlowDown => "slow_down",
            NotYet::AccessDenied => "access_denied",
            NotYet::ExpiredToken => "expired_token",
            NotYet::InvalidGrant => "invalid_grant",
        })?;
    Ok(tokens(
        &state.grants.begin(&account, &shared.options, now),
        RefreshTokens::Rotate,
    ))
}

fn refresh_grant(
    shared: &Shared,
    state: &mut State,
    form: &Form,
) -> Result<Response<Payload>, &'static str> {
    let token = form.get("refresh_token").ok_or("invalid_request")?;
    let mode = state.behaviour.refresh_tokens;
    let renewed = state
        .grants
        .renew(token, mode, &shared.options, state.clock.now());
    renewed
        .map(|renewed| tokens(&renewed, mode))
        .map_err(|_| "invalid_grant")
}

/// The form of a request that is one, and comes from the client that we know.
fn client_form(call: &Call) -> Result<Form, &'static str> {
    let form = form::parse(&call.body)
        .filter(|_| call.is_form())
        .ok_or("invalid_request")?;
    match form.get("client_id").map(String::as_str) {
        Some(CLIENT_ID) => Ok(form),
        Some(_) => Err("invalid_client"),
        None => Err("invalid_request"),
    }
}

fn tokens(tokens: &OAuthTokens, mode: RefreshTokens) -> Response<Payload> {
    let mut answer = json!({
        "access_token": tokens.access.expose_secret(),
        "token_type": "bearer",
        "expires_in": tokens.expires_in,
        "scope": SCOPE.join(" "),
    });
    if mode != RefreshTokens::Omit {
        answer["refresh_token"] = tokens.refresh.expose_secret().into();
    }
    uncached(answer::json(StatusCode::OK, &answer))
}

fn error(code: &str) -> Response<Payload> {
    let status = match code {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    };
    uncached(answer::json(status, &json!({ "error": code })))
}

fn uncached(answer: Response<Payload>) -> Response<Payload> {
    answer::with_header(answer, CACHE_CONTROL, "no-store")
}
