//! The way in over HTTP for those who do not hold an [`Emulator`](crate::Emulator): `/_emulator/…`, and `/device` for people.
//! None of it is in the request log, and no fault touches it.

mod page;

use std::time::Duration;

use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::behaviour::Behaviour;
use crate::fault::Fault;
use crate::mint::Mint;
use crate::server::answer::{self, Payload};
use crate::server::call::Call;
use crate::state::Shared;
use crate::state::devices::Verdict;

const HELP: &str = "\
GET    /_emulator/sessions        every session there ever was
GET    /_emulator/requests        every request, in order; tokens as fingerprints
GET    /_emulator/state           slots taken, requests counted, codes to approve, switches
POST   /_emulator/faults          {\"path\":\"/game-session/new\",\"fault\":\"status\",\"status\":503,\"times\":2}
DELETE /_emulator/faults          no more faults
POST   /_emulator/behaviour       {\"dead_token\":\"forbidden\"}
POST   /_emulator/mint            {\"account\":\"default\",\"profile\":\"default\",\"lifetime_seconds\":600}, all optional
POST   /_emulator/clock           {\"advance_seconds\":3600}
POST   /_emulator/device/approve  {\"user_code\":\"ABCD-1234\",\"account\":\"default\"}, the account optional
POST   /_emulator/device/deny     {\"user_code\":\"ABCD-1234\"}
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MintOrder {
    account: Option<String>,
    profile: Option<String>,
    lifetime_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    advance_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceOrder {
    user_code: String,
    account: Option<String>,
}

pub(crate) fn serves(path: &str) -> bool {
    path == "/device" || path.starts_with("/_emulator/")
}

pub(crate) fn answer(shared: &Shared, call: &Call) -> Response<Payload> {
    let outcome = match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/device") => return page::ask(shared, call),
        ("POST", "/device") => return page::decide(shared, call),
        ("GET", "/_emulator/sessions") => Ok(shared.look(|view| json!(view.sessions()))),
        ("GET", "/_emulator/requests") => Ok(shared.look(|view| json!(view.log()))),
        ("GET", "/_emulator/state") => Ok(shared.look(|view| view.figures())),
        ("POST", "/_emulator/faults") => order(call).and_then(|order| queue(shared, order)),
        ("DELETE", "/_emulator/faults") => clear(shared),
        ("POST", "/_emulator/behaviour") => order(call).and_then(|order| switch(shared, order)),
        ("POST", "/_emulator/mint") => order(call).and_then(|order| mint(shared, order)),
        ("POST", "/_emulator/clock") => order(call).and_then(|order| advance(shared, &order)),
        ("POST", "/_emulator/device/approve") => {
            order(call).and_then(|order| approve(shared, &order))
        }
        ("POST", "/_emulator/device/deny") => order(call).and_then(|order| deny(shared, &order)),
        _ => return answer::text(StatusCode::NOT_FOUND, HELP),
    };
    match outcome {
        Ok(Value::Null) => answer::empty(StatusCode::NO_CONTENT),
        Ok(value) => answer::json(StatusCode::OK, &value),
        Err(message) => answer::json(StatusCode::BAD_REQUEST, &json!({ "error": message })),
    }
}

fn order<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    let body = if call.body.trim().is_empty() {
        "{}"
    } else {
        &call.body
    };
    serde_json::from_str(body).map_err(|error| error.to_string())
}

/// One fault, or a list of them; all or none are queued.
fn queue(shared: &Shared, order: Value) -> Result<Value, String> {
    let specs = match order {
        Value::Array(specs) => specs,
        spec => vec![spec],
    };
    let faults = specs
        .into_iter()
        .map(Fault::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    shared.change(|state| {
        faults
            .into_iter()
            .for_each(|fault| state.faults.push(fault))
    });
    Ok(Value::Null)
}

fn clear(shared: &Shared) -> Result<Value, String> {
    shared.change(|state| state.faults.clear());
    Ok(Value::Null)
}

/// Sets the switches that are named and leaves the others.
fn switch(shared: &Shared, order: serde_json::Map<String, Value>) -> Result<Value, String> {
    shared.change(|state| {
        let mut switches = json!(state.behaviour);
        for (name, choice) in order {
            switches[name] = choice;
        }
        state.behaviour =
            serde_json::from_value::<Behaviour>(switches).map_err(|error| error.to_string())?;
        Ok(json!(state.behaviour))
    })
}

fn mint(shared: &Shared, order: MintOrder) -> Result<Value, String> {
    let lifetime = order.lifetime_seconds.map(Duration::from_secs);
    let pair = Mint {
        account: order.account,
        profile: order.profile,
        lifetime,
    }
    .open(shared)?;
    Ok(json!({
        "session_token": pair.session_token.expose_secret(),
        "identity_token": pair.identity_token.expose_secret(),
        "expires_at": pair.expires_at,
    }))
}

fn advance(shared: &Shared, order: &ClockOrder) -> Result<Value, String> {
    shared.change(|state| {
        state
            .clock
            .advance(Duration::from_secs(order.advance_seconds))
    });
    Ok(Value::Null)
}

fn approve(shared: &Shared, order: &DeviceOrder) -> Result<Value, String> {
    let account = shared.options.account_or_first(order.account.as_deref())?;
    decided(shared.decide(&order.user_code, Verdict::Approve(&account.name)))
}

fn deny(shared: &Shared, order: &DeviceOrder) -> Result<Value, String> {
    decided(shared.decide(&order.user_code, Verdict::Deny))
}

fn decided(known: bool) -> Result<Value, String> {
    if known {
        Ok(Value::Null)
    } else {
        Err("no login waits under this code".to_owned())
    }
}
