//! Orphans in numbers and of all kinds: the wrapper reaps what the kernel gives it, as PID 1 or not, and is not led
//! astray by any.

use nix::sys::signal::Signal::{SIGCONT, SIGKILL, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;

use crate::support::conditions::{each, long};
use crate::support::{Start, World, processes, until};

/// A wrapper as any process, and one as PID 1 if this machine lets us have one.
fn places(start: impl Fn() -> Start) -> impl Iterator<Item = Start> {
    [Some(start()), start().in_pid_namespace()]
        .into_iter()
        .flatten()
}

#[test]
fn a_storm_of_orphans_leaves_no_zombie_and_keeps_no_signal_waiting() {
    let world = World::new();
    let thousands = if long() { 30 } else { 2 };
    // Each orphan is the child of a process that has ended before it.
    let server = format!(
        "n=0; told=0; trap 'told=$((told + 1)); echo told=$told.' USR1; trap 'exit 3' TERM; echo begun
         while [ $n -lt {thousands}000 ]; do
             ( ( exit 9 ) & ); n=$((n + 1)); case $n in *000) echo so-many=$n.; esac
         done; idle"
    );
    for start in places(|| world.run_with_broker().sh(&server)) {
        let run = start.spawn();
        run.line("begun");
        let wrapper = run.entrypoint();
        for n in 1..=10 {
            kill(wrapper, SIGUSR1).unwrap();
            run.line(&format!("told={n}."));
        }
        for n in 1..=thousands {
            run.line(&format!("so-many={n}000."));
        }
        until("only the server is left", || {
            processes::children(wrapper).len() == 1
        });
        kill(wrapper, SIGTERM).unwrap();
        run.wait().code(3);
    }
    world.assert_nothing_left();
}

#[test]
fn a_storm_that_does_not_end_does_not_keep_the_wrapper() {
    let world = World::new();
    let storm = world.write("storm", "");
    // From a session of its own, which the wrapper is not to end. It ends with the file, and that with the test.
    let server = r#"
        mkfifo fifo
        setsid sh -c 'echo storm=$$; exec >/dev/null 2>&1; while [ -e storm ]; do ( ( exit 9 ) & ); done' &
        read x < fifo; exit 3"#;
    let run = world.run_with_broker().sh(server).spawn();
    let daemon = run.process("storm");
    std::fs::write(world.path("fifo"), "go\n").unwrap();
    run.wait().code(3);
    assert!(processes::lives(daemon), "it goes on");
    std::fs::remove_file(storm).unwrap();
    until("it is over", || !processes::lives(daemon));
    world.assert_nothing_left();
}

#[test]
fn orphans_that_end_in_the_same_instant_do_not_steal_the_servers_status() {
    let world = World::new();
    let rounds = if long() { 400 } else { 40 };
    let orphans = "for n in 1 2 3 4 5 6 7 8; do ( sleep 60 & ); done";
    let servers = [
        // One signal ends them all.
        (137, format!("{orphans}; kill -KILL 0")),
        // They are told when the server has just ended, and have nobody else to tell.
        (7, format!("{orphans}; exit 7")),
        // They end when they like, around the server's end.
        (
            8,
            "for n in 1 2 3 4 5 6 7 8; do ( ( exit $n ) & ); done; exit 8".into(),
        ),
    ];
    for (code, server) in servers {
        each(0..rounds, 4, |_| {
            for start in places(|| world.run().sh_without_tokens(&server)) {
                start.finish().code(code);
            }
        });
    }
}

#[test]
fn a_daemon_that_made_itself_an_orphan_is_reaped_when_it_ends() {
    let world = World::new();
    // Twice forked, with a session of its own between.
    let server = "setsid sh -c '( sh -c \"echo daemon=\\$\\$; exec sleep 60\" & )'; echo server=$$; exec sleep 60";
    let run = world.run_with_broker().sh(server).spawn();
    let (daemon, server) = (run.process("daemon"), run.process("server"));
    until("it is an orphan", || {
        processes::stat(daemon).is_some_and(|stat| stat.parent == run.pid())
    });
    kill(daemon, SIGKILL).unwrap();
    until("only the server is left", || {
        processes::children(run.pid()) == [server]
    });
    run.signal(SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn an_orphan_that_is_stopped_stops_nobody_else() {
    let world = World::new();
    let server = r#"
        trap 'echo alive' USR1
        ( sh -c 'echo orphan=$$; kill -STOP $$' & )
        echo server=$$; idle"#;
    let run = world.run_with_broker().sh(server).spawn();
    let orphan = run.process("orphan");
    until("it is stopped", || {
        processes::stat(orphan).is_some_and(|stat| stat.state == 'T' && stat.parent == run.pid())
    });
    run.signal(SIGUSR1);
    run.line("alive");
    run.signal(SIGTERM);
    run.wait().code(143).never_says("has stopped the server");
    until("what is stopped in the server's group ends as well", || {
        !processes::lives(orphan)
    });
    world.assert_nothing_left();
}

#[test]
fn a_server_that_stops_itself_runs_on_when_it_is_continued() {
    let world = World::new();
    for signal in ["STOP", "TSTP"] {
        let server = format!("echo server=$$; kill -{signal} $$; echo on; exit 3");
        // A session of its own: no shell above the test is to follow.
        for start in places(|| world.run_with_broker().sh(&server).under("setsid", ["-w"])) {
            let run = start.spawn();
            run.line(&format!(
                "warning: SIG{signal} has stopped the server, until a SIGCONT comes"
            ));
            let wrapper = run.entrypoint();
            kill(wrapper, SIGCONT).unwrap();
            run.line("on");
            run.wait().code(3);
        }
    }
    world.assert_nothing_left();
}
