//! The server is ready when it says so, and the service manager hears that, and all else that it wants to know, in
//! the words of sd_notify(3).

use nix::sys::signal::Signal::SIGTERM;

use crate::support::conditions::each;
use crate::support::manager::Manager;
use crate::support::{Gate, Running, Start, Terminal, World, until};

const READY: &str = "READY=1";

fn notifying(start: Start, manager: &Manager) -> Start {
    start.env("NOTIFY_SOCKET", &manager.name)
}

/// A server that does one half of what it has to say, waits for a gate, and does the other half.
fn in_halves(first: &str, second: &str) -> String {
    format!("{first}\necho half >&2; read x <gate\n{second}\nread x <gate; exit 3")
}

#[test]
fn ready_is_told_with_the_ready_line_and_not_before() {
    let cases = [
        (
            "echo booting",
            "echo 'Hytale Server Booted! [Multiplayer] took 4sec 832ms'",
        ),
        ("printf 'Hytale Ser'", "printf 'ver Booted!\\n'"),
        ("printf 'Hytale Server Booted'", "printf '!'"),
        (
            "printf '\\033[1;32mHyt\\033[0m\\033['",
            "printf '31male Server\\033[m Booted!'",
        ),
        (
            "head -c 1000000 /dev/zero | tr '\\0' x",
            "printf 'Hytale Server Booted!'; head -c 1000000 /dev/zero",
        ),
    ];
    each(cases, 2, |(first, second)| {
        let world = World::new();
        let gate = Gate::new(&world);
        let manager = Manager::new(&world);
        let start = world.run().sh_without_tokens(&in_halves(first, second));
        let run = notifying(start, &manager).spawn();
        run.line("half");
        assert!(!manager.has_heard(READY));
        gate.open();
        manager.hears(READY);
        run.line("the server is ready");
        gate.open();
        run.wait().code(3);
        let told = manager.heard();
        let times = told.iter().filter(|message| message.contains(READY));
        assert_eq!(times.count(), 1, "{told:?}");
    });
}

#[test]
fn another_line_can_be_the_ready_line() {
    let world = World::new();
    let line = "Done (in no time)! [x]*";
    for by_flag in [true, false] {
        let gate = Gate::new(&world);
        let manager = Manager::without_a_file();
        let run = match by_flag {
            true => world.run().args(["--ready-line", line]),
            false => world.run().env("HYTALE_ENTRYPOINT_READY_LINE", line),
        };
        let server = in_halves(
            "echo Hytale Server Booted!",
            &format!("echo 'INFO: {line} y'"),
        );
        let run = notifying(run.sh_without_tokens(&server), &manager).spawn();
        run.line("half");
        assert!(!manager.has_heard(READY));
        gate.open();
        manager.hears(READY);
        gate.open();
        run.wait().code(3);
        std::fs::remove_file(world.path("gate")).unwrap();
    }
}

#[test]
fn a_server_that_never_says_so_is_never_ready() {
    let world = World::new();
    let manager = Manager::new(&world);
    let server = "echo Hytale server booted!; echo 'Hytale Server'; echo 'Booted!'; echo Hytale Server Booted! >&2; exit 3";
    let start = notifying(world.run().sh_without_tokens(server), &manager);
    start.finish().code(3).never_says("is ready");
    assert!(!manager.has_heard(READY));
}

#[test]
fn a_server_that_is_not_watched_counts_as_ready_once_it_is_started() {
    let world = World::new();
    let gate = Gate::new(&world);
    let manager = Manager::new(&world);
    let unwatched = || notifying(world.run(), &manager).sh_without_tokens("read x <gate; exit 3");
    let run = unwatched()
        .env("HYTALE_ENTRYPOINT_WATCH_OUTPUT", "off")
        .spawn();
    manager.hears(READY);
    gate.open();
    run.wait().code(3);
    let terminal = Terminal::start(unwatched());
    manager.hears_times(READY, 2);
    gate.open();
    terminal.wait().code(3);
}

const STARTING: [&str; 2] = ["STATUS=opening a session", "STATUS=the server is starting"];
const IS_READY: &str = "READY=1\nSTATUS=the server is ready";
const STOPPING: &str = "STOPPING=1\nSTATUS=the server is stopping";
const STOPPED: &str = "STOPPING=1\nSTATUS=stopped";
const EXTEND: &str = "EXTEND_TIMEOUT_USEC=30000000";

fn started(world: &World, manager: &Manager, server: &str) -> Running {
    let run = notifying(world.run_with_broker(), manager)
        .sh(server)
        .spawn();
    run.line("Hytale Server Booted!");
    manager.hears(READY);
    run
}

#[test]
fn the_manager_hears_the_whole_story_in_its_order() {
    let server = |rest| format!("echo Hytale Server Booted!; {rest}");
    let own_end = server("read x <gate; exit 3");
    let shutdown = server("read x <gate; echo 'Shutdown triggered!!!'; read x <gate; exit 3");
    let stopped = server("trap 'read x <gate; exit 3' TERM; kill -TERM $PPID; idle");
    let cases = [
        (own_end, 0, vec![STOPPING]),
        (shutdown, 1, vec![STOPPING, EXTEND]),
        (stopped, 0, vec![STOPPING]),
    ];
    for (server, gates, end) in cases {
        let world = World::new();
        let gate = Gate::new(&world);
        let manager = Manager::new(&world);
        let run = started(&world, &manager, &server);
        for _ in 0..gates {
            gate.open();
            // While it still shuts down.
            manager.hears(end[end.len() - 1]);
        }
        gate.open();
        run.wait().code(3);
        let story = [&STARTING[..], &[IS_READY], &end[..], &[STOPPED]].concat();
        assert_eq!(manager.heard(), story, "{server}");
    }
}

#[test]
fn stopping_is_told_at_once_when_a_stop_is_asked_for() {
    let world = World::new();
    let gate = Gate::new(&world);
    let manager = Manager::new(&world);
    let run = started(
        &world,
        &manager,
        "trap 'read x <gate; echo Hytale Server Booted!; exit 3' TERM; echo Hytale Server Booted!; idle",
    );
    run.signal(SIGTERM);
    manager.hears("STOPPING=1");
    gate.open();
    run.wait().code(3);
    // What it says later does not make it ready again.
    assert_eq!(manager.heard()[3..], [STOPPING, STOPPED]);
}

#[test]
fn a_jvm_that_saves_its_world_gets_more_time() {
    let world = World::new();
    let manager = Manager::new(&world);
    let start = notifying(world.run_with_broker(), &manager);
    let run = start.env("HYTALE_STAND_IN_SAVE", "300").stand_in().spawn();
    manager.hears(READY);
    run.signal(SIGTERM);
    manager.hears(EXTEND);
    run.wait().code(143);
    let story = [&STARTING[..], &[IS_READY, STOPPING, EXTEND, STOPPED]].concat();
    assert_eq!(manager.heard(), story);
}

#[test]
fn the_watchdog_is_fed_where_it_is_ours() {
    let world = World::new();
    for whose in [
        "",
        "WATCHDOG_PID=$$; export WATCHDOG_PID",
        "WATCHDOG_PID=; export WATCHDOG_PID",
    ] {
        let gate = Gate::new(&world);
        let manager = Manager::new(&world);
        let start = notifying(world.run(), &manager).env("WATCHDOG_USEC", "20000");
        let run = start
            .sh_without_tokens("read x <gate; exit 3")
            .after(whose)
            .spawn();
        manager.hears_times("WATCHDOG=1", 4);
        gate.open();
        run.wait().code(3);
        std::fs::remove_file(world.path("gate")).unwrap();
        std::fs::remove_file(&manager.name).unwrap();
    }
}

#[test]
fn the_watchdog_of_another_process_is_left_alone() {
    let cases = [("20000", "1"), ("0", ""), ("soon", "")];
    each(cases, 3, |(limit, whose)| {
        let world = World::new();
        let manager = Manager::new(&world);
        let start = notifying(world.run(), &manager)
            .env("WATCHDOG_USEC", limit)
            .env("WATCHDOG_PID", whose);
        start.sh_without_tokens("nap; exit 3").finish().code(3);
        assert!(!manager.has_heard("WATCHDOG=1"));
        assert!(manager.has_heard("STOPPING=1"));
    });
}

#[test]
fn the_server_knows_nothing_of_the_manager() {
    let world = World::new();
    let manager = Manager::new(&world);
    let finished = notifying(world.run(), &manager)
        .env("WATCHDOG_USEC", "1000000")
        .env("WATCHDOG_PID", "1")
        .sh_without_tokens("env; exit 3")
        .finish();
    finished.code(3).never_says("NOTIFY").never_says("WATCHDOG");
    assert!(finished.stdout.contains("PATH="), "{finished}");
}

#[test]
fn a_manager_that_is_none_harms_nobody() {
    let world = World::new();
    let long = format!("/{}", "x".repeat(300));
    let names = [
        "",
        "@",
        "nonsense",
        "vsock:2:1",
        "/",
        "/dev/null",
        "/no/such/socket",
        &long,
    ];
    for name in names {
        let start = world
            .run()
            .env("NOTIFY_SOCKET", name)
            .env("WATCHDOG_USEC", "2000");
        let start = start.sh_without_tokens("echo Hytale Server Booted!; exit 3");
        start
            .finish()
            .code(3)
            .never_says("warning")
            .never_says("error");
    }
}

#[test]
fn a_manager_that_has_stopped_listening_harms_nobody() {
    let world = World::new();
    let manager = Manager::new(&world);
    // Two thousand messages a second, and nobody takes one.
    let start = notifying(world.run(), &manager).env("WATCHDOG_USEC", "1000");
    let run = start
        .sh_without_tokens("trap 'exit 3' TERM; nap; echo up; idle")
        .spawn();
    run.line("up");
    run.signal(SIGTERM);
    run.wait().code(3).never_says("warning");
}

/// Looks at the file of arguments that it was given, before it is ready and after.
const LAUNCHER: &str = r#"#!/bin/sh
for last; do :; done
file=/proc/$$/fd/${last##*/}
echo "before=$(grep -c eyJ $file)."
echo 'Hytale Server Booted!'
while [ -s $file ]; do sleep 0.01; done
echo "after=$(wc -c <$file)."
exit 3"#;

#[test]
fn the_memory_file_with_the_tokens_is_empty_once_the_server_is_ready() {
    let world = World::new();
    world.program("java", LAUNCHER);
    world.write("server.jar", "");
    let finished = world
        .run_with_broker()
        .arg("--java")
        .arg(world.path("java"))
        .args(["--jar", "server.jar"])
        .finish();
    finished.code(3);
    assert_eq!(
        finished.stdout,
        "before=2.\nHytale Server Booted!\nafter=0.\n"
    );
}

#[test]
fn the_memory_file_stays_while_the_server_boots() {
    let world = World::new();
    let gate = Gate::new(&world);
    world.program(
        "java",
        LAUNCHER.replace(
            "echo 'Hytale",
            "read x <gate; echo \"still=$(grep -c eyJ $file).\"; echo 'Hytale",
        ),
    );
    world.write("server.jar", "");
    let start = world
        .run_with_broker()
        .args(["--java", "./java", "--jar", "server.jar"]);
    let run = start.spawn();
    run.line("before=2.");
    until("its session is in the status file", || {
        std::fs::read_to_string(world.path("status.json")).is_ok_and(|s| s.contains("starting"))
    });
    gate.open();
    run.line("still=2.");
    run.wait().code(3);
}
