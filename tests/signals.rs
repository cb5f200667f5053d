//! Signals: every one that can be forwarded reaches the server, once, and whom else it reaches is a choice.

use std::time::Duration;

use hytale_emulator::Fault;
use nix::sys::signal::Signal::{SIGHUP, SIGTERM, SIGUSR1, SIGUSR2};

use crate::support::{Running, Start, World};

/// All but those that nobody can catch, those of job control, SIGCHLD, and two that belong to the C library.
fn forwardable() -> impl Iterator<Item = i32> {
    const KILL: i32 = 9;
    const CHLD: i32 = 17;
    const STOP: i32 = 19;
    (1..=64).filter(|signal| !matches!(signal, &KILL | &CHLD | &STOP | 20..=22 | 32 | 33))
}

/// Answers every signal until there is a file `stop`, which it looks for once a second.
fn answering(start: Start) -> Running {
    let traps: String = forwardable()
        .map(|signal| format!("trap 'echo got={signal}.' {signal}\n"))
        .collect();
    let idle = "while [ ! -e stop ]; do nap; done; exit 3";
    let run = start
        .sh_without_tokens(&format!("{traps} echo ready\n{idle}"))
        .spawn();
    run.line("ready");
    run
}

#[test]
fn every_signal_that_can_be_forwarded_reaches_the_server_once() {
    for scope in ["group", "child"] {
        let world = World::new();
        let run = answering(world.run().args(["--signal-scope", scope]));
        for signal in forwardable() {
            run.signal_number(signal);
            run.line(&format!("got={signal}."));
        }
        world.write("stop", "");
        let finished = run.wait();
        finished.code(3);
        for signal in forwardable() {
            let got = finished.stdout.matches(&format!("got={signal}.")).count();
            assert_eq!(got, 1, "signal {signal}, scope {scope}");
        }
    }
}

#[test]
fn signals_that_come_all_at_once_are_all_forwarded() {
    let world = World::new();
    let run = answering(world.run());
    for signal in forwardable() {
        run.signal_number(signal);
    }
    for signal in forwardable() {
        run.line(&format!("got={signal}."));
    }
    world.write("stop", "");
    run.wait().code(3);
}

/// A server and a child of its own that both answer SIGUSR1. On SIGUSR2, the server asks the child.
const FAMILY: &str = r#"
    ( trap 'echo child got it' USR1; trap 'echo child was asked; exit' TERM; echo child ready; idle ) &
    child=$!
    trap 'echo server got it' USR1
    trap 'kill -TERM $child; wait $child; exit 3' USR2
    echo server ready
    idle"#;

fn family(world: &World, scope: &str) -> Running {
    let start = world.run().args(["--signal-scope", scope]);
    let run = start.sh_without_tokens(FAMILY).spawn();
    run.line("server ready");
    run.line("child ready");
    run
}

#[test]
fn a_signal_reaches_the_whole_group_of_the_server() {
    let world = World::new();
    let run = family(&world, "group");
    run.signal(SIGUSR1);
    run.line("server got it");
    run.line("child got it");
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn with_scope_child_a_signal_reaches_the_server_alone() {
    let world = World::new();
    let run = family(&world, "child");
    run.signal(SIGUSR1);
    run.line("server got it");
    run.signal(SIGUSR2);
    let finished = run.wait();
    // Had SIGUSR1 reached the child, it would have been answered first: its number is lower.
    finished.code(3).never_says("child got it");
    assert!(finished.stdout.contains("child was asked"), "{finished}");
}

#[test]
fn a_server_may_answer_a_stop_as_it_likes_and_as_often_as_it_comes() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh(r#"
            n=0; trap 'n=$((n + 1)); echo stop $n' TERM; echo ready
            while [ $n -lt 2 ]; do nap; done
            exit 7"#)
        .spawn();
    run.line("ready");
    run.signal(SIGTERM);
    run.line("stop 1");
    run.signal(SIGTERM);
    run.wait().code(7).says("passed SIGTERM on to the server");
    world.assert_nothing_left();
}

#[test]
fn two_stops_save_one_world_and_free_one_session() {
    let world = World::new();
    let saved = world.path("saved");
    let run = world
        .run_with_broker()
        .env("HYTALE_STAND_IN_SAVE", "400")
        .env("HYTALE_STAND_IN_SAVE_FILE", &saved)
        .stand_in()
        .spawn();
    run.line("Hytale Server Booted!");
    run.signal(SIGTERM);
    run.line("world save started");
    run.signal(SIGTERM);
    run.wait().code(143).says("session released");
    assert!(
        std::fs::read_to_string(saved)
            .unwrap()
            .ends_with("world saved\n")
    );
    assert_eq!(world.releases(), 1);
    world.assert_nothing_left();
}

#[test]
fn a_stop_during_the_release_changes_nothing() {
    let world = World::new();
    let slow = Fault::on("/game-session").latency(Duration::from_millis(500));
    world.emulator.fault(slow);
    let run = world.run_with_broker().sh("exit 6").spawn();
    let asked = |view: &hytale_emulator::View<'_>| view.count("DELETE", "/game-session") == 1;
    assert!(world.emulator.wait_for(asked, crate::support::DEADLINE));
    run.signal(SIGTERM);
    run.wait().code(6).says("session released");
    world.assert_nothing_left();
}

#[test]
fn a_hangup_that_nohup_ignores_ends_nobody() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh("trap 'echo alive' USR1; trap 'exit 3' TERM; echo ready; idle")
        .after("trap '' HUP")
        .spawn();
    run.line("ready");
    run.signal(SIGHUP);
    // What comes later is answered, so what came before was survived.
    run.signal(SIGUSR1);
    run.line("alive");
    run.signal(SIGTERM);
    run.wait().code(3).never_says("SIGHUP");
    world.assert_nothing_left();
}

#[test]
fn without_nohup_a_hangup_is_a_stop() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh("echo ready; exec sleep 60")
        .spawn();
    run.line("ready");
    run.signal(SIGHUP);
    run.wait()
        .code(129)
        .says("passed SIGHUP on to the server")
        .says("SIGHUP ended the server");
    world.assert_nothing_left();
}
