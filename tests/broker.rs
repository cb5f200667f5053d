//! The broker as a source: one request where all is well, patience where trying again may help, and an end
//! with the broker's own reason where it does not.

use std::os::unix::fs::symlink;
use std::time::Duration;

use hytale_emulator::{Account, BrokerLogin, Fault, Mint, Options, Profile, Secret, Slots};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::World;

const MINT: &str = "/v1/game-session";

#[test]
fn a_run_makes_one_request_at_its_start_and_one_delete_at_its_end() {
    let world = World::new();
    let run = world.run_with_broker().stand_in().spawn();
    run.line("Hytale Server Booted!");
    assert_eq!(world.emulator.live(), 1);
    run.signal(SIGTERM);
    run.wait().code(143).says("session released");
    world.assert_nothing_left();
    let made: Vec<_> = world
        .emulator
        .requests()
        .into_iter()
        .filter(|request| request.path != "/.well-known/jwks.json") // the server's own
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(
        made,
        [format!("POST {MINT}"), "DELETE /game-session".to_owned()]
    );
}

#[test]
fn the_body_is_always_json_and_names_what_was_asked_for() {
    let world = World::new();
    world.run_with_broker().sh("exit 0").finish().code(0);
    let profile = Profile::named("default").uuid;
    world
        .run_with_broker()
        .args(["--broker-account", "default", "--profile", &profile])
        .sh("exit 0")
        .finish()
        .code(0);
    let bodies: Vec<_> = world
        .emulator
        .requests()
        .into_iter()
        .filter(|request| request.path == MINT)
        .map(|request| request.body)
        .collect();
    let named = format!(r#"{{"account":"default","profile_uuids":["{profile}"]}}"#);
    assert_eq!(bodies, ["{}".to_owned(), named]);
}

#[test]
fn the_bearer_token_comes_from_a_file_a_credential_or_a_variable() {
    let world = World::with(Options {
        broker_token: Some(Secret::from("bearer-of-the-broker")),
        ..Options::default()
    });
    let file = world.write("bearer", "bearer-of-the-broker\n");
    world.write("hytale.broker-token", "bearer-of-the-broker");
    let credentials = world.path("");
    world
        .run_with_broker()
        .arg("--broker-token-file")
        .arg(&file)
        .sh("exit 0")
        .finish()
        .code(0);
    for (name, value) in [
        (
            "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN_SRC",
            file.as_os_str(),
        ),
        ("CREDENTIALS_DIRECTORY", credentials.as_os_str()),
        (
            "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN",
            "bearer-of-the-broker".as_ref(),
        ),
    ] {
        world
            .run_with_broker()
            .env(name, value)
            .sh("exit 0")
            .finish()
            .code(0)
            .never_says("bearer-of-the-broker");
    }
    world.assert_nothing_left();
}

#[test]
fn a_systemd_credential_that_cannot_be_read_is_an_error_and_no_reason_to_do_without() {
    let world = World::new();
    let credential = world.path("hytale.broker-token");
    // What nobody can read, not even root, as what another user may not.
    symlink("hytale.broker-token", &credential).expect("there is room");
    let finished = world
        .run_with_broker()
        .env("CREDENTIALS_DIRECTORY", world.path(""))
        .sh("exit 0")
        .finish();
    finished.code(66);
    assert!(
        finished.stderr.contains(&*credential.to_string_lossy()),
        "{finished}"
    );
    assert_eq!(world.emulator.broker_requests().len(), 0);
}

#[test]
fn five_faults_in_a_row_end_in_a_started_server() {
    let world = World::new();
    for fault in [
        Fault::on(MINT).status(503),
        Fault::on(MINT).drop_before(),
        Fault::on("/game-session/new").status(502),
        Fault::on(MINT).status(429).retry_after("1"),
        Fault::on(MINT).garbage(),
    ] {
        world.emulator.fault(fault);
    }
    let run = world.run_with_broker().stand_in().spawn();
    run.line("Hytale Server Booted!");
    run.signal(SIGTERM);
    run.wait().code(143);
    assert_eq!(world.emulator.count("POST", MINT), 6);
    world.assert_nothing_left();
}

#[test]
fn a_refusal_ends_at_once_with_the_reason_of_the_broker() {
    let world = World::with(Options {
        accounts: vec![Account::named("a").at_broker(BrokerLogin::Revoked)],
        ..Options::default()
    });
    world
        .run_with_broker()
        .sh("echo started")
        .finish()
        .code(77)
        .says(
            "error: no session tokens: broker: the broker refuses (401): \
             account \"a\" needs re-authentication (invalid_grant)",
        )
        .never_says("started");
    assert_eq!(world.emulator.count("POST", MINT), 1);
}

#[test]
fn a_wrong_bearer_token_is_refused_and_never_shown() {
    let world = World::with(Options {
        broker_token: Some(Secret::from("the-right-one")),
        ..Options::default()
    });
    let wrong = || {
        world
            .run_with_broker()
            .env("HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN", "the-wrong-one")
            .sh("exit 0")
    };
    wrong().finish().code(77).never_says("the-wrong-one");
    world.emulator.fault(
        Fault::on(MINT)
            .status(401)
            .with_body(r#"{"error":"the-wrong-one is not the-right-one"}"#),
    );
    wrong().finish().code(77).never_says("the-wrong-one");
}

#[test]
fn an_account_without_a_free_slot_ends_with_75() {
    let world = World::with(Options {
        accounts: vec![Account::named("a").with_slots(Slots::Limit(1))],
        ..Options::default()
    });
    let _taken = world.emulator.mint(&Mint::default());
    let finished = world.run_with_broker().sh("echo started").finish();
    finished.code(75).never_says("started");
    assert!(
        finished.stderr.contains("no session slot is free"),
        "{finished}"
    );
    assert_eq!(world.emulator.live(), 1);
}

#[test]
fn errors_that_are_not_quite_json_are_shown_all_the_same() {
    let world = World::new();
    world.emulator.fault(
        Fault::on(MINT)
            .status(401)
            .with_body(r#"{"error": "account \"x\x1b[0m\" is gone"}"#),
    );
    world.run_with_broker().sh("exit 0").finish().code(77).says(
        r#"error: no session tokens: broker: the broker refuses (401): account "x\x1b[0m" is gone"#,
    );
}

#[test]
fn a_broker_that_does_not_answer_in_time_ends_with_69() {
    let world = World::new();
    world.emulator.fault(Fault::on(MINT).hang().always());
    world
        .run_with_broker()
        .args(["--broker-timeout", "300ms", "--token-timeout", "1s"])
        .sh("echo started")
        .finish()
        .code(69)
        .never_says("started");
    assert!(world.emulator.count("POST", MINT) > 1);
}

#[test]
fn a_wait_beyond_the_time_limit_is_not_waited_for() {
    let world = World::new();
    world
        .emulator
        .fault(Fault::on(MINT).status(503).retry_after("3600").always());
    world.run_with_broker().sh("exit 0").finish().code(69);
    assert_eq!(world.emulator.count("POST", MINT), 1);
}

#[test]
fn a_hostile_answer_costs_nothing_but_the_attempt() {
    for fault in [
        Fault::on(MINT).endless(),
        Fault::on(MINT).body(r#"{"session_token":"","identity_token":7}"#),
        Fault::on(MINT).status(500),
    ] {
        let world = World::new();
        world.emulator.fault(fault);
        world
            .run_with_broker()
            .args(["--broker-timeout", "2s"])
            .sh("exit 3")
            .finish()
            .code(3);
        world.assert_nothing_left();
    }
}

#[test]
fn headers_without_end_cost_nothing_but_the_attempt() {
    let world = World::new();
    world.emulator.fault(Fault::on(MINT).huge_headers());
    world.run_with_broker().sh("exit 3").finish().code(3);
    // The session that came with such headers is lost: its answer cannot be read.
    assert_eq!(world.emulator.count("POST", MINT), 2);
}

#[test]
fn an_answer_that_trickles_in_is_waited_for() {
    let world = World::new();
    world
        .emulator
        .fault(Fault::on(MINT).slow(Duration::from_millis(1)));
    world.run_with_broker().sh("exit 3").finish().code(3);
    assert_eq!(world.emulator.count("POST", MINT), 1);
    world.assert_nothing_left();
}

#[test]
fn no_redirect_is_followed() {
    let world = World::new();
    let elsewhere = World::new();
    world
        .emulator
        .fault(Fault::on(MINT).redirect(&format!("{}{MINT}", elsewhere.emulator.url())));
    world.run_with_broker().sh("exit 0").finish().code(69);
    assert!(elsewhere.emulator.requests().is_empty());
}

#[test]
fn a_broker_that_is_switched_off_is_no_source() {
    let world = World::new();
    let off = |word| {
        world
            .run_with_broker()
            .env("HYTALE_SESSION_TOKEN_BROKER_ENABLED", word)
            .sh("exit 0")
            .finish()
    };
    off("false").code(78);
    off("0").code(78);
    off("true").code(0);
    off("maybe").code(64).says(
        "error: invalid value 'maybe' for variable HYTALE_SESSION_TOKEN_BROKER_ENABLED: expected true or false",
    );
}

#[test]
fn without_tokens_the_server_starts_only_when_that_is_allowed() {
    let world = World::new();
    world.emulator.fault(Fault::on(MINT).status(401).always());
    let server = "echo started; exit 5";
    world
        .run_with_broker()
        .sh(server)
        .finish()
        .code(77)
        .never_says("started");
    world
        .run_with_broker()
        .env("HYTALE_SESSION_TOKEN_BROKER_FAIL_ON_ERROR", "false")
        .sh(server)
        .finish()
        .code(5);
    world
        .run_with_broker()
        .args(["--on-no-token", "start"])
        .sh(server)
        .finish()
        .code(5);
}
