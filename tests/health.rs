//! `health`: one line and one exit code, for whoever decides what becomes of the server.

use std::fs;
use std::process;

use hytale_emulator::Fault;
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::unistd::{Pid, getppid};
use serde_json::json;

use crate::support::phases::STEP_BY_STEP;
use crate::support::{Finished, Gate, Start, World, processes, until};

/// As `docker exec` starts it: with the variables that the wrapper has.
fn health(world: &World) -> Start {
    world.run_with_broker().for_command("health")
}

#[track_caller]
fn is_ready(world: &World) {
    let finished = health(world).finish();
    assert_eq!(finished.code(0).stdout, "ready\n");
    says_nothing_else(&finished);
}

#[track_caller]
fn is_not_ready(world: &World, why: &str) {
    let finished = health(world).finish();
    assert_eq!(finished.code(1).stdout, format!("not ready: {why}\n"));
    says_nothing_else(&finished);
}

#[track_caller]
fn says_nothing_else(finished: &Finished) {
    assert_eq!(finished.stderr, "");
}

const GONE: &str = "the process that started the server is gone";

#[test]
fn each_phase_has_its_line_and_only_ready_is_healthy() {
    let world = World::new();
    let gate = Gate::new(&world);
    let file = world.path("status.json");
    is_not_ready(
        &world,
        &format!("no server was started here: there is no {}", file.display()),
    );
    let run = world.run_with_broker().sh(STEP_BY_STEP).spawn();
    world.until_phase("starting");
    is_not_ready(&world, "the server is starting");
    gate.open();
    world.until_phase("ready");
    is_ready(&world);
    gate.open();
    world.until_phase("stopping");
    is_not_ready(&world, "the server is stopping");
    gate.open();
    run.wait().code(3);
    is_not_ready(&world, "the server has stopped");
}

#[test]
fn while_a_session_is_opened_nobody_is_ready() {
    let world = World::new();
    world.emulator.fault(Fault::on("/v1/game-session").hang());
    let start = world.run_with_broker().args(["--release-after", "0"]);
    let run = start.sh("exit 3").spawn();
    world.until_phase("obtaining");
    is_not_ready(&world, "a session is being opened");
    run.signal(SIGTERM);
    run.wait().code(143);
    is_not_ready(&world, "the server has stopped");
}

#[test]
fn an_unwatched_server_is_healthy_while_it_runs() {
    let world = World::new();
    let gate = Gate::new(&world);
    let start = world.run_with_broker().args(["--watch-output", "off"]);
    let run = start.sh(Gate::SERVER).spawn();
    run.line("up");
    world.until_phase("ready");
    is_ready(&world);
    gate.open();
    run.wait().code(0);
    is_not_ready(&world, "the server has stopped");
}

#[test]
fn a_killed_wrapper_is_not_healthy_whatever_its_file_says() {
    for (gates, phase) in [(0, "starting"), (1, "ready"), (2, "stopping")] {
        let world = World::new();
        let gate = Gate::new(&world);
        // It lives on without its wrapper.
        let server = format!("trap '' TERM; echo server=$$; {STEP_BY_STEP}");
        let run = world.run_with_broker().sh(&server).spawn();
        let server = run.process("server");
        run.line("booting");
        for _ in 0..gates {
            gate.open();
        }
        world.until_phase(phase);
        run.signal(SIGKILL);
        until("the wrapper is gone", || !processes::lives(run.pid()));
        assert!(processes::lives(server));
        is_not_ready(&world, GONE);
        for _ in gates..3 {
            gate.open();
        }
        run.wait().killed_by(SIGKILL);
        is_not_ready(&world, GONE);
    }
}

/// A file as a wrapper would leave it.
fn leave(world: &World, wrapper: Pid, server: u32) {
    let status = json!({
        "version": 1, "phase": "ready", "pid": wrapper.as_raw(), "server_pid": server,
        "ready_at": "2026-11-23T06:52:21Z", "session": null
    });
    world.write("status.json", status.to_string());
}

#[test]
fn a_number_that_was_used_again_is_not_the_server() {
    let world = World::new();
    let us = process::id();
    leave(&world, getppid(), us);
    is_ready(&world);
    // We are nobody's server here, and a number beyond all others is nobody at all.
    leave(&world, Pid::from_raw(us.cast_signed()), us);
    is_not_ready(&world, GONE);
    leave(&world, getppid(), i32::MAX.cast_unsigned());
    is_not_ready(&world, GONE);
}

#[test]
fn a_file_that_is_not_ours_is_not_healthy() {
    let world = World::new();
    let file = world.path("status.json");
    for (text, why) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        (
            "{\"version\":1,",
            "EOF while parsing a value at line 1 column 13",
        ),
        ("\u{1b}[2J", "expected value at line 1 column 1"),
        ("{\"version\":2}", "it is of version 2"),
        ("{\"version\":2,\"phase\":\"asleep\"}", "it is of version 2"),
        (
            "{\"version\":1}",
            "missing field `phase` at line 1 column 13",
        ),
        (
            "{\"version\":1,\"phase\":\"\\u001b[2J\"}",
            "unknown variant `\\u{1b}[2J`, expected one of `obtaining`, `starting`, `ready`, `stopping`, `stopped` at \
             line 1 column 32",
        ),
    ] {
        world.write("status.json", text);
        is_not_ready(&world, &format!("cannot read {}: {why}", file.display()));
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let why = "it is not a regular file";
    is_not_ready(&world, &format!("cannot read {}: {why}", file.display()));
}

#[test]
fn it_needs_nothing_but_the_place_and_takes_it_from_the_option_first() {
    let world = World::new();
    leave(&world, getppid(), process::id());
    let file = world.path("status.json");
    let alone = |args: &[&str], variable: &str| {
        let mut start = world.entrypoint().arg("health").args(args);
        let command = start.command();
        command.env_clear().current_dir("/");
        if !variable.is_empty() {
            command.env("HYTALE_ENTRYPOINT_STATUS_FILE", variable);
        }
        start.finish()
    };
    let (file, other) = (file.to_str().unwrap(), "/no/such/status.json");
    alone(&[], file).code(0);
    alone(&["--status-file", file], "").code(0);
    alone(&["--status-file", file], other).code(0);
    let finished = alone(&["--status-file", other], file);
    finished.code(1);
    assert_eq!(
        finished.stdout,
        "not ready: no server was started here: there is no /no/such/status.json\n"
    );
}

#[test]
fn it_tells_no_secret_and_asks_nobody() {
    let world = World::new();
    let gate = Gate::new(&world);
    let run = world.run_with_broker().sh(STEP_BY_STEP).spawn();
    gate.open();
    world.until_phase("ready");
    let asked = world.emulator.requests().len() + world.emulator.broker_requests().len();
    let start = health(&world).tokens(&world.mint());
    let finished = start.args(["--log-level", "debug"]).finish();
    finished.code(0).never_says("eyJ");
    says_nothing_else(&finished);
    let then = world.emulator.requests().len() + world.emulator.broker_requests().len();
    assert_eq!(then, asked);
    gate.open();
    gate.open();
    run.wait().code(3);
}
