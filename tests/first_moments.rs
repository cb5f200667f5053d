//! A stop in the wrapper's first moments is neither lost nor does it hang: it ends the wrapper, or the server gets it.

use std::thread;
use std::time::Instant;

use nix::sys::signal::Signal::{self, SIGINT, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::support::conditions::{each, long};
use crate::support::{DEADLINE, Finished, Start, World, processes};

/// How far the wrapper has come.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// It is there. A signal may find nobody who handles it yet, and ends the process as it ends any.
    Executed,
    /// Signals are blocked: the first thing that it does. PID 1 has no default that could end it, so for PID 1 the
    /// promise begins here.
    Listening,
    /// It has a child, which is on its way to the server.
    Forked,
    /// The child has a group of its own, and is about to become the server.
    Grouped,
    /// The child is the server.
    Served,
}

use Moment::{Executed, Forked, Grouped, Listening, Served};

impl Moment {
    fn has_come(self, wrapper: Pid) -> bool {
        let name = |pid| processes::name(pid).unwrap_or_default();
        let child = || processes::children(wrapper).first().copied();
        match self {
            Executed => true,
            Listening => processes::signals(wrapper, "SigBlk") & (1 << (SIGTERM as i32 - 1)) != 0,
            Forked => child().is_some(),
            Grouped => child()
                .and_then(processes::stat)
                .is_some_and(|stat| stat.group != stat.parent),
            Served => child().is_some_and(|pid| name(pid) != processes::ENTRYPOINT),
        }
    }

    /// Waits for it more closely than a test waits for anything else.
    #[track_caller]
    fn wait(self, wrapper: Pid) {
        let begun = Instant::now();
        while !self.has_come(wrapper) {
            assert!(begun.elapsed() < DEADLINE, "in vain: {self:?}");
            thread::yield_now();
        }
    }
}

fn rounds(moments: &[Moment]) -> Vec<(usize, Moment)> {
    let count = if long() { 100 } else { 8 };
    (0..count)
        .flat_map(|n| moments.iter().map(move |&moment| (n, moment)))
        .collect()
}

/// A server that a signal ends at any moment of its life.
fn start(world: &World) -> Start {
    world.run().sh_without_tokens("exec sleep 60")
}

/// Either is right, but not both, and not neither.
fn was_heard_once(finished: &Finished, signal: Signal) {
    let before = format!("error: stopped by {signal} before the server was started");
    let after = format!("{signal} ended the server");
    let heard = [before, after].map(|line| finished.stderr.matches(&line).count());
    assert!(
        heard == [1, 0] || heard == [0, 1],
        "{heard:?} in\n{finished}"
    );
}

#[test]
fn a_signal_in_the_first_moments_is_heard_once() {
    let world = World::new();
    for signal in [SIGTERM, SIGINT, SIGUSR1] {
        let code = 128 + signal as i32;
        each(
            rounds(&[Executed, Listening, Forked, Grouped, Served]),
            2,
            |(_, moment)| {
                let run = start(&world).spawn();
                moment.wait(run.pid());
                run.signal(signal);
                let finished = run.wait();
                match moment {
                    Executed => drop(finished.code_in_a_shell(code)),
                    _ => was_heard_once(finished.code(code), signal),
                }
            },
        );
    }
}

#[test]
fn as_pid_1_too() {
    let world = World::new();
    each(
        rounds(&[Listening, Forked, Grouped, Served]),
        2,
        |(_, moment)| {
            let Some(start) = start(&world).in_pid_namespace() else {
                return;
            };
            let run = start.spawn();
            let wrapper = run.entrypoint();
            moment.wait(wrapper);
            kill(wrapper, SIGTERM).unwrap();
            was_heard_once(run.wait().code(143), SIGTERM);
        },
    );
}

#[test]
fn two_stops_in_the_first_moments_are_one() {
    let world = World::new();
    each(rounds(&[Listening, Forked, Grouped]), 2, |(_, moment)| {
        let run = start(&world).spawn();
        moment.wait(run.pid());
        run.signal(SIGTERM);
        run.signal(SIGTERM);
        was_heard_once(run.wait().code(143), SIGTERM);
    });
}
