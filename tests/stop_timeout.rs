//! `--stop-timeout`: patience with a server that does not stop, and what comes after it.

use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use crate::support::World;

/// A server, and a child in its group, that both stay whatever they are told.
const DEAF: &str = r#"
    trap '' TERM INT HUP
    sleep 100 &
    echo ready
    wait"#;

#[test]
fn a_server_that_does_not_stop_in_time_is_killed_with_its_group_and_its_session_freed() {
    let world = World::new();
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        let start = world.run_with_broker().args(["--stop-timeout", "200ms"]);
        let run = start.sh(DEAF).spawn();
        run.line("ready");
        run.signal(signal);
        // It ends only when the pipe is closed, which the child holds as well.
        run.wait()
            .code(137)
            .says("warning: the server has not ended in time after a stop signal: killing it")
            .says("SIGKILL ended the server")
            .says("session released");
        world.assert_nothing_left();
    }
}

#[test]
fn a_server_is_killed_with_its_group_when_signals_go_to_it_alone() {
    let world = World::new();
    let start =
        world
            .run_with_broker()
            .args(["--stop-timeout", "200ms", "--signal-scope", "child"]);
    let run = start.sh(DEAF).spawn();
    run.line("ready");
    run.signal(SIGTERM);
    run.wait().code(137);
    world.assert_nothing_left();
}

#[test]
fn a_server_that_stops_in_time_ends_as_it_likes() {
    let world = World::new();
    let start = world.run_with_broker().args(["--stop-timeout", "1h"]);
    let run = start.sh("trap 'exit 7' TERM; echo ready; idle").spawn();
    run.line("ready");
    run.signal(SIGTERM);
    run.wait().code(7).never_says("killing it");
    world.assert_nothing_left();
}

#[test]
fn only_a_stop_signal_starts_the_clock() {
    let world = World::new();
    let start = world
        .run_with_broker()
        .env("HYTALE_ENTRYPOINT_STOP_TIMEOUT", "1ms");
    let run = start
        .sh("trap 'echo got it' USR1; echo ready; while [ ! -e end ]; do nap; done; exit 4")
        .spawn();
    run.line("ready");
    run.signal(SIGUSR1);
    run.line("got it");
    // The server sleeps a second before it looks for this: time enough for a clock of a millisecond.
    world.write("end", "");
    run.wait().code(4).never_says("killing it");
    world.assert_nothing_left();
}

#[test]
fn without_a_limit_a_server_that_does_not_stop_is_left_alone() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh("trap 'echo not yet' TERM; trap 'exit 3' USR1; echo ready; idle")
        .spawn();
    run.line("ready");
    for times in 1..=3 {
        run.signal(SIGTERM);
        run.lines("not yet", times);
    }
    run.signal(SIGUSR1);
    run.wait().code(3).never_says("killing it");
    world.assert_nothing_left();
}
