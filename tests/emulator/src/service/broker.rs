//! The session token broker: one request, one pair of tokens, and every trouble upstream in a 400.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, Limited};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::account::{Account, BrokerLogin};
use crate::behaviour::{BrokerErrors, BrokerExpiry};
use crate::server::answer::{self, Payload, Reply};
use crate::server::call::Call;
use crate::server::pipeline;
use crate::state::Shared;
use crate::state::requests::Caller;

/// What the broker reads of an answer.
const ANSWER_LIMIT: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Wish {
    account: Option<String>,
    profile_uuids: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    session_token: String,
    identity_token: String,
    expires_at: String,
}

pub(super) async fn mint(shared: &Arc<Shared>, call: &Call) -> Reply {
    let begun = Instant::now();
    let answer = answer(shared, call).await;
    // Go closes a connection whose answer took longer than the server's write timeout.
    if begun.elapsed() > shared.options.broker_timeout {
        Reply::Drop
    } else {
        Reply::Answer(answer)
    }
}

async fn answer(shared: &Arc<Shared>, call: &Call) -> Response<Payload> {
    if call.method != Method::POST {
        return error(shared, StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    }
    let wanted = shared
        .options
        .broker_token
        .as_ref()
        .map(|token| token.expose_secret());
    if wanted.is_some() && wanted != call.bearer.as_deref() {
        return error(shared, StatusCode::UNAUTHORIZED, "unauthorized");
    }
    let Ok(wish) = serde_json::from_str::<Wish>(&call.body) else {
        return error(shared, StatusCode::BAD_REQUEST, "invalid json body");
    };
    let account = match account(shared, wish.account.as_deref().unwrap_or_default()) {
        Ok(account) => account,
        Err(message) => return error(shared, StatusCode::UNAUTHORIZED, &message),
    };
    let profiles = match wish.profile_uuids {
        Some(profiles) if !profiles.is_empty() => profiles,
        _ => account
            .profiles
            .first()
            .map(|profile| profile.uuid.clone())
            .into_iter()
            .collect(),
    };
    let mut trouble = "no profile available".to_owned();
    for profile in profiles {
        match upstream(shared, account, &profile).await {
            Ok(session) => return success(shared, &session),
            Err(message) => trouble = message,
        }
    }
    error(shared, StatusCode::BAD_REQUEST, &trouble)
}

/// The account of that name, or the first that is logged in when there is no name.
fn account<'a>(shared: &'a Shared, name: &str) -> Result<&'a Account, String> {
    let mut accounts = shared
        .options
        .accounts
        .iter()
        .filter(|account| account.broker != BrokerLogin::Missing);
    let found = if name.is_empty() {
        accounts.next()
    } else {
        accounts.find(|account| account.name == name)
    };
    match found {
        Some(Account {
            broker: BrokerLogin::Revoked,
            name,
            ..
        }) => Err(format!(
            "account \"{name}\" needs re-authentication (invalid_grant)"
        )),
        Some(account) => Ok(account),
        None if name.is_empty() => Err("no accounts are authenticated".to_owned()),
        None => Err(format!("account \"{name}\" is not authenticated")),
    }
}

/// The very same `POST /game-session/new` that a client could send, with the faults of that path.
async fn upstream(
    shared: &Arc<Shared>,
    account: &Account,
    profile: &str,
) -> Result<Session, String> {
    let access = shared.change(|state| {
        let now = state.clock.now();
        state
            .grants
            .begin(&account.name, &shared.options, now)
            .access
    });
    let call = Call::new_session(access.expose_secret(), profile);
    let request = tokio::spawn(pipeline::attend(Arc::clone(shared), call, Caller::Broker));
    let answered = async {
        match request.await {
            Ok(Reply::Answer(answer)) => {
                let (head, body) = answer.into_parts();
                let body = Limited::new(body, ANSWER_LIMIT)
                    .collect()
                    .await
                    .map_err(|error| error.to_string())?;
                Ok((head.status, body.to_bytes()))
            }
            Ok(Reply::Hang) => std::future::pending().await,
            Ok(Reply::Drop) | Err(_) => Err("EOF".to_owned()),
        }
    };
    let failed = |reason: &str| {
        format!(
            "create session: Post \"{}/game-session/new\": {reason}",
            shared.url
        )
    };
    let (status, body) = match timeout(shared.options.broker_timeout, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(reason)) => return Err(failed(&reason)),
        Err(_) => {
            return Err(failed(
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            ));
        }
    };
    if !status.is_success() {
        return Err(format!(
            "create session status {}: {}",
            status.as_u16(),
            String::from_utf8_lossy(&body).trim()
        ));
    }
    serde_json::from_slice(&body).map_err(|error| format!("decode session response: {error}"))
}

fn success(shared: &Shared, session: &Session) -> Response<Payload> {
    let expires_at = match shared.read(|state| state.behaviour.broker_expiry) {
        BrokerExpiry::Known => &session.expires_at,
        BrokerExpiry::Unknown => "0001-01-01T00:00:00Z",
    };
    let tokens: Value = json!({
        "session_token": session.session_token,
        "identity_token": session.identity_token,
        "expires_at": expires_at,
    });
    answer::json(StatusCode::OK, &tokens)
}

fn error(shared: &Shared, status: StatusCode, message: &str) -> Response<Payload> {
    match shared.read(|state| state.behaviour.broker_errors) {
        BrokerErrors::Json => answer::json(status, &json!({ "error": message })),
        BrokerErrors::GoEscapes => {
            let quoted = json!(message).to_string();
            let text = &quoted[1..quoted.len() - 1];
            let body = format!(r#"{{"error":"\x1b[31m{text}\x1b[0m"}}"#);
            answer::typed(status, "application/json", body)
        }
    }
}
