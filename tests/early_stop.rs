//! A stop that comes before there is a server: it ends the wrapper soon, and no session stays behind.

use std::time::{Duration, Instant};

use hytale_emulator::Fault;
use nix::sys::signal::Signal::{
    SIGCHLD, SIGCONT, SIGINT, SIGQUIT, SIGTERM, SIGURG, SIGUSR1, SIGWINCH,
};

use crate::support::{DEADLINE, Running, World};

const MINT: &str = "/v1/game-session";

/// An entrypoint whose mint is under way, and will be for a second.
fn minting(world: &World) -> Running {
    world
        .emulator
        .fault(Fault::on(MINT).latency(Duration::from_secs(1)));
    let before = world.emulator.count("POST", MINT);
    let run = world
        .run_with_broker()
        .sh("echo server here; exit 3")
        .spawn();
    let asked = |view: &hytale_emulator::View<'_>| view.count("POST", MINT) > before;
    assert!(world.emulator.wait_for(asked, DEADLINE));
    run
}

#[test]
fn a_stop_during_the_mint_awaits_the_session_and_frees_it() {
    let world = World::new();
    let run = minting(&world);
    run.signal(SIGTERM);
    run.wait()
        .code(143)
        .never_says("server here")
        .says("session released");
    assert_eq!(world.emulator.sessions().len(), 1);
    world.assert_nothing_left();
}

#[test]
fn an_early_signal_ends_the_wrapper_with_128_and_its_number() {
    let world = World::new();
    for (signal, code) in [(SIGUSR1, 138), (SIGINT, 130), (SIGQUIT, 131)] {
        let run = minting(&world);
        run.signal(signal);
        run.wait()
            .code(code)
            .never_says("server here")
            .says(&format!(
                "error: stopped by {signal} before the server was started"
            ));
    }
    let run = minting(&world);
    run.signal_number(40);
    run.wait().code(168).never_says("server here");
    world.assert_nothing_left();
}

#[test]
fn an_early_signal_that_ends_nobody_by_default_ends_nothing() {
    let world = World::new();
    let run = minting(&world);
    for signal in [SIGWINCH, SIGCHLD, SIGCONT, SIGURG] {
        run.signal(signal);
    }
    run.wait().code(3);
    world.assert_nothing_left();
}

#[test]
fn a_stop_between_two_attempts_is_not_kept_waiting() {
    let world = World::new();
    let busy = Fault::on(MINT).status(503).retry_after("50");
    world.emulator.fault(busy.always());
    let run = world.run_with_broker().sh("echo server here").spawn();
    run.line("trying again in 5");
    let told = Instant::now();
    run.signal(SIGTERM);
    run.wait().code(143).never_says("server here");
    assert!(told.elapsed() < Duration::from_secs(25), "it waited");
    assert_eq!(world.emulator.count("POST", MINT), 1);
    world.assert_nothing_left();
}

#[test]
fn a_mint_that_is_never_answered_is_given_up_after_a_stop() {
    let world = World::new();
    world.emulator.fault(Fault::on(MINT).hang());
    let run = world.run_with_broker().sh("echo server here").spawn();
    let asked = |view: &hytale_emulator::View<'_>| view.count("POST", MINT) == 1;
    assert!(world.emulator.wait_for(asked, DEADLINE));
    let told = Instant::now();
    run.signal(SIGTERM);
    run.wait().code(143).never_says("server here").says(
        "warning: the request under way was not answered: if it opened a session, that stays open",
    );
    assert!(told.elapsed() < Duration::from_secs(25), "it waited");
}

#[test]
fn a_stop_at_any_moment_leaves_no_session() {
    let world = World::new();
    for moment in 0..60 {
        let run = world.run_with_broker().sh("exec sleep 60").spawn();
        // Spreads the signals from before `main` to after the server's start; nothing waits for anything here.
        std::thread::sleep(Duration::from_micros(250) * moment);
        run.signal(SIGTERM);
        run.wait().code_in_a_shell(143);
        world.assert_nothing_left();
    }
}
