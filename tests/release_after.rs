//! The release does not wait for a server that needs long to save its world: Docker gives ten seconds in all.

use std::time::{Duration, Instant};

use hytale_emulator::{Fault, Options};
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGKILL, SIGTERM};

use crate::support::{DEADLINE, Gate, World};

const RELEASE: &str = "/game-session";
const REFRESH: &str = "/game-session/refresh";
const STILL_STOPPING: &str = "the server is still stopping; its session is released meanwhile";

/// Waits until no slot is taken.
#[track_caller]
fn until_free(world: &World) {
    let free = world.emulator.wait_for(|view| view.live() == 0, DEADLINE);
    assert!(free, "the slot is not freed");
}

#[test]
fn the_slot_is_freed_while_the_server_still_saves() {
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        let world = World::new();
        let gate = Gate::new(&world);
        let run = world
            .run_with_broker()
            .args(["--release-after", "300ms"])
            .sh(Gate::SERVER_THAT_SAVES)
            .spawn();
        run.line("up");
        let stopped = Instant::now();
        run.signal(signal);
        run.line("saving");
        assert_eq!(world.emulator.live(), 1);
        until_free(&world);
        assert!(stopped.elapsed() >= Duration::from_millis(300), "too soon");
        // It lives, and has yet to save.
        gate.open();
        let finished = run.wait();
        finished
            .code(7)
            .says(STILL_STOPPING)
            .says("session released");
        assert!(finished.stdout.contains("saved"), "{finished}");
        assert_eq!(world.answers("DELETE", RELEASE), [Some(204)]);
        world.assert_nothing_left();
    }
}

#[test]
fn by_itself_the_release_comes_within_dockers_ten_seconds() {
    let world = World::new();
    let gate = Gate::new(&world);
    let run = world.run_with_broker().sh(Gate::SERVER_THAT_SAVES).spawn();
    run.line("up");
    let stopped = Instant::now();
    run.signal(SIGTERM);
    until_free(&world);
    let after = stopped.elapsed();
    assert!(
        (Duration::from_secs(5)..Duration::from_secs(10)).contains(&after),
        "{after:?}"
    );
    gate.open();
    run.wait().code(7);
    world.assert_nothing_left();
}

#[test]
fn the_session_of_a_server_that_ends_sooner_is_released_at_once() {
    let world = World::new();
    let run = |script| {
        world
            .run_with_broker()
            .args(["--release-after", "1h"])
            .sh(script)
            .spawn()
    };
    let stopped = run("echo up; exec sleep 300");
    stopped.line("up");
    stopped.signal(SIGTERM);
    stopped.wait().code(143).never_says(STILL_STOPPING);
    run("exit 3").wait().code(3).never_says(STILL_STOPPING);
    world.assert_nothing_left();
}

#[test]
fn with_no_time_at_all_the_release_comes_with_the_signal() {
    let world = World::new();
    let gate = Gate::new(&world);
    let run = world
        .run_with_broker()
        .args(["--release-after", "0"])
        .sh(Gate::SERVER_THAT_SAVES)
        .spawn();
    run.line("up");
    run.signal(SIGTERM);
    until_free(&world);
    gate.open();
    run.wait().code(7);
    world.assert_nothing_left();
}

#[test]
fn further_stop_signals_change_nothing() {
    let world = World::new();
    let gate = Gate::new(&world);
    let run = world
        .run_with_broker()
        .args(["--release-after", "300ms"])
        .sh("trap 'echo saving; read x < gate; exit 7' TERM; trap '' INT; (echo up; exec sleep 300) & wait; wait")
        .spawn();
    run.line("up");
    run.signal(SIGTERM);
    run.line("saving");
    run.signal(SIGINT);
    until_free(&world);
    run.signal(SIGINT);
    run.lines("passed SIGINT on to the server", 2);
    gate.open();
    run.wait().code(7);
    assert_eq!(world.answers("DELETE", RELEASE), [Some(204)]);
    world.assert_nothing_left();
}

#[test]
fn a_server_that_is_killed_in_the_end_costs_one_release_as_well() {
    let world = World::new();
    let _closed = Gate::new(&world);
    let run = world
        .run_with_broker()
        .args(["--release-after", "200ms", "--stop-timeout", "1s"])
        .sh(Gate::SERVER_THAT_SAVES)
        .spawn();
    run.line("up");
    run.signal(SIGTERM);
    until_free(&world);
    run.wait().code(128 + SIGKILL as i32).says(STILL_STOPPING);
    assert_eq!(world.answers("DELETE", RELEASE), [Some(204)]);
    world.assert_nothing_left();
}

#[test]
fn a_release_that_fails_meanwhile_costs_the_server_nothing() {
    let world = World::new();
    let gate = Gate::new(&world);
    let down = Fault::on(RELEASE).method("DELETE").drop_before().always();
    world.emulator.fault(down);
    let run = world
        .run_with_broker()
        .args(["--release-after", "0"])
        .sh(Gate::SERVER_THAT_SAVES)
        .spawn();
    run.line("up");
    run.signal(SIGTERM);
    run.line("its lease stays for the next start");
    gate.open();
    run.wait().code(7);
    assert_eq!((world.emulator.live(), world.leases().len()), (1, 1));
    world.emulator.clear_faults();
    world.finish(&["release"]).code(0);
    world.assert_nothing_left();
}

#[test]
fn a_renewal_that_is_under_way_does_not_put_the_release_off_further() {
    let world = World::with(Options {
        session_ttl: Duration::from_secs(123),
        ..Options::default()
    });
    let gate = Gate::new(&world);
    let late = Duration::from_secs(3);
    world.emulator.fault(Fault::on(REFRESH).latency(late));
    let run = world
        .run_with_broker()
        .args(["--min-token-life", "0", "--release-after", "3s"])
        .sh(Gate::SERVER_THAT_SAVES)
        .spawn();
    run.line("up");
    world.until_asked("POST", REFRESH, 1);
    let stopped = Instant::now();
    run.signal(SIGTERM);
    until_free(&world);
    let after = stopped.elapsed();
    // Three seconds for the renewal and the waiting, which is the same three seconds.
    assert!(after < Duration::from_secs(5), "{after:?}");
    gate.open();
    run.wait().code(7);
    world.assert_nothing_left();
}
