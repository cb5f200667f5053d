//! The server as a process: born clean, in a group of its own, and never left alone.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::unistd::{Pid, Uid};

use crate::support::{Start, World, processes, until};

const SLEEPING: &str = "echo server=$$; exec sleep 60";

/// What is to be known about a running server, asked while it runs.
fn while_it_runs<T>(start: Start, ask: impl FnOnce(Pid, Pid) -> T) -> T {
    let run = start.spawn();
    let server = run.process("server");
    until("the shell becomes what it said", || {
        processes::command_line(server) == "sleep 60 "
    });
    let answer = ask(run.pid(), server);
    run.signal(SIGTERM);
    run.wait().code(143);
    answer
}

#[test]
fn the_server_leads_a_group_of_its_own_below_the_wrapper() {
    let world = World::new();
    let start = world.run_with_broker().sh(SLEEPING);
    let (entrypoint, server, stat, ours) = while_it_runs(start, |entrypoint, server| {
        (
            entrypoint,
            server,
            processes::stat(server).unwrap(),
            processes::stat(entrypoint).unwrap(),
        )
    });
    assert_eq!((stat.parent, stat.group), (entrypoint, server));
    assert_eq!(stat.session, ours.session);
}

#[test]
fn no_descriptor_but_the_first_three_reaches_the_server() {
    let world = World::new();
    let start = world
        .run_with_broker()
        .sh(SLEEPING)
        .after("exec 3</dev/null 7</dev/null 9>/dev/null");
    while_it_runs(start, |_, server| {
        // The loader has a file open for a moment.
        until("descriptors 0, 1 and 2, and no other", || {
            let descriptors = processes::descriptors(server);
            descriptors.iter().map(|(number, _)| *number).eq([0, 1, 2])
        });
    });
}

#[test]
fn a_launcher_gets_one_more_descriptor_the_memory_file() {
    let world = World::new();
    world.program("java", format!("#!/bin/sh\n{SLEEPING}\n"));
    world.write("HytaleServer.jar", "");
    let start = world
        .run_with_broker()
        .args(["--java", "./java"])
        .after("exec 7</dev/null");
    let descriptors = while_it_runs(start, |_, server| processes::descriptors(server));
    let names: Vec<_> = descriptors
        .iter()
        .skip(3)
        .map(|(_, file)| file.to_string_lossy())
        .collect();
    assert_eq!(
        names,
        ["/memfd:server-arguments (deleted)"],
        "{descriptors:?}"
    );
}

#[test]
fn the_server_starts_with_no_signal_blocked_or_ignored() {
    let world = World::new();
    // Signals 32 and 33 belong to the C library, which lets nobody else set them.
    let settable = !(0b11 << 31);
    let sets = |_, server| {
        ["SigBlk", "SigIgn", "SigCgt"].map(|set| processes::signals(server, set) & settable)
    };
    let ignoring = |signals: &str| {
        let start = world.run_with_broker().sh(SLEEPING);
        while_it_runs(start.after(&format!("trap '' {signals}")), sets)
    };
    assert_eq!(ignoring("TERM INT QUIT USR1 PIPE WINCH"), [0, 0, 0]);
    // Bit 0 is SIGHUP: so nohup keeps its promise.
    assert_eq!(ignoring("HUP TERM"), [0, 1, 0]);
}

#[test]
fn a_signal_that_was_blocked_when_we_came_is_not_blocked_in_the_server() {
    let world = World::new();
    let start = world.run_with_broker().sh(SLEEPING);
    let Some(start) = start.under_env("--block-signal=TERM") else {
        return;
    };
    let blocked = while_it_runs(start, |_, server| processes::signals(server, "SigBlk"));
    assert_eq!(blocked, 0);
}

#[test]
fn nobody_of_the_same_user_can_read_the_wrapper() {
    let world = World::new();
    // Root may read everything, so for root both sides are somebody else.
    let as_user = |command: &mut Command| {
        if Uid::effective().is_root() {
            command.uid(65534);
        }
    };
    let entrypoint = Path::new(env!("CARGO_BIN_EXE_hytale-entrypoint"));
    world.copy_program(entrypoint, "entrypoint");
    world.set_mode("", 0o777);
    let mut start = world
        .run_with_broker()
        .sh(SLEEPING)
        .after(r#"shift; set -- ./entrypoint "$@""#);
    as_user(start.command());
    let readable = |pid: Pid, file: &str| {
        let mut cat = Command::new("cat");
        as_user(cat.arg(format!("/proc/{pid}/{file}")));
        cat.output().unwrap().status.success()
    };
    while_it_runs(start, |wrapper, server| {
        for file in ["environ", "maps"] {
            assert!(!readable(wrapper, file), "{file}");
            // The server is none of our secrets, and shows that reading works.
            assert!(readable(server, file), "{file}");
        }
    });
}

#[test]
fn the_server_reads_what_the_wrapper_was_given_to_read() {
    let world = World::new();
    world.write("input", "from outside\n");
    let server = "read line; echo \"read: $line\"";
    let start = world.run_with_broker().sh(server).after("exec <input");
    let finished = start.finish();
    finished.code(0);
    assert_eq!(finished.stdout, "read: from outside\n");
}

#[test]
fn a_wrapper_without_streams_gives_its_server_some() {
    let world = World::new();
    let server = "(: <&0 && : >&1 && : >&2 && echo open >seen) 2>/dev/null; exit 3";
    let start = world
        .run_with_broker()
        .sh(server)
        .after("exec <&- >&- 2>&-");
    start.finish().code(3);
    assert_eq!(fs::read_to_string(world.path("seen")).unwrap(), "open\n");
    world.assert_nothing_left();
}

#[test]
fn a_server_whose_wrapper_is_killed_saves_its_world_and_ends() {
    let world = World::new();
    let saved = world.path("saved");
    let run = world
        .run_with_broker()
        .env("HYTALE_STAND_IN_SAVE", "200")
        .env("HYTALE_STAND_IN_SAVE_FILE", &saved)
        .stand_in()
        .spawn();
    run.line("Hytale Server Booted!");
    let server = processes::children(run.pid())[0];
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL);
    until("the server ends", || !processes::lives(server));
    let saved = fs::read_to_string(saved).unwrap();
    assert!(saved.ends_with("world saved\n"), "{saved}");
}
