//! Device logins, rotating refresh tokens, and what an account holds.

use std::time::Duration;

use hytale_emulator::{Account, Behaviour, Emulator, Options, RefreshTokens};
use serde_json::{Value, json};

use crate::client::{Answer, ask};

const CLIENT: &str = "client_id=hytale-server";
const SCOPE: &str = "scope=openid+offline%20auth:server";

fn start() -> Emulator {
    Emulator::start(Options::default()).unwrap()
}

fn begin(emulator: &Emulator) -> Value {
    let answer = ask(emulator.url(), "POST", "/oauth2/device/auth")
        .form(&format!("{CLIENT}&{SCOPE}"))
        .send();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn token(emulator: &Emulator, form: &str) -> Answer {
    ask(emulator.url(), "POST", "/oauth2/token")
        .form(form)
        .send()
}

fn poll(emulator: &Emulator, codes: &Value) -> Answer {
    let code = codes["device_code"].as_str().unwrap();
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    token(
        emulator,
        &format!("{CLIENT}&grant_type={grant}&device_code={code}"),
    )
}

fn refresh(emulator: &Emulator, refresh_token: &str) -> Answer {
    token(
        emulator,
        &format!("{CLIENT}&grant_type=refresh_token&refresh_token={refresh_token}"),
    )
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(
        (answer.status, answer.json()),
        (400, json!({ "error": code }))
    );
}

fn profiles(emulator: &Emulator, access: &str) -> Answer {
    ask(emulator.url(), "GET", "/my-account/get-profiles")
        .bearer(access)
        .send()
}

#[test]
fn a_device_login_says_where_to_go_and_how_long_there_is() {
    let emulator = start();
    let codes = begin(&emulator);
    let code = codes["user_code"].as_str().unwrap();
    assert_eq!((code.len(), code.as_bytes()[4]), (9, b'-'));
    assert_eq!(
        (&codes["expires_in"], &codes["interval"]),
        (&json!(900), &json!(5))
    );
    assert_eq!(
        codes["verification_uri"],
        format!("{}/device", emulator.url())
    );
    assert_eq!(
        codes["verification_uri_complete"],
        format!("{}/device?user_code={code}", emulator.url())
    );
    assert_eq!(emulator.user_codes(), [code]);
}

#[test]
fn an_approved_login_yields_tokens_once() {
    let emulator = start();
    let codes = begin(&emulator);
    refused(&poll(&emulator, &codes), "authorization_pending");
    assert!(emulator.approve(codes["user_code"].as_str().unwrap()));
    emulator.advance(Duration::from_secs(5));
    let answer = poll(&emulator, &codes);
    let tokens = answer.json();
    assert_eq!(
        (answer.status, &tokens["expires_in"], &tokens["token_type"]),
        (200, &json!(3600), &json!("bearer"))
    );
    assert_eq!(tokens["scope"], "openid offline auth:server");
    assert_eq!(
        profiles(&emulator, tokens["access_token"].as_str().unwrap()).status,
        200
    );
    assert_eq!(
        refresh(&emulator, tokens["refresh_token"].as_str().unwrap()).status,
        200
    );
    emulator.advance(Duration::from_secs(5));
    refused(&poll(&emulator, &codes), "invalid_grant");
}

#[test]
fn a_poll_that_comes_too_soon_makes_the_interval_five_seconds_longer() {
    let emulator = start();
    let codes = begin(&emulator);
    refused(&poll(&emulator, &codes), "authorization_pending");
    refused(&poll(&emulator, &codes), "slow_down");
    emulator.advance(Duration::from_secs(6));
    refused(&poll(&emulator, &codes), "slow_down");
    emulator.advance(Duration::from_secs(15));
    refused(&poll(&emulator, &codes), "authorization_pending");
}

#[test]
fn a_login_can_be_denied_and_it_can_expire() {
    let emulator = start();
    let codes = begin(&emulator);
    assert!(emulator.deny(codes["user_code"].as_str().unwrap()));
    refused(&poll(&emulator, &codes), "access_denied");
    let codes = begin(&emulator);
    emulator.advance(Duration::from_mins(15));
    refused(&poll(&emulator, &codes), "expired_token");
    assert!(!emulator.approve(codes["user_code"].as_str().unwrap()));
}

#[test]
fn a_request_that_breaks_the_rules_gets_the_error_that_rfc_6749_has_for_it() {
    let emulator = start();
    let begin = |form: &str| {
        ask(emulator.url(), "POST", "/oauth2/device/auth")
            .form(form)
            .send()
    };
    refused(&begin(SCOPE), "invalid_request");
    refused(
        &begin(&format!("{CLIENT}&{CLIENT}&{SCOPE}")),
        "invalid_request",
    );
    refused(&begin(&format!("{CLIENT}&scope=openid")), "invalid_scope");
    refused(&begin(&format!("{CLIENT}&{SCOPE}+admin")), "invalid_scope");
    let stranger = begin(&format!("client_id=stranger&{SCOPE}"));
    assert_eq!(
        (stranger.status, stranger.json()),
        (401, json!({"error": "invalid_client"}))
    );
    let no_form = ask(emulator.url(), "POST", "/oauth2/token")
        .json(&json!({}))
        .send();
    refused(&no_form, "invalid_request");
    refused(&token(&emulator, CLIENT), "invalid_request");
    refused(
        &token(&emulator, &format!("{CLIENT}&grant_type=password")),
        "unsupported_grant_type",
    );
    refused(
        &token(&emulator, &format!("{CLIENT}&grant_type=refresh_token")),
        "invalid_request",
    );
    refused(&refresh(&emulator, "unheard-of"), "invalid_grant");
}

#[test]
fn a_replaced_refresh_token_that_is_used_again_ends_the_whole_login() {
    let emulator = start();
    let other = emulator.authorize("default");
    let first = emulator.authorize("default").refresh;
    let second = refresh(&emulator, first.expose_secret()).json();
    let newest = second["refresh_token"].as_str().unwrap();
    assert_ne!(newest, first.expose_secret());
    assert_eq!(emulator.incidents(), 0);

    refused(&refresh(&emulator, first.expose_secret()), "invalid_grant");
    assert_eq!(emulator.incidents(), 1);
    refused(&refresh(&emulator, newest), "invalid_grant");
    assert_eq!(
        profiles(&emulator, second["access_token"].as_str().unwrap()).text(),
        (403, "invalid token")
    );
    assert_eq!(emulator.incidents(), 1);
    assert_eq!(
        refresh(&emulator, other.refresh.expose_secret()).status,
        200
    );
}

#[test]
fn refresh_tokens_can_be_repeated_or_left_out_and_then_stay_good() {
    for (refresh_tokens, named) in [(RefreshTokens::Repeat, true), (RefreshTokens::Omit, false)] {
        let emulator = start();
        emulator.set(Behaviour {
            refresh_tokens,
            ..Behaviour::default()
        });
        let tokens = emulator.authorize("default").refresh;
        let answer = refresh(&emulator, tokens.expose_secret()).json();
        let expected = if named {
            json!(tokens.expose_secret())
        } else {
            Value::Null
        };
        assert_eq!(answer["refresh_token"], expected);
        assert_eq!(refresh(&emulator, tokens.expose_secret()).status, 200);
        assert_eq!(emulator.incidents(), 0);
    }
}

#[test]
fn tokens_expire_and_can_be_revoked() {
    let emulator = start();
    let tokens = emulator.authorize("default");
    emulator.advance(Duration::from_hours(1));
    assert_eq!(
        profiles(&emulator, tokens.access.expose_secret()).text(),
        (403, "invalid token")
    );
    let renewed = refresh(&emulator, tokens.refresh.expose_secret()).json();
    assert_eq!(
        profiles(&emulator, renewed["access_token"].as_str().unwrap()).status,
        200
    );
    emulator.revoke("default");
    assert_eq!(
        profiles(&emulator, renewed["access_token"].as_str().unwrap()).status,
        403
    );
    refused(
        &refresh(&emulator, renewed["refresh_token"].as_str().unwrap()),
        "invalid_grant",
    );

    let tokens = emulator.authorize("default");
    emulator.advance(Duration::from_hours(30 * 24));
    refused(
        &refresh(&emulator, tokens.refresh.expose_secret()),
        "invalid_grant",
    );
}

#[test]
fn an_account_lists_its_owner_and_its_profiles() {
    let accounts = vec![Account::named("default").with_profiles(["one", "two"])];
    let emulator = Emulator::start(Options {
        accounts,
        ..Options::default()
    })
    .unwrap();
    let account = &emulator.accounts()[0];
    let answer = profiles(
        &emulator,
        emulator.authorize("default").access.expose_secret(),
    );
    let expected = json!({"owner": account.owner, "profiles": [
        {"uuid": account.profiles[0].uuid, "username": "one"},
        {"uuid": account.profiles[1].uuid, "username": "two"},
    ]});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(
        ask(emulator.url(), "GET", "/my-account/get-profiles")
            .send()
            .status,
        401
    );
}
