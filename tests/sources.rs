//! Several sources: their order, what a failing one costs, and which failure decides in the end.

use hytale_emulator::Fault;

use crate::support::World;

const MINT: &str = "/v1/game-session";
const SESSION_TOKEN_FILE: &str = "HYTALE_SERVER_SESSION_TOKEN_FILE";

#[test]
fn a_source_that_fails_is_logged_and_the_next_one_is_tried() {
    let world = World::new();
    let used_up = world.mint();
    let start = world.run().tokens(&used_up).sh("exit 3");
    start.finish().code(3);
    world
        .run_with_broker()
        .env(SESSION_TOKEN_FILE, world.path("missing"))
        .sh("exit 3")
        .finish()
        .code(3)
        .says("warning: env: the session token is given, the identity token is not; trying broker")
        .says("session opened, source broker");
    world
        .run_with_broker()
        .tokens(&used_up)
        .sh("exit 3")
        .finish()
        .code(3)
        .says("warning: env: the session of these tokens was already freed; trying broker");
    world.assert_nothing_left();
}

#[test]
fn sources_are_tried_in_the_order_that_was_given_and_no_others() {
    let world = World::new();
    let pair = world.mint();
    for sources in ["broker", "broker,env", " broker , file "] {
        let start = world
            .run_with_broker()
            .tokens(&pair)
            .args(["--source", sources]);
        start
            .sh("exit 3")
            .finish()
            .code(3)
            .says("session opened, source broker");
    }
    // The session that the variables brought is not ours, so it stays.
    assert_eq!(world.emulator.live(), 1);
    let start = world
        .run_with_broker()
        .tokens(&pair)
        .args(["--source", "file,env"]);
    start
        .sh("exit 3")
        .finish()
        .code(3)
        .says("session opened, source env");
    let start = world.run_with_broker().args(["--source", "env,file"]);
    start
        .sh("exit 3")
        .finish()
        .code(78)
        .says("error: no source of session tokens is configured");
    world.assert_nothing_left();
}

#[test]
fn when_every_source_fails_each_says_why_and_the_one_that_may_recover_decides() {
    let world = World::new();
    let half = || {
        let start = world
            .run_with_broker()
            .env(SESSION_TOKEN_FILE, world.path("missing"));
        start
            .args(["--token-timeout", "1s"])
            .sh("echo started")
            .finish()
    };
    let half_said = "error: no session tokens: env: the session token is given, the identity token is not; \
                     broker: the broker";
    world
        .emulator
        .fault(Fault::on(MINT).status(401).with_body("no"));
    half()
        .code(78)
        .says(&format!("{half_said} refuses (401): no"));
    world
        .emulator
        .fault(Fault::on(MINT).status(503).with_body("down").always());
    half()
        .code(69)
        .says(&format!("{half_said} is in trouble (503): down"));
}
