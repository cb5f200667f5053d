//! `sessions.hytale.com`: a session's beginning, refresh and end.

use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::bearer;
use crate::account::{Account, Slots};
use crate::behaviour::{CreateStatus, DeadToken, LimitBody, OldToken};
use crate::clock;
use crate::secret::fingerprint;
use crate::server::answer::{self, Payload};
use crate::server::call::Call;
use crate::state::grants::Denied;
use crate::state::sessions::Standing;
use crate::state::{Shared, State};
use crate::token::TokenPair;

#[derive(Deserialize)]
struct NewSession {
    uuid: String,
}

pub(super) fn create(shared: &Shared, call: &Call) -> Response<Payload> {
    shared.change(|state| {
        let account = match bearer::account(&shared.options, state, call) {
            Ok(account) => account,
            Err(denied) => return bearer::refuse(denied),
        };
        let Ok(NewSession { uuid }) = serde_json::from_str(&call.body) else {
            return answer::text(StatusCode::BAD_REQUEST, "bad request");
        };
        let Some(profile) = account.profile(&uuid) else {
            return answer::text(StatusCode::NOT_FOUND, "profile not found");
        };
        if !has_slot(state, account) {
            return limit_reached(state.behaviour.limit_body);
        }
        let status = match state.behaviour.create_status {
            CreateStatus::Created => StatusCode::CREATED,
            CreateStatus::Ok => StatusCode::OK,
        };
        tokens(
            status,
            &shared.open_session(state, account, profile, shared.options.session_ttl),
        )
    })
}

pub(super) fn refresh(shared: &Shared, call: &Call) -> Response<Payload> {
    shared.change(|state| {
        let session = match standing(shared, state, call) {
            Ok(Standing::Newest(session)) => session,
            Ok(Standing::Superseded(session))
                if state.behaviour.old_token == OldToken::StillWorks =>
            {
                session
            }
            Ok(_) => {
                return refusal(state.behaviour.dead_token)
                    .unwrap_or_else(|| bearer::refuse(Denied::Unknown));
            }
            Err(denied) => return bearer::refuse(denied),
        };
        let now = state.clock.now();
        let expires = clock::after(now, shared.options.session_ttl);
        let pair = shared.key.pair(
            &shared.options.issuer,
            &state.sessions.get(session).profile,
            now,
            expires,
        );
        state.sessions.renew(session, &pair, expires);
        tokens(StatusCode::OK, &pair)
    })
}

pub(super) fn release(shared: &Shared, call: &Call) -> Response<Payload> {
    shared.change(|state| {
        let old_works = state.behaviour.old_token == OldToken::StillWorks;
        match (
            standing(shared, state, call),
            refusal(state.behaviour.dead_token),
        ) {
            (Err(denied), _) => return bearer::refuse(denied),
            (Ok(Standing::Newest(session)), _) => state.sessions.release(session),
            (Ok(Standing::Superseded(session)), None) => state.sessions.release(session),
            (Ok(Standing::Superseded(session)), _) if old_works => state.sessions.release(session),
            (Ok(Standing::Superseded(_) | Standing::Dead), Some(refusal)) => return refusal,
            (Ok(Standing::Dead), None) => {}
        }
        answer::empty(StatusCode::NO_CONTENT)
    })
}

/// What the bearer token stands for; a token that we never signed is none.
fn standing(shared: &Shared, state: &State, call: &Call) -> Result<Standing, Denied> {
    let token = call.bearer.as_deref().ok_or(Denied::Unknown)?;
    match state
        .sessions
        .standing(&fingerprint(token), state.clock.now())
    {
        Some(standing) => Ok(standing),
        None if shared.key.signed(token) => Ok(Standing::Dead),
        None => Err(Denied::Unknown),
    }
}

fn has_slot(state: &State, account: &Account) -> bool {
    let expired = state.behaviour.expired_sessions;
    match account.slots {
        Slots::Limit(limit) => {
            state
                .sessions
                .live(&account.name, expired, state.clock.now())
                < limit
        }
        Slots::Unlimited => true,
    }
}

fn limit_reached(body: LimitBody) -> Response<Payload> {
    match body {
        LimitBody::Json => answer::json(
            StatusCode::FORBIDDEN,
            &json!({"error": "session limit reached"}),
        ),
        LimitBody::Text => answer::text(StatusCode::FORBIDDEN, "session limit reached"),
        LimitBody::Empty => answer::empty(StatusCode::FORBIDDEN),
    }
}

fn refusal(dead_token: DeadToken) -> Option<Response<Payload>> {
    match dead_token {
        DeadToken::Unauthorized => Some(bearer::refuse(Denied::Unknown)),
        DeadToken::Forbidden => Some(bearer::refuse(Denied::Lapsed)),
        DeadToken::NotFound => Some(answer::text(StatusCode::NOT_FOUND, "session not found")),
        DeadToken::Works => None,
    }
}

fn tokens(status: StatusCode, pair: &TokenPair) -> Response<Payload> {
    let (session, identity) = (
        pair.session_token.expose_secret(),
        pair.identity_token.expose_secret(),
    );
    answer::json(
        status,
        &json!({"sessionToken": session, "identityToken": identity, "expiresAt": pair.expires_at}),
    )
}
