//! What can be done over HTTP alone.

use hytale_emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::client::{Answer, ask};

fn start() -> Emulator {
    Emulator::start(Options::default()).unwrap()
}

fn get(emulator: &Emulator, path: &str) -> Value {
    ask(emulator.url(), "GET", path).send().json()
}

fn post(emulator: &Emulator, path: &str, order: &Value) -> Answer {
    ask(emulator.url(), "POST", path).json(order).send()
}

fn mint(emulator: &Emulator) -> u16 {
    post(emulator, "/v1/game-session", &json!({})).status
}

fn user_code(emulator: &Emulator) -> String {
    let form = "client_id=hytale-server&scope=openid%20offline%20auth:server";
    let codes = ask(emulator.url(), "POST", "/oauth2/device/auth")
        .form(form)
        .send()
        .json();
    codes["user_code"].as_str().unwrap().to_owned()
}

#[test]
fn sessions_requests_and_figures_can_be_looked_up_and_that_is_not_logged() {
    let emulator = start();
    mint(&emulator);
    assert_eq!(get(&emulator, "/_emulator/sessions")[0]["ended"], "live");
    let requests = get(&emulator, "/_emulator/requests");
    let callers = requests
        .as_array()
        .unwrap()
        .iter()
        .map(|request| (&request["caller"], &request["outcome"]));
    assert_eq!(
        callers.collect::<Vec<_>>(),
        [
            (&json!("client"), &json!(200)),
            (&json!("broker"), &json!(201))
        ]
    );
    let state = get(&emulator, "/_emulator/state");
    assert_eq!(state["live"], json!({"default": 1}));
    assert_eq!(state["requests"], json!({"POST /v1/game-session": 1}));
    assert_eq!(state["incidents"], 0);
}

#[test]
fn faults_are_queued_and_forgotten() {
    let emulator = start();
    let fault = json!({"path": "/v1/game-session", "fault": "status", "status": 503, "times": "always", "retry_after": 1});
    assert_eq!(
        post(&emulator, "/_emulator/faults", &json!([fault])).status,
        204
    );
    let answer = post(&emulator, "/v1/game-session", &json!({}));
    assert_eq!(
        (answer.status, answer.headers["retry-after"].as_str()),
        (503, "1")
    );
    assert_eq!(
        ask(emulator.url(), "DELETE", "/_emulator/faults")
            .send()
            .status,
        204
    );
    assert_eq!(mint(&emulator), 200);
}

#[test]
fn a_fault_that_makes_no_sense_is_refused_with_the_reason() {
    let emulator = start();
    for (fault, reason) in [
        (
            json!({"path": "/", "fault": "status"}),
            "a status fault needs `status`, from 200 to 599",
        ),
        (
            json!({"path": "/", "fault": "redirect"}),
            "a redirect fault needs `location`",
        ),
        (
            json!({"path": "/", "fault": "body"}),
            "a body fault needs `body`",
        ),
        (
            json!({"path": "/", "fault": "hang", "chance": 2}),
            "`chance` is a probability, from 0 to 1",
        ),
        (
            json!({"path": "/", "fault": "hang", "times": "never"}),
            "`times` is a number or `always`",
        ),
        (json!({"fault": "hang"}), "missing field `path`"),
    ] {
        let answer = post(&emulator, "/_emulator/faults", &fault);
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({ "error": reason }))
        );
    }
    let misspelt = json!({"path": "/", "fault": "hang", "time": 2});
    assert_eq!(post(&emulator, "/_emulator/faults", &misspelt).status, 400);
}

#[test]
fn one_switch_is_set_and_the_others_stay() {
    let emulator = start();
    post(
        &emulator,
        "/_emulator/behaviour",
        &json!({"broker_expiry": "unknown"}),
    );
    let answer = post(
        &emulator,
        "/_emulator/behaviour",
        &json!({"dead_token": "not-found"}),
    );
    assert_eq!(
        (
            &answer.json()["broker_expiry"],
            &answer.json()["dead_token"]
        ),
        (&json!("unknown"), &json!("not-found"))
    );
    assert_eq!(
        post(
            &emulator,
            "/_emulator/behaviour",
            &json!({"dead_token": "no"})
        )
        .status,
        400
    );
}

#[test]
fn sessions_are_minted_and_time_passes_on_demand() {
    let emulator = start();
    let answer = post(
        &emulator,
        "/_emulator/mint",
        &json!({"profile": "default", "lifetime_seconds": 600}),
    );
    assert!(answer.json()["session_token"].is_string());
    assert_eq!(emulator.live(), 1);
    post(
        &emulator,
        "/_emulator/clock",
        &json!({"advance_seconds": 600}),
    );
    assert_eq!(emulator.live(), 0);
    assert_eq!(
        post(&emulator, "/_emulator/mint", &json!({"account": "nobody"})).status,
        400
    );
}

#[test]
fn a_device_login_is_decided_over_http_or_on_its_page() {
    let emulator = start();
    let decide = |path: &str, code: &str| post(&emulator, path, &json!({"user_code": code})).status;
    assert_eq!(
        decide("/_emulator/device/approve", &user_code(&emulator)),
        204
    );
    assert_eq!(decide("/_emulator/device/deny", &user_code(&emulator)), 204);
    assert_eq!(decide("/_emulator/device/approve", "ABCD-0000"), 400);

    let code = user_code(&emulator);
    let page = ask(emulator.url(), "GET", &format!("/device?user_code={code}")).send();
    assert!(
        page.body.contains(&format!("value=\"{code}\"")),
        "{}",
        page.body
    );
    let form = format!("user_code={code}&account=default&verdict=approve");
    let done = ask(emulator.url(), "POST", "/device").form(&form).send();
    assert!(done.body.contains("approved"), "{}", done.body);
    assert!(emulator.user_codes().is_empty());
}

#[test]
fn an_unknown_path_tells_the_known_ones() {
    let answer = ask(start().url(), "GET", "/_emulator/").send();
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("POST   /_emulator/faults"));
}
