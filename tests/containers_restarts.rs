//! What restarts a container, and how often: Docker's policies know no exit codes, so a start that is in vain has to be
//! cheap, and one that a restart may cure has to end.

use hytale_emulator::Fault;

use crate::support::containers::{BOOTED, Draft, Yard};
use crate::support::until;

const MINT: &str = "/v1/game-session";

/// With tokens as files, as secrets are mounted.
fn with_tokens<'a>(yard: &'a Yard, container: Draft<'a>) -> Draft<'a> {
    let pair = yard.world.mint();
    let mut container = container;
    for (name, variable, token) in [
        (
            "session",
            "HYTALE_SERVER_SESSION_TOKEN_FILE",
            &pair.session_token,
        ),
        (
            "identity",
            "HYTALE_SERVER_IDENTITY_TOKEN_FILE",
            &pair.identity_token,
        ),
    ] {
        let file = yard.world.write(name, token.expose_secret());
        yard.world.set_mode(name, 0o444);
        let inside = format!("/run/secrets/{name}");
        container = container
            .options(["--volume", &format!("{}:{inside}:ro", file.display())])
            .env(variable, inside);
    }
    container
}

#[track_caller]
fn until_it_has_booted(yard: &Yard, name: &str) {
    until("it has booted", || {
        yard.asked(["logs", name]).contains(BOOTED)
    });
}

/// How often a text stands on the standard error of all its lives.
#[track_caller]
fn says(yard: &Yard, name: &str, text: &str) -> usize {
    let logs = yard
        .docker(["logs", name])
        .output()
        .expect("there is a docker");
    String::from_utf8_lossy(&logs.stderr).matches(text).count()
}

#[test]
fn yesterdays_tokens_end_every_start_with_77_and_ask_nobody() {
    let Some(yard) = Yard::open() else { return };
    let name = with_tokens(&yard, yard.container())
        .options(["--restart", "on-failure:2"])
        .detach();
    until_it_has_booted(&yard, &name);
    yard.asked(["stop", &name]);
    assert_eq!(yard.inspect(&name, ".State.ExitCode"), "143");
    yard.world.assert_nothing_left();
    let asked = yard.world.emulator.requests().len();

    yard.asked(["start", &name]);
    yard.until_inspected(&name, ".RestartCount", "2");
    yard.until_inspected(&name, ".State.Status", "exited");
    assert_eq!(yard.inspect(&name, ".State.ExitCode"), "77");
    assert_eq!(
        says(
            &yard,
            &name,
            "the session of these tokens was already freed"
        ),
        3
    );
    assert_eq!(yard.world.emulator.requests().len(), asked, "requests");
}

#[test]
fn without_its_broker_a_start_ends_with_69_and_is_repeated_as_often_as_it_may() {
    let Some(yard) = Yard::open() else { return };
    yard.world
        .emulator
        .fault(Fault::on(MINT).status(503).always());
    let name = yard
        .container_with_broker()
        .env("HYTALE_ENTRYPOINT_TOKEN_TIMEOUT", "300ms")
        .options(["--restart", "on-failure:2"])
        .detach();
    yard.until_inspected(&name, ".RestartCount", "2");
    yard.until_inspected(&name, ".State.Status", "exited");
    assert_eq!(yard.inspect(&name, ".State.ExitCode"), "69");
    yard.world.assert_nothing_left();
}

#[test]
fn unless_stopped_it_is_started_again_until_its_broker_is_back() {
    let Some(yard) = Yard::open() else { return };
    yard.world
        .emulator
        .fault(Fault::on(MINT).status(503).always());
    let name = yard
        .container_with_broker()
        .env("HYTALE_ENTRYPOINT_TOKEN_TIMEOUT", "300ms")
        .options(["--restart", "unless-stopped"])
        .detach();
    until("it has been restarted", || {
        yard.inspect(&name, ".RestartCount") != "0"
    });
    yard.world.emulator.clear_faults();
    until_it_has_booted(&yard, &name);
    yard.asked(["stop", &name]);
    assert_eq!(yard.inspect(&name, ".State.Status"), "exited");
    assert_eq!(yard.inspect(&name, ".State.ExitCode"), "143");
    yard.world.assert_nothing_left();
}

#[test]
fn a_server_that_crashes_gets_a_new_session_at_its_restart() {
    let Some(yard) = Yard::open() else { return };
    let name = yard
        .container_with_broker()
        .env("HYTALE_STAND_IN_EXIT", "1")
        .options(["--restart", "on-failure:1"])
        .detach();
    yard.until_inspected(&name, ".RestartCount", "1");
    yard.until_inspected(&name, ".State.Status", "exited");
    assert_eq!(yard.inspect(&name, ".State.ExitCode"), "1");
    assert_eq!(yard.world.emulator.count("POST", MINT), 2);
    yard.world.assert_nothing_left();
}
