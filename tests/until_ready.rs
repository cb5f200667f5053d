//! `--until-ready`: a smoke test. Does this server boot?

use std::fs;

use nix::sys::signal::Signal::SIGTERM;

use crate::support::{Start, Terminal, World};

const BOOTS: &str = "trap 'echo stopped; exit 143' TERM; echo Hytale Server Booted!; idle";

fn smoke_test(world: &World) -> Start {
    world.run_with_broker().arg("--until-ready")
}

#[test]
fn a_server_that_boots_is_stopped_and_a_success() {
    let world = World::new();
    for start in [
        smoke_test(&world),
        world
            .run_with_broker()
            .env("HYTALE_ENTRYPOINT_UNTIL_READY", "yes"),
    ] {
        let finished = start.sh(BOOTS).finish();
        finished
            .code(0)
            .says("the server is ready")
            .says("passed SIGTERM on to the server")
            .says("the server ended with code 143")
            .says("session released");
        assert_eq!(finished.stdout, "Hytale Server Booted!\nstopped\n");
        world.assert_nothing_left();
    }
}

#[test]
fn a_real_jvm_saves_its_world_and_is_a_success() {
    let world = World::new();
    let start = smoke_test(&world).env("HYTALE_STAND_IN_SAVE_FILE", world.path("save"));
    start
        .stand_in()
        .finish()
        .code(0)
        .says("the server ended with code 143");
    let saved = fs::read_to_string(world.path("save")).unwrap();
    assert!(saved.ends_with("world saved\n"), "{saved}");
    world.assert_nothing_left();
}

#[test]
fn without_the_option_a_server_that_boots_goes_on() {
    let world = World::new();
    let start = world
        .run_with_broker()
        .env("HYTALE_ENTRYPOINT_UNTIL_READY", "false")
        .args(["--ready-timeout", "1ms"]);
    let finished = start.sh("echo Hytale Server Booted!; nap; exit 3").finish();
    finished.code(3).never_says("SIGTERM");
}

#[test]
fn a_server_that_ends_first_passes_its_code_on_and_is_never_a_success() {
    let world = World::new();
    for (code, becomes) in [(0, 1), (1, 1), (2, 2), (7, 7), (255, 255)] {
        let server = format!("echo booting; exit {code}");
        let finished = smoke_test(&world).sh(&server).finish();
        finished.code(becomes).never_says("is ready");
    }
    let killed = smoke_test(&world).sh("kill -KILL $$").finish();
    killed.code(137);
    let success = smoke_test(&world).args(["--success-exit", "2"]);
    success.sh("exit 2").finish().code(1);
    world.assert_nothing_left();
}

#[test]
fn a_real_jvm_that_does_not_boot_passes_its_code_on() {
    let world = World::new();
    let start = smoke_test(&world).env("HYTALE_STAND_IN_EXIT_BEFORE_BOOT", "7");
    start.stand_in().finish().code(7);
    world.assert_nothing_left();
}

#[test]
fn a_server_that_ends_as_soon_as_it_is_ready_is_a_success() {
    let world = World::new();
    // However both come to be known: the line, and the end.
    for _ in 0..20 {
        let start = world.run().arg("--until-ready");
        let start = start.sh_without_tokens("echo Hytale Server Booted!; exit 3");
        start.finish().code(0);
    }
}

#[test]
fn a_server_that_is_not_ready_in_time_is_stopped_and_its_slot_freed() {
    let world = World::new();
    for start in [
        smoke_test(&world).args(["--ready-timeout", "100ms"]),
        smoke_test(&world).env("HYTALE_ENTRYPOINT_READY_TIMEOUT", "100ms"),
    ] {
        let finished = start.sh("trap 'echo asked; exit 0' TERM; idle").finish();
        finished
            .code(124)
            .says("warning: the server was not ready in time: stopping it")
            .says("session released");
        assert_eq!(finished.stdout, "asked\n");
        world.assert_nothing_left();
    }
}

#[test]
fn a_server_that_is_ready_too_late_is_none() {
    let world = World::new();
    let start = smoke_test(&world).args(["--ready-timeout", "100ms"]);
    let server = "trap 'echo Hytale Server Booted!; nap; exit 0' TERM; idle";
    start.sh(server).finish().code(124);
    world.assert_nothing_left();
}

#[test]
fn a_server_that_does_not_stop_is_killed() {
    let world = World::new();
    for (server, code) in [("echo Hytale Server Booted!", 0), ("echo booting", 124)] {
        let start = smoke_test(&world).args(["--ready-timeout", "1s", "--stop-timeout", "200ms"]);
        let finished = start.sh(&format!("trap '' TERM; {server}; idle")).finish();
        finished
            .code(code)
            .says("warning: the server has not ended in time after a stop signal: killing it")
            .says("SIGKILL ended the server")
            .says("session released");
        world.assert_nothing_left();
    }
}

#[test]
fn a_stop_signal_ends_the_wait() {
    let world = World::new();
    let run = smoke_test(&world)
        .sh("trap 'exit 143' TERM; echo up; idle")
        .spawn();
    run.line("up");
    run.signal(SIGTERM);
    run.wait().code(143).says("session released");
    world.assert_nothing_left();
}

#[test]
fn a_server_that_is_slow_to_stop_is_not_late() {
    let world = World::new();
    let start = smoke_test(&world).args(["--ready-timeout", "1s"]);
    let server = "trap 'nap; nap; exit 143' TERM; kill -TERM $PPID; idle";
    let finished = start.sh(server).finish();
    finished.code(143).never_says("not ready in time");
    world.assert_nothing_left();
}

#[test]
fn on_a_terminal_the_output_is_watched_and_still_shown_there() {
    let world = World::new();
    let closed = Terminal::start(smoke_test(&world).sh(BOOTS)).wait();
    closed.code(0).left_the_terminal_as_it_was();
    assert!(closed.text.contains("Hytale Server Booted!\r\n"));
    assert!(closed.text.contains("stopped\r\n"), "{}", closed.text);
    let late = smoke_test(&world).args(["--ready-timeout", "100ms"]);
    let closed = Terminal::start(late.sh("trap 'exit 0' TERM; idle")).wait();
    closed.code(124).left_the_terminal_as_it_was();
    world.assert_nothing_left();
}

#[test]
fn without_watching_there_is_nothing_to_wait_for() {
    let world = World::new();
    let refused = "error: --until-ready waits for a line of the server's output, and --watch-output off does not read it";
    for start in [
        smoke_test(&world).args(["--watch-output", "off"]),
        smoke_test(&world).env("HYTALE_ENTRYPOINT_WATCH_OUTPUT", "off"),
        world
            .run_with_broker()
            .env("HYTALE_ENTRYPOINT_UNTIL_READY", "1")
            .args(["--watch-output", "off"]),
    ] {
        start.sh(BOOTS).finish().code(64).says(refused);
    }
    assert!(world.emulator.sessions().is_empty());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let world = World::new();
    for (option, value, expected) in [
        (
            "--ready-timeout",
            "soon",
            "a duration such as 500ms, 10s or 5m",
        ),
        ("--watch-output", "on", "auto or off"),
        (
            "--ready-line",
            " ",
            "a text from one line of the server's output, without colours",
        ),
        (
            "--ready-line",
            "a\nb",
            "a text from one line of the server's output, without colours",
        ),
        (
            "--ready-line",
            "\u{1b}[32mDone",
            "a text from one line of the server's output, without colours",
        ),
    ] {
        let finished = world.run().args([option, value]).finish();
        finished.code(64);
        let message = finished.stderr.lines().next().unwrap_or_default();
        assert!(message.contains(option), "{finished}");
        assert!(
            message.ends_with(&format!("expected {expected}")),
            "{finished}"
        );
    }
    let start = world.run().env("HYTALE_ENTRYPOINT_UNTIL_READY", "perhaps");
    start.sh(BOOTS).finish().code(64).says(
        "error: invalid value 'perhaps' for variable HYTALE_ENTRYPOINT_UNTIL_READY: expected true or false",
    );
}
