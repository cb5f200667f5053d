//! `release`: frees by hand what was left over, says what it did, and leaves living wrappers alone.

use std::fs;

use hytale_emulator::{Ended, Fault};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::servers::UP;
use crate::support::{Finished, World};

#[track_caller]
fn counts(finished: &Finished, freed: usize, left: usize, set_aside: usize) {
    let line = format!("Freed: {freed}, left: {left}, set aside: {set_aside}.\n");
    assert_eq!(finished.stdout, line, "{finished}");
}

#[test]
fn release_frees_all_leftovers_and_says_how_many() {
    let world = World::new();
    world.leave_sessions(3);
    fs::write(world.lease_dir().join("x.json"), "{").expect("there is room");
    let finished = world.finish(&["release"]);
    finished
        .code(0)
        .says("freed a session that a killed process had left, source broker");
    counts(&finished, 3, 0, 1);
    assert_eq!(world.emulator.live(), 0);
    assert_eq!(world.leases(), [world.lease_dir().join("x.json.damaged")]);
    let finished = world.finish(&["release"]);
    finished.code(0);
    counts(&finished, 0, 0, 0);
}

#[test]
fn release_leaves_the_leases_of_living_wrappers_alone() {
    let world = World::new();
    let living = world.run_with_broker().sh(UP).spawn();
    living.line("up");
    let left = world.leave_a_session();
    let finished = world.finish(&["release"]);
    finished.code(0);
    counts(&finished, 1, 0, 0);
    assert_eq!(world.session(1).ended, Ended::Live);
    assert_eq!(world.session(left.id).ended, Ended::Released);
    assert_eq!(world.leases().len(), 1);
    living.signal(SIGTERM);
    living.wait().code(143).says("session released");
    world.assert_nothing_left();
}

#[test]
fn what_is_already_gone_counts_as_freed() {
    let world = World::new();
    world.leave_a_session();
    world.emulator.advance(std::time::Duration::from_secs(7200));
    let finished = world.finish(&["release"]);
    finished
        .code(0)
        .says("a session that a killed process had left was already gone, source broker");
    counts(&finished, 1, 0, 0);
    world.assert_nothing_left();
}

#[test]
fn release_ends_with_69_when_it_cannot_and_counts_all_that_stay() {
    let world = World::new();
    world.leave_sessions(3);
    let down = Fault::on("/game-session").status(503).always();
    world.emulator.fault(down);
    let finished = world.finish(&["release"]);
    assert_eq!((world.emulator.live(), world.leases().len()), (3, 3));
    finished
        .code(69)
        .says("hint: their leases stay: try again when the session service answers")
        .says("error: 3 sessions that were left over could not be freed");
    counts(&finished, 0, 3, 0);
    world.emulator.clear_faults();
    let finished = world.finish(&["release"]);
    finished.code(0);
    counts(&finished, 3, 0, 0);
    world.assert_nothing_left();
}

#[test]
fn release_in_a_place_where_nothing_was_ever_run_is_no_error() {
    let finished = World::new().finish(&["release"]);
    finished.code(0);
    counts(&finished, 0, 0, 0);
}
