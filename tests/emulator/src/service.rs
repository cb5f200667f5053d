//! Which service answers a request.

mod accounts;
mod bearer;
mod broker;
mod oauth;
mod sessions;

use std::sync::Arc;

use hyper::header::ALLOW;
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::server::answer::{self, Payload, Reply};
use crate::server::call::Call;
use crate::state::Shared;

/// Does what a request asks for.
pub(crate) async fn work(shared: &Arc<Shared>, call: &Call) -> Reply {
    let answer = match (call.method.as_str(), call.path.as_str()) {
        (_, "/v1/game-session") => return broker::mint(shared, call).await,
        ("GET", "/healthz") => answer::json(StatusCode::OK, &json!({"ok": true})),
        ("POST", "/oauth2/device/auth") => oauth::begin_device_login(shared, call),
        ("POST", "/oauth2/token") => oauth::token(shared, call),
        ("GET", "/my-account/get-profiles") => accounts::profiles(shared, call),
        ("POST", "/game-session/new") => sessions::create(shared, call),
        ("POST", "/game-session/refresh") => sessions::refresh(shared, call),
        ("DELETE", "/game-session") => sessions::release(shared, call),
        ("GET", "/.well-known/jwks.json") => answer::json(StatusCode::OK, &shared.key.jwks()),
        (
            _,
            "/oauth2/device/auth" | "/oauth2/token" | "/game-session/new" | "/game-session/refresh",
        ) => not_allowed("POST"),
        (_, "/healthz" | "/my-account/get-profiles" | "/.well-known/jwks.json") => {
            not_allowed("GET")
        }
        (_, "/game-session") => not_allowed("DELETE"),
        _ => answer::not_found(),
    };
    Reply::Answer(answer)
}

fn not_allowed(method: &str) -> Response<Payload> {
    answer::with_header(
        answer::text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n"),
        ALLOW,
        method,
    )
}
