//! The kills of `kills.rs` at their finest: at each system call of the entrypoint that has to do with the network or
//! the disk, before the kernel does anything about it. Left out, and said so, where there is no strace.

use std::collections::BTreeMap;
use std::fs;
use std::ops::AddAssign;
use std::path::Path;

use hytale_emulator::{Behaviour, Mint};
use nix::sys::signal::Signal::SIGTERM;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::support::conditions::{each, long};
use crate::support::say;
use crate::support::servers::{UP_AND_STOP, UP_AND_TELL};
use crate::support::short_lived::REFRESH;
use crate::support::tracer::{self, traced};
use crate::support::world::Start;
use crate::support::{Kills, Running, World};

/// A name with a question mark is none on some machines.
const CALLS: [&str; 26] = [
    "?open",
    "openat",
    "close",
    "read",
    "write",
    "writev",
    "fsync",
    "fdatasync",
    "flock",
    "fchown",
    "ftruncate",
    "?rename",
    "renameat",
    "renameat2",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
    "statx",
    "getdents64",
    "socket",
    "connect",
    "sendto",
    "recvfrom",
    "shutdown",
    "?epoll_wait",
];

/// Those that change something on disk.
const CHANGES: [&str; 11] = [
    "write",
    "fsync",
    "flock",
    "fchown",
    "?rename",
    "renameat",
    "renameat2",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
];

/// What became of many kills.
#[derive(Clone, Copy, Default)]
struct Account {
    kills: usize,
    lost: usize,
    /// Those of the lost whose answer was read and not on disk yet.
    in_memory: usize,
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.lost += other.lost;
        self.in_memory += other.in_memory;
    }
}

/// What the tracer wrote down of one run.
struct Trace(String);

impl Trace {
    fn read(path: &Path) -> Self {
        Self(fs::read_to_string(path).expect("the tracer writes it"))
    }

    /// How many calls of this name that hold this text were done, and not cut by the kill.
    fn done(&self, call: &str, text: &str) -> usize {
        let calls = self
            .0
            .lines()
            .filter(|l| l.starts_with(call) && l.contains(text));
        calls.filter(|line| !line.ends_with("= ?")).count()
    }

    fn leases_written(&self) -> usize {
        self.done("write(", r#"{\"version\":1,\"source\""#)
    }

    fn answers_read(&self) -> usize {
        self.done("recvfrom(", "HTTP/1.1 200")
    }
}

/// Starts a life that is killed at the `nth` of these calls, or comes to its end before.
fn run_until(call: &str, nth: usize, life: Start, trace: &Path) -> Running {
    let kill = format!("{call}:signal=KILL:when={nth}");
    let shown = format!("{call},write,recvfrom");
    let life = life.env("HYTALE_ENTRYPOINT_LOG_LEVEL", "debug");
    Running::start(traced(life, &kill, &shown, trace))
}

/// `None` when the life came to its end.
fn killed_at(call: &str, nth: usize) -> Option<Account> {
    let world = World::new();
    world.leave_a_session();
    let mut kills = Kills::of(&world);
    let trace = world.path("trace");
    let life = world.run_with_broker().sh(UP_AND_STOP);
    let finished = run_until(call, nth, life, &trace).wait();
    if !kills.note(&finished) {
        finished.code(143);
        world.assert_nothing_left();
        return None;
    }
    let lost = kills.start_once_more(world.run_with_broker());
    let trace = Trace::read(&trace);
    assert!(lost == 0 || trace.leases_written() == 0, "it was on disk");
    Some(Account {
        kills: 1,
        lost,
        in_memory: lost.min(trace.answers_read()),
    })
}

#[test]
fn killed_at_any_call_it_leaves_nothing_that_the_next_start_does_not_free() {
    if !tracer::is_there() {
        return;
    }
    let mut all = Account::default();
    let rounds = if long() { 3 } else { 1 };
    for _ in 0..rounds {
        let accounts = each(CALLS, 4, |call| {
            (1..)
                .map_while(|nth| killed_at(call, nth))
                .collect::<Vec<_>>()
        });
        accounts.into_iter().flatten().for_each(|one| all += one);
    }
    assert!(all.kills > 100, "only {} calls were met", all.kills);
    let Account {
        kills,
        lost,
        in_memory,
    } = all;
    say(&format!(
        "kills by system call: {kills}; {lost} sessions lost whose answer was on its way, {in_memory} of them read \
         and not on disk yet"
    ));
}

/// Tokens from outside are never lost: whoever starts again brings them along.
fn killed_with_given_tokens_at(call: &str, nth: usize) -> Option<()> {
    let world = World::new();
    let pair = world.emulator.mint(&Mint::default());
    let start = || world.run().tokens(&pair);
    let mut kills = Kills::of(&world);
    let life = start().sh(UP_AND_STOP);
    let finished = run_until(call, nth, life, &world.path("trace")).wait();
    let killed = kills.note(&finished);
    if killed {
        // 77 where it was freed before the kill; else it is as good as new.
        let again = start().sh(UP_AND_STOP).finish();
        let code = again.status.code();
        assert!(matches!(code, Some(143 | 77)), "{again}");
        again.never_says("warning");
    }
    world.assert_nothing_left();
    killed.then_some(())
}

#[test]
fn killed_with_tokens_from_the_environment_it_leaves_nothing_that_the_next_start_does_not_free() {
    if !tracer::is_there() {
        return;
    }
    let calls: &[&str] = if long() { &CALLS } else { &CHANGES };
    let counts = each(calls, 4, |call| {
        (1..)
            .map_while(|nth| killed_with_given_tokens_at(call, nth))
            .count()
    });
    let kills: usize = counts.into_iter().sum();
    say(&format!(
        "kills with tokens from the environment: {kills}; none lost"
    ));
}

/// Which calls a renewal consists of: their names, and how many of that name came before each.
fn calls_of_a_renewal() -> Vec<(String, usize)> {
    let world = World::short_lived(Behaviour::default());
    let trace = world.path("trace");
    let names = CALLS.join(",");
    let run = Running::start(traced(
        world.run_short_lived().sh(UP_AND_TELL),
        "",
        &names,
        &trace,
    ));
    let wrapper = run.line("up ")[3..].parse().expect("it is a number");
    world.until_renewed(1);
    kill(Pid::from_raw(wrapper), SIGTERM).expect("it is there");
    run.wait().code(143);
    let mut counts = BTreeMap::<String, usize>::new();
    let (mut calls, mut renewing) = (Vec::new(), false);
    for line in Trace::read(&trace).0.lines() {
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        let count = counts.entry(name.to_owned()).or_default();
        *count += 1;
        // It begins with a connection, since the mint's is long closed, and ends before that of the release.
        renewing |= line.contains(&format!("POST {REFRESH}"));
        if line.contains("DELETE /game-session") {
            return calls;
        }
        if renewing {
            calls.push((name.to_owned(), *count));
        }
    }
    panic!("no renewal and no release in the trace")
}

#[test]
fn killed_at_any_call_of_a_renewal_it_leaves_nothing_that_the_next_start_does_not_free() {
    if !tracer::is_there() {
        return;
    }
    let mut points = calls_of_a_renewal();
    // Which of the calls that only wait comes when differs from life to life.
    points.retain(|(name, _)| CHANGES.iter().any(|call| call.trim_matches('?') == name));
    // Most of such a life is waiting for its time to come.
    let accounts = each(points, 24, |(call, nth)| {
        let world = World::short_lived(Behaviour::default());
        let mut kills = Kills::of(&world).at_the_renewal();
        let trace = world.path("trace");
        // Should the kill miss, the life has an end all the same.
        let life = world
            .run_short_lived()
            .sh("echo up; sleep 8; kill -TERM $PPID; sleep 300");
        let finished = run_until(call, *nth, life, &trace).wait();
        if !kills.note(&finished) {
            return Account::default();
        }
        let lost = kills.start_once_more(world.run_short_lived());
        let trace = Trace::read(&trace);
        let written = trace.leases_written();
        assert!(lost == 0 || written < 2, "it was on disk");
        Account {
            kills: 1,
            lost,
            in_memory: lost.min(trace.answers_read().saturating_sub(written)),
        }
    });
    let mut all = Account::default();
    accounts.into_iter().for_each(|one| all += one);
    let Account {
        kills,
        lost,
        in_memory,
    } = all;
    assert!(kills > 5, "only {kills} calls were met");
    say(&format!(
        "kills at a renewal: {kills}; {lost} newer tokens lost, {in_memory} of them read and not on disk yet"
    ));
}
