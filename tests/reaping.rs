//! Orphans: the wrapper takes what the kernel gives it, as PID 1 and anywhere else, and is fooled by none.

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::sys::signal::kill;

use crate::support::{World, processes, until};

#[test]
fn an_orphan_becomes_a_child_of_the_wrapper_and_is_reaped() {
    let world = World::new();
    // The server speaks when the parent in between has gone.
    let run = world
        .run_with_broker()
        .sh("( sh -c 'echo orphan=$$; exec sleep 60' & ); echo server=$$; exec sleep 60")
        .spawn();
    let (server, orphan) = (run.process("server"), run.process("orphan"));
    let parent = processes::stat(orphan).map(|stat| stat.parent);
    assert_eq!(
        parent,
        Some(run.pid()),
        "it has been adopted by the wrapper"
    );
    kill(orphan, SIGKILL).unwrap();
    until("the wrapper reaps the orphan", || {
        processes::stat(orphan).is_none()
    });
    assert!(processes::lives(server));
    run.signal(SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn no_zombie_stays_while_the_server_runs() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh(r#"for n in 1 2 3 4 5 6 7 8 9; do ( ( exit $n ) & ); done; echo "server=$$"; exec sleep 60"#)
        .spawn();
    let server = run.process("server");
    until("only the server is left", || {
        processes::children(run.pid()) == [server]
    });
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn thousands_of_orphans_do_not_steal_the_servers_status() {
    let world = World::new();
    let server = "n=0; while [ $n -lt 2000 ]; do ( : & ); n=$((n + 1)); done; exit 3";
    let start = || world.run_with_broker().sh(server);
    for start in [Some(start()), start().in_pid_namespace()]
        .into_iter()
        .flatten()
    {
        start.finish().code(3);
    }
    world.assert_nothing_left();
}

#[test]
fn a_server_that_ends_among_its_orphans_is_not_missed() {
    let world = World::new();
    for code in 10..40 {
        let server = format!("for n in 1 2 3 4 5 6; do ( ( exit $n ) & ); done; exit {code}");
        world.run().sh_without_tokens(&server).finish().code(code);
    }
}

#[test]
fn a_child_from_before_the_wrapper_is_not_taken_for_the_server() {
    let world = World::new();
    let start = world.run_with_broker().sh("echo server=$$; exec sleep 60");
    let run = start.after("sh -c 'exit 9' &").spawn();
    let server = run.process("server");
    until("the foreign child is reaped", || {
        processes::children(run.pid()) == [server]
    });
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn a_wrapper_that_was_told_to_ignore_its_children_looks_after_its_server() {
    let world = World::new();
    let start = world.run_with_broker().sh("( : & ); exit 3");
    let Some(start) = start.under_env("--ignore-signal=CHLD") else {
        return;
    };
    start.finish().code(3);
    world.assert_nothing_left();
}

#[test]
fn what_is_left_of_the_group_of_the_server_is_asked_to_end() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh("mkfifo fifo; (trap 'echo asked >&2; exit' TERM; echo left=up; while :; do sleep 0.1; done) & read x < fifo; exit 3");
    let run = run.spawn();
    run.line("left=up");
    std::fs::write(world.path("fifo"), "go").unwrap();
    run.line("asked");
    run.wait().code(3);
    world.assert_nothing_left();
}

#[test]
fn a_daemon_with_a_group_of_its_own_does_not_keep_the_wrapper_and_is_left_alone() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh("mkfifo fifo; setsid sh -c 'echo left=$$; : > fifo; exec sleep 1000 >/dev/null 2>&1' & read x < fifo; exit 3")
        .spawn();
    let left = run.process("left");
    run.wait().code(3);
    assert!(processes::lives(left), "it is not ours to kill");
    kill(left, SIGKILL).unwrap();
    world.assert_nothing_left();
}

#[test]
fn as_pid_1_it_reaps_every_orphan_of_the_container() {
    let world = World::new();
    let server = r#"
        [ $PPID = 1 ] || exit 10
        n=0; while [ $n -lt 200 ]; do ( ( exit 7 ) & ); n=$((n + 1)); done
        while grep -q ') Z ' /proc/[0-9]*/stat 2>/dev/null; do :; done
        exit 3"#;
    let Some(start) = world.run_with_broker().sh(server).in_pid_namespace() else {
        return;
    };
    start.finish().code(3);
    world.assert_nothing_left();
}

#[test]
fn as_pid_1_it_forwards_signals_and_frees_its_session() {
    let world = World::new();
    let server = "trap 'exit 5' TERM; echo ready; idle";
    let Some(start) = world.run_with_broker().sh(server).in_pid_namespace() else {
        return;
    };
    let run = start.spawn();
    run.line("ready");
    // unshare waits for the wrapper, which is its only child.
    let wrapper = processes::children(run.pid())[0];
    kill(wrapper, SIGTERM).unwrap();
    run.wait().code(5).says("session released");
    world.assert_nothing_left();
}

#[test]
fn as_pid_1_it_ends_with_its_server_whatever_else_runs() {
    let world = World::new();
    let Some(start) = world
        .run_with_broker()
        .sh("sleep 1000 & exit 3")
        .in_pid_namespace()
    else {
        return;
    };
    start.finish().code(3);
    world.assert_nothing_left();
}
