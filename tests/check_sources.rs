//! `check` on the sources of tokens: what would be refused at `run` is found out without a slot or a refresh token,
//! and has the same exit code.

use std::fs;
use std::time::Duration;

use hytale_emulator::{Fault, ForgeOptions, Mint, Signer, TokenPair};
use serde_json::Map;

use crate::support::checks::{HEALTH, KEYS};
use crate::support::credentials::{Fields, PROFILES};
use crate::support::machine::has_namespaces;
use crate::support::{Finished, Start, World, not_tried};

const NOT_STARTED: &str = "echo started";

/// What `check` says of a start that `run` refuses with this code; and both agree.
#[track_caller]
fn refused(world: &World, code: i32, set_up: impl Fn(Start) -> Start) -> Finished {
    let quickly = |start: Start| {
        let start = start.args(["--token-timeout", "500ms"]);
        set_up(start).sh(NOT_STARTED).finish()
    };
    let checked = quickly(world.account("check"));
    let posts = |what: &&String| what.starts_with("POST") || what.starts_with("DELETE");
    assert_eq!(world.asked().iter().find(posts), None, "{checked}");
    checked.code(code).tells_no_token();
    let run = quickly(world.account("run"));
    run.code(code).never_says("started");
    checked
}

/// `check` with given tokens, alone or with the broker behind them.
fn given(world: &World, pair: &TokenPair) -> Finished {
    world.check().tokens(pair).sh(NOT_STARTED).finish()
}

#[test]
fn given_tokens_that_are_good_stay_good() {
    let world = World::new();
    let pair = world.mint();
    for _ in 0..2 {
        given(&world, &pair)
            .code(0)
            .shows(
                "ok",
                "env",
                "both tokens are there, and a server would take them",
            )
            .tells_no_token();
    }
    world.asked_only(&[KEYS, KEYS]);
    world.run().tokens(&pair).sh("exit 3").finish().code(3);
    world.assert_nothing_left();
    given(&world, &pair).code(77).shows(
        "FAILED",
        "env",
        "the session of these tokens was already freed",
    );
}

#[test]
fn given_tokens_that_run_would_refuse_are_refused() {
    let world = World::new();
    let pair = world.mint();
    let short = world.emulator.mint(&Mint {
        lifetime: Some(Duration::from_secs(100)),
        ..Mint::default()
    });
    let expired = world.emulator.forge(&ForgeOptions {
        expires_in: Some(-10),
        ..ForgeOptions::default()
    });
    let session = pair.session_token.expose_secret();
    refused(&world, 78, |start| {
        start.env("HYTALE_SERVER_SESSION_TOKEN", session)
    })
    .shows(
        "FAILED",
        "env",
        "the session token is given, the identity token is not",
    );
    refused(&world, 66, |start| {
        let start = start.env("HYTALE_SERVER_SESSION_TOKEN_FILE", "no-such");
        start.env("HYTALE_SERVER_IDENTITY_TOKEN", "x")
    })
    .shows_of("FAILED", "env");
    refused(&world, 77, |start| {
        let start = start.env("HYTALE_SERVER_SESSION_TOKEN", "x.y");
        start.env("HYTALE_SERVER_IDENTITY_TOKEN", "x.y")
    })
    .shows("FAILED", "env", "the session token is not a JWT");
    refused(&world, 77, |start| start.tokens(&expired)).shows_of("FAILED", "env");
    let with_little_life = world.check().tokens(&short).args(["--min-token-life", "0"]);
    with_little_life.sh(NOT_STARTED).finish().code(0);
    let checked = given(&world, &short);
    checked.code(77).shows_of("FAILED", "env");
    assert!(
        checked.stdout.contains("that --min-token-life asks for"),
        "{checked}"
    );
}

#[test]
fn given_tokens_that_only_the_server_would_refuse_end_with_77() {
    let world = World::new();
    let claims = |text| serde_json::from_str::<Map<_, _>>(text).unwrap();
    let good = ForgeOptions::default();
    for (options, message) in [
        (
            ForgeOptions {
                signer: Signer::Stranger,
                ..good.clone()
            },
            "the session token is signed with a key that the session service does not show",
        ),
        (
            ForgeOptions {
                issuer: "https://example.com".to_owned(),
                ..good.clone()
            },
            "the session token is not from https://sessions.hytale.com",
        ),
        (
            ForgeOptions {
                scope: "hytale:client".to_owned(),
                ..good.clone()
            },
            "the identity token is not for servers: its scope lacks hytale:server",
        ),
        (
            ForgeOptions {
                claims: claims(r#"{"nbf": 4102444800}"#),
                ..good.clone()
            },
            "the session token is not valid before 2100-01-01T00:00:00Z",
        ),
    ] {
        let pair = world.emulator.forge(&options);
        given(&world, &pair)
            .code(77)
            .shows("FAILED", "env", message)
            .tells_no_token();
        // No other source helps: run would not try it.
        let with_broker = world.check_with_broker().tokens(&pair).sh(NOT_STARTED);
        with_broker
            .finish()
            .code(77)
            .shows("FAILED", "env", message)
            .shows_of("ok", "broker");
    }
    let itself = ForgeOptions {
        issuer: world.emulator.url().to_owned(),
        ..good
    };
    given(&world, &world.emulator.forge(&itself)).code(0);
    // A signature with one letter changed.
    let pair = world.mint();
    let (text, signature) = pair.session_token.expose_secret().rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{text}.{other}{}", &signature[1..]);
    let start = world
        .check()
        .tokens(&pair)
        .env("HYTALE_SERVER_SESSION_TOKEN", forged);
    start.sh(NOT_STARTED).finish().code(77).shows(
        "FAILED",
        "env",
        "the signature of the session token is wrong",
    );
}

#[test]
fn a_source_that_fails_while_another_helps_is_a_warning() {
    let world = World::new();
    let token = world.mint().session_token;
    let half = |start: Start| start.env("HYTALE_SERVER_SESSION_TOKEN", token.expose_secret());
    half(world.check_with_broker())
        .sh(NOT_STARTED)
        .finish()
        .code(0)
        .shows(
            "warning",
            "env",
            "the session token is given, the identity token is not",
        )
        .shows_of("ok", "broker");
    // Of several failures the one decides that a restart may cure, as in run.
    world
        .emulator
        .fault(Fault::on("/healthz").status(503).always());
    world
        .emulator
        .fault(Fault::on("/v1/game-session").status(503).always());
    let url = world.emulator.broker_url().to_owned();
    let start = |start: Start| half(start.env("HYTALE_SESSION_TOKEN_BROKER_URL", &url));
    refused(&world, 69, start)
        .shows_of("FAILED", "env")
        .shows_of("FAILED", "broker");
}

#[test]
fn a_broker_is_asked_how_it_is() {
    let world = World::new();
    let url = world.emulator.broker_url().to_owned();
    let with_broker = |start: Start| start.env("HYTALE_SESSION_TOKEN_BROKER_URL", &url);
    for (fault, message) in [
        (
            Fault::on("/healthz").status(502),
            "the broker is in trouble (502): Bad Gateway",
        ),
        (
            Fault::on("/healthz").status(404),
            "this is not how a broker answers (404): Not Found",
        ),
        (
            Fault::on("/healthz").body(r#"{"ok":false}"#),
            r#"this is not how a broker answers (200): {"ok":false}"#,
        ),
    ] {
        world.emulator.fault(fault.always());
        let start = with_broker(world.check()).args(["--token-timeout", "500ms"]);
        start
            .sh(NOT_STARTED)
            .finish()
            .code(69)
            .shows("FAILED", "broker", message);
        world.emulator.clear_faults();
    }
    let nobody = "http://127.0.0.1:1";
    refused(&world, 69, |start| {
        start.env("HYTALE_SESSION_TOKEN_BROKER_URL", nobody)
    })
    .shows_of("FAILED", "broker");
    refused(&world, 66, |start| {
        with_broker(start).args(["--broker-token-file", "no-such"])
    })
    .shows(
        "FAILED",
        "broker",
        "cannot read no-such: No such file or directory (os error 2)",
    );
    world.write("bearer", "with a space");
    let start = |start: Start| with_broker(start).args(["--broker-token-file", "bearer"]);
    refused(&world, 78, start).shows_of("FAILED", "broker");
    let healthy = with_broker(world.check()).sh(NOT_STARTED).finish();
    healthy.code(0);
    assert!(world.asked().contains(&HEALTH.to_owned()));
}

#[test]
fn with_no_source_configured_the_exit_code_is_78() {
    let world = World::new();
    refused(&world, 78, |start| start).shows(
        "FAILED",
        "tokens",
        "no source of session tokens is configured",
    );
}

#[test]
fn a_login_that_has_expired_stays_as_it_is() {
    let world = World::new();
    let login = world.has_login().expired();
    fs::write(
        world.auth_file(),
        login.seal(crate::support::credentials::KEY),
    )
    .unwrap();
    let before = fs::read(world.auth_file()).unwrap();
    let finished = world.check_with_file().sh(NOT_STARTED).finish();
    let (path, key) = (world.auth_file(), world.path("key"));
    finished.code(0).tells_no_token().shows(
        "ok",
        "file",
        &format!(
            "{} opens with the key file {} and holds a login; --mint tries it",
            path.canonicalize().unwrap().display(),
            key.display()
        ),
    );
    for token in [login.access(), login.refresh()] {
        finished.never_says(token);
    }
    world.asked_only(&[KEYS]);
    assert_eq!(fs::read(world.auth_file()).unwrap(), before);
}

#[test]
fn a_login_that_is_good_is_shown_to_the_account_service_only() {
    let world = World::new();
    world.has_login();
    let check = || world.check_with_file().sh(NOT_STARTED).finish();
    check().code(0).shows_of("ok", "file");
    world.asked_only(&[KEYS, PROFILES]);
    world.emulator.revoke_access("default");
    let finished = check();
    finished
        .code(0)
        .shows_of("ok", "file")
        .shows_of("warning", "file");
    assert_eq!(world.emulator.incidents(), 0);
}

#[test]
fn a_credential_file_that_run_could_not_use_ends_with_its_code() {
    let world = World::of(["Alice", "Bob"]);
    let file = ["--source", "file", "--auth-file", "own.enc"];
    let login = world.login_of("owner");
    let refuses = |code, fields: Option<(&Fields, &str)>, more: &[&str]| {
        match fields {
            Some((fields, key)) => drop(world.write("own.enc", fields.seal(key))),
            None => drop(fs::remove_file(world.path("own.enc"))),
        }
        let finished = refused(&world, code, |start| start.args(file).args(more));
        finished.shows_of("FAILED", "file");
        finished
    };
    refuses(66, None, &[]);
    let key = crate::support::credentials::KEY;
    refuses(78, Some((&login, "a key that is lost")), &[]);
    refuses(66, Some((&login, key)), &["--auth-key-file", "no-such"]);
    let spent = login.clone().without("RefreshToken").expired();
    refuses(77, Some((&spent, key)), &[]);
    let finished = refuses(78, Some((&login, key)), &[]);
    assert!(
        finished
            .stdout
            .contains("several profiles and none selected: Alice ("),
        "{finished}"
    );
    let nobody = "00000000-0000-4000-8000-000000000000";
    world.write("own.enc", login.seal(key));
    let start = world
        .account("check")
        .args(file)
        .args(["--profile", nobody]);
    let finished = start.sh(NOT_STARTED).finish();
    finished.code(78).shows_of("FAILED", "file");
    assert!(finished.stdout.contains(&format!(
        "there is no profile {nobody} in this account: it has Alice ("
    )));
}

#[test]
fn one_file_of_a_pool_that_helps_makes_the_others_failures_warnings() {
    let world = World::new();
    let key = crate::support::credentials::KEY;
    world.write("good.enc", world.login().seal(key));
    let pool = ["--auth-file", "no-such.enc", "--auth-file", "good.enc"];
    world
        .check_with_file()
        .args(pool)
        .sh(NOT_STARTED)
        .finish()
        .code(0)
        .shows_of("warning", "file")
        .shows_of("ok", "file");
}

#[test]
fn a_login_that_could_not_be_renewed_for_want_of_a_place_ends_with_66() {
    if !has_namespaces() {
        return not_tried("a credential file in a folder that cannot be written");
    }
    let world = World::new();
    let login = world.has_login();
    let state = world.state_dir();
    let state = state.display();
    let read_only = format!("mount --bind '{state}' '{state}'\nmount -o remount,bind,ro '{state}'");
    let path = std::env::var("PATH").unwrap();
    let check = || {
        let start = world.check_with_file().sh(NOT_STARTED);
        start.in_namespace(&read_only, &path).finish()
    };
    // It serves until it expires.
    check()
        .code(0)
        .shows_of("ok", "file")
        .shows_of("warning", "file");
    let key = crate::support::credentials::KEY;
    fs::write(world.auth_file(), login.expired().seal(key)).unwrap();
    let finished = check();
    finished.code(66).shows_of("FAILED", "file");
    assert!(
        finished.stdout.contains("cannot write the credential file"),
        "{finished}"
    );
}
