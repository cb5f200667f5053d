//! A stop signal during the server's own shutdown would cut its world save short. It is held back where the output
//! tells that the server is at it.

use std::fs::{self, File};
use std::io::Write;

use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use crate::support::{Running, Start, World, until};

/// A stand-in whose console is a FIFO, and which takes its time to save.
fn with_console(world: &World, start: Start) -> (Running, File) {
    let run = start
        .env("HYTALE_STAND_IN_SAVE", "1200")
        .env("HYTALE_STAND_IN_SAVE_FILE", world.path("saved"))
        .stand_in()
        .after("mkfifo console; exec < console")
        .spawn();
    let fifo = world.path("console");
    until("there is a console", || fifo.exists());
    let console = File::options().write(true).open(fifo);
    run.line("Hytale Server Booted!");
    (run, console.expect("somebody reads it"))
}

fn saved(world: &World) -> String {
    fs::read_to_string(world.path("saved")).unwrap_or_default()
}

/// `/stop` on the console, and a stop signal in the middle of the save.
fn stopped_twice(world: &World, start: Start) -> Running {
    let (run, mut console) = with_console(world, start);
    console.write_all(b"/stop\n").expect("somebody reads it");
    until("the save has begun", || saved(world).contains("started"));
    run.signal(SIGTERM);
    run
}

#[test]
fn a_stop_signal_in_the_middle_of_a_save_is_held_back_and_the_save_completes() {
    let world = World::new();
    let finished = stopped_twice(&world, world.run_with_broker()).wait();
    finished.code(0).says(
        "the server is shutting down already: SIGTERM is held back, so that it can save its world",
    );
    assert!(saved(&world).ends_with("world saved\n"), "{finished}");
    world.assert_nothing_left();
}

/// The race that the guard is for: if this fails, the stand-in has lost it, and the test above shows nothing.
#[test]
fn unwatched_the_same_signal_cuts_the_save() {
    let world = World::new();
    let start = world.run_with_broker().args(["--watch-output", "off"]);
    let finished = stopped_twice(&world, start).wait();
    finished.says("passed SIGTERM on to the server");
    assert!(!saved(&world).contains("world saved"), "{finished}");
    world.assert_nothing_left();
}

/// A server that says that it shuts down, tells whatever comes meanwhile, and ends when it is told by a file.
const SLOW: &str = r#"
    for signal in TERM INT HUP; do trap "echo got=$signal." $signal; done
    trap 'echo got=USR1.' USR1
    echo up
    while [ ! -e begin ]; do nap; done
    printf 'Shutdown trig'; printf '\033[1mgered!!!\033[0m\n'
    while [ ! -e end ]; do nap; done
    exit 4"#;

#[test]
fn every_stop_signal_is_held_back_and_every_other_one_passed_on() {
    let world = World::new();
    let run = world.run_with_broker().sh(SLOW).spawn();
    run.line("up");
    world.write("begin", "");
    run.line("gered!!!");
    for (signal, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP")] {
        run.signal(signal);
        run.line(&format!("{name} is held back"));
    }
    run.signal(SIGUSR1);
    run.line("got=USR1.");
    world.write("end", "");
    let finished = run.wait();
    finished.code(4);
    assert_eq!(finished.stdout.matches("got=").count(), 1, "{finished}");
    world.assert_nothing_left();
}

#[test]
fn a_stop_that_is_held_back_counts_for_the_release_and_the_stop_timeout() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .args(["--release-after", "100ms", "--stop-timeout", "1500ms"])
        .sh(SLOW)
        .spawn();
    run.line("up");
    world.write("begin", "");
    run.line("gered!!!");
    run.signal(SIGTERM);
    run.line("its session is released meanwhile");
    run.line("session released");
    run.wait()
        .code(137)
        .says("warning: the server has not ended in time after a stop signal: killing it");
    world.assert_nothing_left();
}

/// Even when nobody has read those words yet: they are in the pipe, and the signal comes later.
#[test]
fn what_the_server_said_before_the_signal_is_heard_before_the_signal_is_passed_on() {
    for _ in 0..20 {
        let world = World::new();
        let run = world
            .run()
            .sh_without_tokens(
                "trap 'echo got=TERM.' TERM
                echo 'Shutdown triggered!!!'; kill -TERM $PPID
                while [ ! -e end ]; do nap; done",
            )
            .spawn();
        run.line("SIGTERM is held back");
        world.write("end", "");
        let finished = run.wait();
        finished.code(0);
        assert!(!finished.stdout.contains("got="), "{finished}");
    }
}

#[test]
fn words_that_a_stalled_reader_keeps_in_the_pipe_are_heard_all_the_same() {
    let world = World::new();
    // As much as a pipe holds, and then the words.
    let script = "trap 'echo got >&2' TERM
        head -c 65536 /dev/zero; echo 'Shutdown triggered!!!'; echo said >&2
        while [ ! -e end ]; do nap; done";
    let run = world
        .run_with_broker()
        .sh(script)
        .after("mkfifo stalled; exec 3<>stalled >&3")
        .spawn();
    run.line("said");
    run.signal(SIGTERM);
    run.line("SIGTERM is held back");
    world.write("end", "");
    run.line("session released");
    // Nobody will ever read the rest.
    run.signal(SIGTERM);
    run.wait().code(0).never_says("got");
    world.assert_nothing_left();
}
