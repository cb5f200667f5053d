//! The broker's answers, word for word.

use std::time::Duration;

use hytale_emulator::{
    Account, Behaviour, BrokerErrors, BrokerExpiry, BrokerLogin, Emulator, Fault, Options, Secret,
    Slots,
};
use serde_json::json;

use crate::client::{Answer, PATIENCE, ask};

const PATH: &str = "/v1/game-session";

fn start(accounts: Vec<Account>) -> Emulator {
    Emulator::start(Options {
        accounts,
        ..Options::default()
    })
    .unwrap()
}

fn usual() -> Emulator {
    start(vec![Account::named("default")])
}

fn mint(emulator: &Emulator, wish: &serde_json::Value) -> Answer {
    ask(emulator.broker_url(), "POST", PATH).json(wish).send()
}

fn error(status: u16, message: &str) -> (u16, serde_json::Value) {
    (status, json!({ "error": message }))
}

fn told(answer: &Answer) -> (u16, serde_json::Value) {
    (answer.status, answer.json())
}

#[test]
fn the_broker_is_healthy() {
    let emulator = usual();
    assert_eq!(
        ask(emulator.url(), "GET", "/healthz").send().text(),
        (200, r#"{"ok":true}"#)
    );
}

#[test]
fn a_wish_for_anything_brings_both_tokens_of_a_live_session() {
    let emulator = usual();
    let answer = mint(&emulator, &json!({}));
    let tokens = answer.json();
    assert_eq!(answer.status, 200);
    assert!(
        ["session_token", "identity_token", "expires_at"]
            .iter()
            .all(|name| tokens[name].is_string()),
        "{tokens}"
    );
    assert_eq!(
        emulator.sessions()[0].newest_token,
        hytale_emulator::fingerprint(tokens["session_token"].as_str().unwrap())
    );
    assert_eq!(emulator.live(), 1);
}

#[test]
fn an_expiry_that_the_broker_does_not_know_is_the_year_one() {
    let emulator = usual();
    emulator.set(Behaviour {
        broker_expiry: BrokerExpiry::Unknown,
        ..Behaviour::default()
    });
    assert_eq!(
        mint(&emulator, &json!({})).json()["expires_at"],
        "0001-01-01T00:00:00Z"
    );
}

#[test]
fn a_body_that_is_empty_or_no_json_is_refused() {
    let emulator = usual();
    let refused = error(400, "invalid json body");
    assert_eq!(told(&ask(emulator.url(), "POST", PATH).send()), refused);
    assert_eq!(told(&mint(&emulator, &json!([]))), refused);
    assert_eq!(
        told(&ask(emulator.url(), "POST", PATH).form("{").send()),
        refused
    );
}

#[test]
fn the_method_the_path_and_the_bearer_are_checked() {
    let options = Options {
        broker_token: Some(Secret::from("open sesame")),
        ..Options::default()
    };
    let emulator = Emulator::start(options).unwrap();
    assert_eq!(
        told(&ask(emulator.url(), "GET", PATH).send()),
        error(405, "method not allowed")
    );
    assert_eq!(
        ask(emulator.url(), "POST", "/v2/game-session")
            .send()
            .text(),
        (404, "404 page not found")
    );
    assert_eq!(
        told(&mint(&emulator, &json!({}))),
        error(401, "unauthorized")
    );
    let with = |token| {
        ask(emulator.url(), "POST", PATH)
            .bearer(token)
            .json(&json!({}))
            .send()
            .status
    };
    assert_eq!((with("wrong"), with("open sesame")), (401, 200));
}

#[test]
fn accounts_that_the_broker_cannot_use_are_named() {
    let emulator = start(vec![
        Account::named("gone").at_broker(BrokerLogin::Missing),
        Account::named("stale").at_broker(BrokerLogin::Revoked),
        Account::named("fine"),
    ]);
    let of = |account: &str| mint(&emulator, &json!({"account": account}));
    assert_eq!(
        told(&of("gone")),
        error(401, r#"account "gone" is not authenticated"#)
    );
    assert_eq!(
        told(&of("unheard of")),
        error(401, r#"account "unheard of" is not authenticated"#)
    );
    assert_eq!(
        told(&of("stale")),
        error(
            401,
            r#"account "stale" needs re-authentication (invalid_grant)"#
        )
    );
    assert_eq!((of("fine").status, emulator.live_of("fine")), (200, 1));
    assert_eq!(
        told(&mint(&start(Vec::new()), &json!({}))),
        error(401, "no accounts are authenticated")
    );
}

#[test]
fn profiles_are_tried_in_their_order() {
    let emulator = start(vec![
        Account::named("default").with_profiles(["one", "two"]),
    ]);
    let two = &emulator.accounts()[0].profiles[1];
    let unknown = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        mint(&emulator, &json!({"profile_uuids": [unknown, two.uuid]})).status,
        200
    );
    assert_eq!(emulator.sessions()[0].username, "two");
    assert_eq!(emulator.broker_requests().len(), 2);
    let refused = error(400, "create session status 404: profile not found");
    assert_eq!(
        told(&mint(&emulator, &json!({"profile_uuids": [unknown]}))),
        refused
    );
}

#[test]
fn whatever_goes_wrong_upstream_is_a_400() {
    let emulator = start(vec![Account::named("default").with_slots(Slots::Limit(0))]);
    let limit = r#"create session status 403: {"error":"session limit reached"}"#;
    assert_eq!(told(&mint(&emulator, &json!({}))), error(400, limit));

    emulator.fault(
        Fault::on("/game-session/new")
            .status(503)
            .with_body("try later"),
    );
    assert_eq!(
        told(&mint(&emulator, &json!({}))),
        error(400, "create session status 503: try later")
    );

    emulator.fault(Fault::on("/game-session/new").drop_before());
    let eof = format!(
        "create session: Post \"{}/game-session/new\": EOF",
        emulator.url()
    );
    assert_eq!(told(&mint(&emulator, &json!({}))), error(400, &eof));

    emulator.fault(Fault::on("/game-session/new").garbage());
    let answer = mint(&emulator, &json!({}));
    assert_eq!(answer.status, 400);
    assert!(
        answer.json()["error"]
            .as_str()
            .unwrap()
            .starts_with("decode session response: "),
        "{}",
        answer.body
    );
    assert_eq!(emulator.broker_requests()[3].faults, ["garbage"]);
}

#[test]
fn an_error_can_be_not_quite_json() {
    let emulator = start(vec![Account::named("default").with_slots(Slots::Limit(0))]);
    emulator.set(Behaviour {
        broker_errors: BrokerErrors::GoEscapes,
        ..Behaviour::default()
    });
    let answer = mint(&emulator, &json!({}));
    let body = r#"{"error":"\x1b[31mcreate session status 403: {\"error\":\"session limit reached\"}\x1b[0m"}"#;
    assert_eq!(answer.text(), (400, body));
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err());
}

#[test]
fn a_mint_slower_than_the_brokers_own_limit_ends_in_a_closed_connection_with_the_session_made() {
    let options = Options {
        broker_timeout: Duration::from_millis(20),
        ..Options::default()
    };
    let emulator = Emulator::start(options).unwrap();
    emulator.fault(Fault::on("/game-session/new").latency(Duration::from_millis(60)));
    assert!(
        ask(emulator.url(), "POST", PATH)
            .json(&json!({}))
            .try_send()
            .is_err()
    );
    assert!(emulator.wait_for(|view| view.live() == 1, PATIENCE));
}

#[test]
fn the_brokers_own_listener_serves_nothing_else() {
    let options = Options {
        broker_listen: Some(([127, 0, 0, 1], 0).into()),
        ..Options::default()
    };
    let emulator = Emulator::start(options).unwrap();
    assert_ne!(emulator.url(), emulator.broker_url());
    assert_eq!(mint(&emulator, &json!({})).status, 200);
    assert_eq!(
        ask(emulator.broker_url(), "GET", "/.well-known/jwks.json")
            .send()
            .status,
        404
    );
}
