//! Tokens, slots, refresh and release.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use hytale_emulator::{
    Account, Behaviour, CreateStatus, DeadToken, Emulator, Ended, ExpiredSessions, ForgeOptions,
    LimitBody, Mint, OldToken, Options, Signer, Slots,
};
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::client::{Answer, ask, open_session};

fn start() -> Emulator {
    Emulator::start(Options::default()).unwrap()
}

fn with_slots(slots: Slots) -> Emulator {
    let accounts = vec![Account::named("default").with_slots(slots)];
    Emulator::start(Options {
        accounts,
        ..Options::default()
    })
    .unwrap()
}

fn session_token(answer: &Answer) -> String {
    answer.json()["sessionToken"].as_str().unwrap().to_owned()
}

fn release(emulator: &Emulator, token: &str) -> Answer {
    ask(emulator.url(), "DELETE", "/game-session")
        .bearer(token)
        .send()
}

fn refresh(emulator: &Emulator, token: &str) -> Answer {
    ask(emulator.url(), "POST", "/game-session/refresh")
        .bearer(token)
        .send()
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn verify(emulator: &Emulator, token: &str) {
    let jwks = ask(emulator.url(), "GET", "/.well-known/jwks.json")
        .send()
        .json();
    let key = &jwks["keys"][0];
    assert_eq!(
        [&key["kty"], &key["alg"], &key["use"], &key["crv"]],
        ["OKP", "EdDSA", "sig", "Ed25519"]
    );
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header: Value =
        serde_json::from_slice(&BASE64URL.decode(token.split('.').next().unwrap()).unwrap())
            .unwrap();
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("EdDSA"), &key["kid"])
    );
    let public = BASE64URL.decode(key["x"].as_str().unwrap()).unwrap();
    let signature = BASE64URL.decode(signature).unwrap();
    UnparsedPublicKey::new(&ED25519, public)
        .verify(signed.as_bytes(), &signature)
        .unwrap();
}

#[test]
fn both_tokens_of_a_session_verify_against_the_jwks_and_hold_the_claims_a_server_checks() {
    let emulator = start();
    let answer = open_session(&emulator).json();
    let profile = &emulator.accounts()[0].profiles[0];
    let tokens = ["sessionToken", "identityToken"].map(|name| answer[name].as_str().unwrap());
    for token in tokens {
        verify(&emulator, token);
        let claims = claims(token);
        assert_eq!(claims["iss"], "https://sessions.hytale.com");
        assert_eq!(claims["sub"], json!(profile.uuid));
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            3600
        );
    }
    let identity = claims(tokens[1]);
    assert_eq!(identity["username"], json!(profile.username));
    assert_eq!(identity["scope"], "hytale:server");
    assert_eq!(identity["nbf"], identity["iat"]);
}

#[test]
fn expires_at_has_nine_fractional_digits_and_agrees_with_the_token() {
    let answer = open_session(&start()).json();
    let text = answer["expiresAt"].as_str().unwrap();
    assert_eq!(
        (text.len(), text.rfind('.'), text.ends_with('Z')),
        (30, Some(19), true),
        "{text}"
    );
    let expires: Timestamp = text.parse().unwrap();
    assert_eq!(
        claims(answer["sessionToken"].as_str().unwrap())["exp"],
        json!(expires.as_second())
    );
}

#[test]
fn tokens_of_the_same_second_differ() {
    let emulator = start();
    let first = emulator.mint(&Mint::default());
    let second = emulator.mint(&Mint::default());
    assert_ne!(first.session_token, second.session_token);
    assert_ne!(first.identity_token, second.identity_token);
}

#[test]
fn a_new_session_is_announced_with_201_or_200() {
    let emulator = start();
    assert_eq!(open_session(&emulator).status, 201);
    emulator.set(Behaviour {
        create_status: CreateStatus::Ok,
        ..Behaviour::default()
    });
    assert_eq!(open_session(&emulator).status, 200);
}

#[test]
fn one_session_more_than_the_limit_is_a_403_whose_body_can_be_chosen() {
    let emulator = with_slots(Slots::Limit(1));
    assert_eq!(open_session(&emulator).status, 201);
    for (limit_body, body) in [
        (LimitBody::Json, r#"{"error":"session limit reached"}"#),
        (LimitBody::Text, "session limit reached"),
        (LimitBody::Empty, ""),
    ] {
        emulator.set(Behaviour {
            limit_body,
            ..Behaviour::default()
        });
        assert_eq!(open_session(&emulator).text(), (403, body));
    }
    assert_eq!(emulator.live(), 1);
}

#[test]
fn an_account_has_a_hundred_slots_unless_it_has_no_limit() {
    let emulator = start();
    (0..100).for_each(|_| drop(emulator.mint(&Mint::default())));
    assert_eq!(open_session(&emulator).status, 403);
    let emulator = with_slots(Slots::Unlimited);
    (0..100).for_each(|_| drop(emulator.mint(&Mint::default())));
    assert_eq!(open_session(&emulator).status, 201);
}

#[test]
fn a_released_session_gives_its_slot_back() {
    let emulator = with_slots(Slots::Limit(1));
    let token = session_token(&open_session(&emulator));
    assert_eq!(release(&emulator, &token).text(), (204, ""));
    assert_eq!(emulator.live(), 0);
    assert_eq!(emulator.sessions()[0].ended, Ended::Released);
    assert_eq!(open_session(&emulator).status, 201);
}

#[test]
fn an_expired_session_frees_its_slot_or_holds_it() {
    let emulator = with_slots(Slots::Limit(1));
    open_session(&emulator);
    emulator.advance(Duration::from_hours(1));
    assert_eq!(emulator.sessions()[0].ended, Ended::Expired);
    emulator.set(Behaviour {
        expired_sessions: ExpiredSessions::HoldTheirSlot,
        ..Behaviour::default()
    });
    assert_eq!((emulator.live(), open_session(&emulator).status), (1, 403));
    emulator.set(Behaviour::default());
    assert_eq!((emulator.live(), open_session(&emulator).status), (0, 201));
}

#[test]
fn waiting_for_an_expiry_ends_when_it_happens() {
    let emulator = start();
    emulator.mint(&Mint {
        lifetime: Some(Duration::from_millis(20)),
        ..Mint::default()
    });
    assert!(emulator.wait_for(|view| view.live() == 0, Duration::from_secs(20)));
}

#[test]
fn a_refresh_prolongs_the_same_session_and_ends_the_token_before_it() {
    let emulator = start();
    let old = session_token(&open_session(&emulator));
    emulator.advance(Duration::from_mins(50));
    let answer = refresh(&emulator, &old);
    let new = session_token(&answer);
    assert_eq!((answer.status, emulator.live()), (200, 1));
    verify(&emulator, &new);
    let session = &emulator.sessions()[0];
    assert_eq!(session.refreshes, 1);
    assert_eq!(session.newest_token, hytale_emulator::fingerprint(&new));
    emulator.advance(Duration::from_mins(50));
    assert_eq!(refresh(&emulator, &old).status, 401);
    assert_eq!(release(&emulator, &old).status, 401);
    assert_eq!(emulator.live(), 1);
    assert_eq!(release(&emulator, &new).status, 204);
}

#[test]
fn the_token_before_a_refresh_can_be_made_to_work_on() {
    let emulator = start();
    emulator.set(Behaviour {
        old_token: OldToken::StillWorks,
        ..Behaviour::default()
    });
    let old = session_token(&open_session(&emulator));
    assert_eq!(refresh(&emulator, &old).status, 200);
    assert_eq!(refresh(&emulator, &old).status, 200);
    assert_eq!(release(&emulator, &old).status, 204);
    assert_eq!(emulator.live(), 0);
}

#[test]
fn a_dead_token_is_refused_as_chosen() {
    for (dead_token, status) in [
        (DeadToken::Unauthorized, 401),
        (DeadToken::Forbidden, 403),
        (DeadToken::NotFound, 404),
        (DeadToken::Works, 204),
    ] {
        let emulator = start();
        emulator.set(Behaviour {
            dead_token,
            ..Behaviour::default()
        });
        let released = session_token(&open_session(&emulator));
        release(&emulator, &released);
        assert_eq!(
            release(&emulator, &released).status,
            status,
            "{dead_token:?}: released twice"
        );

        let superseded = session_token(&open_session(&emulator));
        refresh(&emulator, &superseded);
        assert_eq!(
            release(&emulator, &superseded).status,
            status,
            "{dead_token:?}: superseded"
        );
        assert_eq!(
            emulator.live() == 0,
            status == 204,
            "{dead_token:?}: only a 204 frees the slot"
        );

        let forged = emulator.forge(&ForgeOptions::default()).session_token;
        assert_eq!(
            release(&emulator, forged.expose_secret()).status,
            status,
            "{dead_token:?}: no session's"
        );
    }
}

#[test]
fn a_token_that_the_service_never_signed_is_401() {
    let emulator = start();
    emulator.set(Behaviour {
        dead_token: DeadToken::NotFound,
        ..Behaviour::default()
    });
    let strange = emulator
        .forge(&ForgeOptions {
            signer: Signer::Stranger,
            ..ForgeOptions::default()
        })
        .session_token;
    assert_eq!(release(&emulator, strange.expose_secret()).status, 401);
    assert_eq!(refresh(&emulator, "nonsense").status, 401);
    assert_eq!(
        ask(emulator.url(), "DELETE", "/game-session").send().status,
        401
    );
}

#[test]
fn a_new_session_needs_a_good_access_token_and_a_profile_of_its_account() {
    let emulator = start();
    let access = emulator.authorize("default").access;
    let profile = json!({"uuid": emulator.accounts()[0].profiles[0].uuid});
    let new = || ask(emulator.url(), "POST", "/game-session/new");
    assert_eq!(new().json(&profile).send().status, 401);
    assert_eq!(new().bearer("nonsense").json(&profile).send().status, 401);
    let new = || new().bearer(access.expose_secret());
    assert_eq!(new().send().status, 400);
    assert_eq!(
        new()
            .json(&json!({"uuid": "00000000-0000-0000-0000-000000000000"}))
            .send()
            .status,
        404
    );
    assert_eq!(new().json(&profile).send().status, 201);
    emulator.revoke_access("default");
    assert_eq!(new().json(&profile).send().text(), (403, "invalid token"));
}

#[test]
fn forged_tokens_say_what_they_were_told_to() {
    let emulator = start();
    let pair = emulator.forge(&ForgeOptions {
        expires_in: Some(-60),
        issuer: "https://elsewhere".to_owned(),
        scope: "none".to_owned(),
        claims: serde_json::Map::from_iter([("extra".to_owned(), json!(1))]),
        ..ForgeOptions::default()
    });
    verify(&emulator, pair.identity_token.expose_secret());
    let claims = claims(pair.identity_token.expose_secret());
    assert_eq!(
        claims["iat"].as_i64().unwrap() - claims["exp"].as_i64().unwrap(),
        60
    );
    assert_eq!(
        [&claims["iss"], &claims["scope"], &claims["extra"]],
        [&json!("https://elsewhere"), &json!("none"), &json!(1)]
    );
    assert_eq!(emulator.sessions().len(), 0);
}

#[test]
fn wrong_methods_are_405_and_unknown_paths_404() {
    let emulator = start();
    let answer = ask(emulator.url(), "GET", "/game-session/new").send();
    assert_eq!(
        (answer.status, answer.headers["allow"].as_str()),
        (405, "POST")
    );
    assert_eq!(
        ask(emulator.url(), "GET", "/nowhere").send().text(),
        (404, "404 page not found")
    );
}

#[test]
fn the_services_tell_their_own_time() {
    let emulator = start();
    let date = || {
        let answer = ask(emulator.url(), "GET", "/.well-known/jwks.json").send();
        let date = jiff::fmt::rfc2822::parse(&answer.headers["date"]).unwrap();
        date.timestamp()
    };
    let apart = |date: Timestamp| date.duration_since(Timestamp::now()).as_secs();
    assert!(apart(date()).abs() < 60);
    emulator.advance(Duration::from_hours(2));
    assert!(apart(date()) > 3600);
}
