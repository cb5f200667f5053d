//! `check --mint`: a session is opened as `run` would open it, looked at as the server would look at it, and freed.

use std::time::Duration;

use hytale_emulator::{Account, BrokerLogin, Fault, Options, Slots};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::checks::{HEALTH, KEYS};
use crate::support::credentials::{KEY, NEW, PROFILES, REFRESH, RELEASE};
use crate::support::{DEADLINE, World};

const MINT: &str = "POST /v1/game-session";
const GOOD: &str = "broker opened one, and a server would take its tokens";

#[test]
fn a_session_is_opened_at_the_broker_and_freed() {
    let world = World::new();
    let finished = world
        .check_with_broker()
        .arg("--mint")
        .sh("echo started")
        .finish();
    finished
        .code(0)
        .shows("ok", "session", GOOD)
        .shows("ok", "session", "it was freed again")
        .says("session released")
        .never_says("started")
        .tells_no_token();
    assert_eq!(world.emulator.sessions().len(), 1);
    world.asked_only(&[KEYS, HEALTH, MINT, RELEASE]);
    world.assert_nothing_left();
}

#[test]
fn a_login_is_renewed_as_run_would_and_kept() {
    let world = World::new();
    let login = world.has_login().expired();
    std::fs::write(world.auth_file(), login.seal(KEY)).unwrap();
    let finished = world.check_with_file().arg("--mint").sh("exit 0").finish();
    finished
        .code(0)
        .shows(
            "ok",
            "session",
            "file opened one, and a server would take its tokens",
        )
        .tells_no_token();
    world.asked_only(&[KEYS, REFRESH, NEW, RELEASE]);
    assert_ne!(world.kept().refresh(), login.refresh());
    for token in [
        login.refresh(),
        world.kept().refresh(),
        world.kept().access(),
    ] {
        finished.never_says(token);
    }
    world.assert_nothing_left();
    // The login is worth as much as before.
    let again = world
        .check_with_file()
        .args(["--mint", "--json"])
        .sh("exit 0")
        .finish();
    again.code(0).tells_no_token();
    assert_eq!(again.json()["ok"], true);
    assert_eq!(world.count(PROFILES), 1);
    assert_eq!(world.emulator.incidents(), 0);
    world.assert_nothing_left();
}

#[test]
fn given_tokens_are_not_used_up() {
    let world = World::new();
    let pair = world.mint();
    let start = world.check_with_broker().tokens(&pair).arg("--mint");
    start.sh("exit 0").finish().code(0).shows(
        "ok",
        "session",
        "none was opened: the server would get the tokens of env",
    );
    world.asked_only(&[KEYS, HEALTH]);
    world.run().tokens(&pair).sh("exit 3").finish().code(3);
    world.assert_nothing_left();
    // These are no good, so run would go on to the broker.
    let start = world.check_with_broker().tokens(&pair).arg("--mint");
    start
        .sh("exit 0")
        .finish()
        .code(0)
        .shows(
            "warning",
            "env",
            "the session of these tokens was already freed",
        )
        .shows("ok", "session", GOOD);
    world.assert_nothing_left();
    let alone = world.check().tokens(&pair).arg("--mint").sh("exit 0");
    alone.finish().code(77).shows_nothing_of("session");
}

#[test]
fn what_only_a_mint_can_show_has_the_exit_code_of_run() {
    let with = |account: Account| {
        World::with(Options {
            accounts: vec![account],
            ..Options::default()
        })
    };
    let owner = || Account::named("owner");
    for (world, code, message) in [
        (
            with(owner().with_slots(Slots::Limit(0))),
            75,
            "no session tokens: broker: no session slot is free: ",
        ),
        (
            with(Account {
                broker: BrokerLogin::Revoked,
                ..owner()
            }),
            77,
            "no session tokens: broker: the broker refuses (401): account \"owner\" needs ",
        ),
    ] {
        world.check_with_broker().sh("exit 0").finish().code(0);
        let finished = world
            .check_with_broker()
            .arg("--mint")
            .sh("exit 0")
            .finish();
        finished
            .code(code)
            .shows_of("ok", "broker")
            .shows_of("FAILED", "session");
        assert!(finished.stdout.contains(message), "{finished}");
        world.run_with_broker().sh("exit 0").finish().code(code);
        let start = world
            .check_with_broker()
            .args(["--mint", "--on-no-token", "start"]);
        start
            .sh("exit 0")
            .finish()
            .code(0)
            .shows_of("warning", "session");
        world.assert_nothing_left();
    }
    let world = World::new();
    world.has_login();
    world.emulator.revoke("default");
    let finished = world.check_with_file().arg("--mint").sh("exit 0").finish();
    finished.code(77).shows_of("FAILED", "session");
    world.run_with_file().sh("exit 0").finish().code(77);
}

#[test]
fn tokens_that_a_server_would_refuse_end_with_77_and_their_session_is_freed() {
    let world = World::with(Options {
        issuer: "https://example.com".to_owned(),
        ..Options::default()
    });
    world
        .check_with_broker()
        .arg("--mint")
        .sh("exit 0")
        .finish()
        .code(77)
        .shows(
            "FAILED",
            "session",
            "the session token is not from https://sessions.hytale.com",
        )
        .shows("ok", "session", "it was freed again")
        .tells_no_token();
    assert_eq!(world.emulator.sessions().len(), 1);
    world.assert_nothing_left();
}

#[test]
fn tokens_that_nobody_can_look_at_are_a_warning_of_their_own() {
    let world = World::new();
    world
        .emulator
        .fault(Fault::on("/.well-known/jwks.json").status(404));
    world
        .check_with_broker()
        .arg("--mint")
        .sh("exit 0")
        .finish()
        .code(69)
        .shows_of("FAILED", "service")
        .shows(
            "warning",
            "session",
            "broker opened one; whether a server would take its tokens is not known",
        );
    world.assert_nothing_left();
}

#[test]
fn the_session_is_freed_also_where_run_would_leave_it() {
    let world = World::new();
    let start = world
        .check_with_broker()
        .args(["--mint", "--release", "never"]);
    start
        .sh("exit 0")
        .finish()
        .code(0)
        .shows("ok", "session", "it was freed again");
    assert_eq!(world.emulator.sessions().len(), 1);
    world.assert_nothing_left();
}

#[test]
fn a_session_that_cannot_be_freed_has_a_lease_for_the_next_start() {
    let world = World::new();
    let busy = Fault::on("/game-session").method("DELETE").status(503);
    world.emulator.fault(busy.always());
    world
        .check_with_broker()
        .arg("--mint")
        .sh("exit 0")
        .finish()
        .code(0)
        .shows("warning", "session", "it could not be freed again")
        .tells_no_token();
    assert_eq!((world.emulator.live(), world.leases().len()), (1, 1));
    world.emulator.clear_faults();
    world.finish(&["release"]).code(0);
    world.assert_nothing_left();
}

#[test]
fn a_stop_during_the_mint_frees_what_comes_of_it() {
    let world = World::new();
    let late = Fault::on("/v1/game-session").latency(Duration::from_secs(1));
    world.emulator.fault(late);
    let check = world.check_with_broker().arg("--mint").sh("exit 0").spawn();
    world.wait_until_asked(MINT, 1);
    check.signal(SIGTERM);
    let finished = check.wait();
    finished.code(143).says("session released").tells_no_token();
    assert_eq!(finished.stdout, "");
    assert_eq!(world.emulator.sessions().len(), 1);
    world.assert_nothing_left();
}

#[test]
fn a_stop_during_the_release_waits_for_it() {
    let world = World::new();
    let late = Fault::on("/game-session").method("DELETE");
    world.emulator.fault(late.latency(Duration::from_secs(1)));
    let check = world.check_with_broker().arg("--mint").sh("exit 0").spawn();
    let asked = |view: &hytale_emulator::View<'_>| view.count("DELETE", "/game-session") == 1;
    assert!(world.emulator.wait_for(asked, DEADLINE));
    assert_eq!(world.leases().len(), 1, "its lease is on disk");
    check.signal(SIGTERM);
    check.wait().code(143).says("session released");
    world.assert_nothing_left();
}
