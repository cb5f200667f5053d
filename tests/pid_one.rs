//! The wrapper as PID 1: the kernel treats it unlike any other process, and whoever uses the container does not notice.

use nix::sys::signal::Signal::{self, SIGCONT, SIGKILL, SIGTERM};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::exit_codes::fatal_signals;
use crate::support::conditions::each;
use crate::support::{Running, Start, World, processes};

/// The wrapper as PID 1, and its process id outside.
fn started(start: Start) -> Option<(Running, Pid)> {
    let run = start.in_pid_namespace()?.spawn();
    let wrapper = run.entrypoint();
    Some((run, wrapper))
}

#[test]
fn signals_from_inside_of_the_container_are_forwarded() {
    let world = World::new();
    // For PID 1 the kernel drops what its own container sends and nobody handles. What is blocked it keeps.
    let server = r#"
        [ $PPID = 1 ] || exit 10
        for signal in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM CONT URG XCPU XFSZ VTALRM PROF \
            WINCH IO PWR SYS 34 40 64
        do
            trap "got=$signal" $signal
            kill -$signal 1
            while [ "$got" != $signal ]; do nap; done
        done
        exit 3"#;
    if let Some(start) = world.run().sh_without_tokens(server).in_pid_namespace() {
        start.finish().code(3);
    }
}

#[test]
fn a_stop_of_the_container_lasts_until_a_sigcont() {
    let world = World::new();
    let server = "trap 'echo continued' CONT; trap 'exit 3' TERM; echo ready; idle";
    for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        let Some((run, wrapper)) = started(world.run().sh_without_tokens(server)) else {
            return;
        };
        run.line("ready");
        let server = processes::children(wrapper)[0];
        kill(wrapper, signal).unwrap();
        run.line(&format!(
            "warning: {signal} has stopped the server, until a SIGCONT comes"
        ));
        assert_eq!(processes::stat(server).unwrap().state, 'T');
        kill(wrapper, SIGCONT).unwrap();
        run.line("continued");
        kill(wrapper, SIGTERM).unwrap();
        run.wait().code(3);
    }
}

#[test]
fn all_256_exit_codes_leave_the_container() {
    let world = World::new();
    each(0..256, 4, |code| {
        let start = world.run().sh_without_tokens(&format!("exit {code}"));
        if let Some(start) = start.in_pid_namespace() {
            start.finish().code(*code);
        }
    });
}

#[test]
fn a_server_that_a_signal_ends_leaves_the_container_with_128_and_its_number() {
    let world = World::new();
    each(fatal_signals(), 4, |signal| {
        // The signal comes to a server with the kernel's own defaults, and not to PID 1.
        let death = format!("ulimit -c 0; kill -{signal} $$");
        if let Some(start) = world.run().sh_without_tokens(&death).in_pid_namespace() {
            start.finish().code(128 + signal);
        }
    });
}

#[test]
fn a_container_that_is_killed_takes_all_with_it() {
    let world = World::new();
    let server =
        "trap '' TERM; setsid sh -c 'trap \"\" TERM HUP; sleep 1000; :' & echo ready; idle";
    let Some((run, wrapper)) = started(world.run().sh_without_tokens(server)) else {
        return;
    };
    run.line("ready");
    let all = processes::tree(wrapper);
    assert!(all.len() > 2, "{all:?}");
    kill(wrapper, SIGKILL).unwrap();
    // unshare(1) says so in its own way.
    run.wait();
    for process in all {
        assert!(!processes::lives(process), "{process}");
    }
}

#[test]
fn nothing_is_left_of_a_container_whose_server_has_ended() {
    let world = World::new();
    // A daemon of its own session, deaf, and with a pipe in its hand that would keep this test waiting.
    let server = r#"
        mkfifo fifo
        setsid sh -c 'trap "" TERM HUP INT; : > fifo; while :; do sleep 1; done' &
        read x < fifo; exit 3"#;
    if let Some(start) = world.run_with_broker().sh(server).in_pid_namespace() {
        start.finish().code(3);
        world.assert_nothing_left();
    }
}
