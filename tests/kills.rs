//! Killed at any moment of its life, a wrapper leaves nothing that the next start does not free. The one loss that
//! is allowed is a session whose answer had not reached it, or not reached the disk: such are counted and told.

use std::thread;
use std::time::{Duration, Instant};

use hytale_emulator::{Fault, Options};
use nix::sys::signal::Signal::SIGKILL;

use crate::support::conditions::{each, long};
use crate::support::say;
use crate::support::servers::UP_AND_STOP;
use crate::support::world::Start;
use crate::support::{Kills, World};

/// Half as much again as there are processors: some always wait for the disk.
const AT_ONCE: usize = 4;

/// A whole life: a sweep of what another one left, a mint, a server that runs and is stopped, a release.
fn life(world: &World) -> Start {
    let start = world.run_with_broker().sh(UP_AND_STOP);
    start.env("HYTALE_ENTRYPOINT_LOG_LEVEL", "debug")
}

/// A world in which every request takes a little while, so that a kill finds more to cut in two.
fn unhurried() -> World {
    let wait = Duration::from_millis(5);
    World::with(Options {
        faults: ["/v1/game-session", "/game-session"]
            .map(|path| Fault::on(path).latency(wait).always())
            .into(),
        ..Options::default()
    })
}

#[test]
fn killed_at_any_time_it_leaves_nothing_that_the_next_start_does_not_free() {
    let points: u32 = if long() { 400 } else { 60 };
    let whole = {
        let world = unhurried();
        world.leave_a_session();
        let started = Instant::now();
        life(&world).finish().code(143);
        started.elapsed()
    };
    let lost = each(0..points, AT_ONCE, |&point| {
        let world = unhurried();
        let mut kills = Kills::of(&world);
        // One after the other on the same state folder: the second one is killed at the first one's sweep, too.
        for at in [point, points - 1 - point] {
            let run = life(&world).spawn();
            thread::sleep(whole * at / points);
            run.signal(SIGKILL);
            kills.note(&run.wait());
        }
        kills.start_once_more(world.run_with_broker())
    });
    let lost: usize = lost.into_iter().sum();
    say(&format!(
        "kills by time: {} over {whole:?} of life; {lost} sessions lost whose answer was on its way",
        points * 2
    ));
}

#[test]
fn killed_after_any_line_of_its_log_it_leaves_nothing_that_the_next_start_does_not_free() {
    let lines = {
        let world = unhurried();
        world.leave_a_session();
        let finished = life(&world).finish();
        finished.stderr.lines().count() + finished.stdout.lines().count()
    };
    let rounds = if long() { 10 } else { 2 };
    let points: Vec<_> = (0..rounds).flat_map(|_| 1..=lines).collect();
    let count = points.len();
    let lost = each(points, AT_ONCE, |&line| {
        let world = unhurried();
        world.leave_a_session();
        let mut kills = Kills::of(&world);
        let run = life(&world).spawn();
        run.lines("", line);
        run.signal(SIGKILL);
        kills.note(&run.wait());
        kills.start_once_more(world.run_with_broker())
    });
    let lost: usize = lost.into_iter().sum();
    say(&format!(
        "kills by stage: {count} after each of {lines} lines; {lost} sessions lost whose answer was on its way"
    ));
}
