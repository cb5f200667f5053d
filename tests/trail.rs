//! The trail: our token is renewed shortly before it expires, so that it still frees the slot, and the newest one
//! is the one on disk. Whatever comes of it, the server goes on.

use std::time::Duration;

use hytale_emulator::{Behaviour, Fault, Mint, OldToken, View};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};

use crate::support::conditions::each;
use crate::support::servers::UP;
use crate::support::short_lived::REFRESH;
use crate::support::{Gate, World};

const RELEASE: &str = "/game-session";

/// After a refresh only the newest token is of any use: the hardest case, and the emulator's default.
fn strict() -> Behaviour {
    Behaviour {
        old_token: OldToken::Ends,
        ..Behaviour::default()
    }
}

#[test]
fn our_token_is_renewed_two_minutes_before_it_expires_and_the_newest_frees_the_slot() {
    let world = World::short_lived(strict());
    let run = world.run_short_lived().sh(UP).spawn();
    run.line("up");
    let session = world.until_renewed(2);
    run.signal(SIGTERM);
    run.wait()
        .code(143)
        .says("session released")
        .never_says("warning");
    assert_eq!(world.token_of_the_release(), Some(session.newest_token));
    world.assert_nothing_left();
    let at: Vec<_> = world.emulator.requests().iter().map(|r| r.at_ms).collect();
    // The mint and two renewals: 123 seconds of life, less the fraction that no token tells.
    for pair in at[..3].windows(2) {
        assert!(pair[1] - pair[0] >= 1_900, "too soon: {at:?}");
    }
}

#[test]
fn the_new_token_is_on_disk_before_anything_else_is_asked() {
    let world = World::short_lived(strict());
    // The next thing that is asked is the release, and it is held up so that the disk can be looked at.
    let held = Fault::on(RELEASE).method("DELETE").hang();
    world.emulator.fault(held);
    let run = world.run_short_lived().sh(UP).spawn();
    run.line("up");
    world.until_asked("POST", REFRESH, 1);
    run.signal(SIGTERM);
    world.until_asked("DELETE", RELEASE, 1);
    let newest = world.session(1).newest_token;
    assert_eq!(world.session(1).refreshes, 1);
    assert_eq!(
        world.tokens_on_disk().into_iter().collect::<Vec<_>>(),
        [newest]
    );
    run.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn a_wrapper_that_is_killed_after_a_renewal_leaves_a_lease_that_frees_the_slot() {
    let world = World::short_lived(strict());
    let run = world.run_short_lived().sh(UP).spawn();
    run.line("up");
    world.until_renewed(1);
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL);
    world
        .finish(&["release"])
        .code(0)
        .says("freed a session that a killed process had left, source broker");
    world.assert_nothing_left();
}

#[test]
fn a_restart_with_the_same_variables_goes_on_with_the_newer_token_of_the_killed() {
    let world = World::short_lived(strict());
    let pair = world.emulator.mint(&Mint::default());
    let run = || world.run().tokens(&pair).args(["--min-token-life", "0"]);
    let killed = run().sh(UP).spawn();
    killed.line("up");
    let session = world.until_renewed(1);
    killed.signal(SIGKILL);
    killed.wait().killed_by(SIGKILL);
    let again = run().args(["--session-refresh", "off"]).sh(UP).spawn();
    again.line("up");
    assert_eq!(world.leases().len(), 1);
    again.signal(SIGTERM);
    again.wait().code(143).says("session released");
    assert_eq!(world.token_of_the_release(), Some(session.newest_token));
    world.assert_nothing_left();
}

#[test]
fn a_refusal_is_said_once_and_changes_nothing_for_the_server() {
    let world = World::short_lived(strict());
    let gate = Gate::new(&world);
    world
        .emulator
        .fault(Fault::on(REFRESH).status(403).always());
    let run = world.run_short_lived().sh(Gate::SERVER).spawn();
    run.line("the session token is not renewed");
    // It is not asked for again: by now that would have been.
    let again = Duration::from_secs(4);
    let asked = |view: &View<'_>| view.count("POST", REFRESH) > 1;
    assert!(!world.emulator.wait_for(asked, again), "it asked again");
    gate.open();
    let finished = run.wait();
    finished.code(0).says("session released").says(
        "the session token is not renewed: the session service refuses (403): Forbidden; the server goes on with \
         its own",
    );
    assert_eq!(finished.stderr.matches("not renewed").count(), 1);
    world.assert_nothing_left();
}

#[test]
fn trouble_at_the_service_is_waited_out() {
    let world = World::short_lived(strict());
    world.emulator.fault(Fault::on(REFRESH).status(503));
    world.emulator.fault(Fault::on(REFRESH).drop_before());
    let run = world.run_short_lived().sh(UP).spawn();
    run.line("up");
    let session = world.until_renewed(1);
    run.signal(SIGTERM);
    run.wait().code(143).says("session released");
    assert_eq!(world.token_of_the_release(), Some(session.newest_token));
    world.assert_nothing_left();
}

#[test]
fn switched_off_or_with_an_hour_left_nothing_is_renewed() {
    let short = || World::short_lived(strict());
    let cases: [(&str, World, [&str; 2]); 3] = [
        ("no refresh", short(), ["--session-refresh", "off"]),
        ("no release", short(), ["--release", "never"]),
        ("an hour", World::new(), ["--session-refresh", "trail"]),
    ];
    let names: Vec<_> = (0..cases.len()).collect();
    each(names, cases.len(), |&n| {
        let (name, world, option) = &cases[n];
        let run = world.run_short_lived().args(option).sh(UP).spawn();
        run.line("up");
        // Longer than it takes where all is as usual.
        let long = Duration::from_secs(4);
        let asked = |view: &View<'_>| view.count("POST", REFRESH) > 0;
        assert!(!world.emulator.wait_for(asked, long), "{name}");
        run.signal(SIGTERM);
        run.wait().code(143);
    });
}

#[test]
fn a_stop_during_the_renewal_waits_for_its_token_and_releases_with_it() {
    each([OldToken::Ends, OldToken::StillWorks], 2, |&old_token| {
        let world = World::short_lived(Behaviour {
            old_token,
            ..Behaviour::default()
        });
        let late = Duration::from_secs(1);
        world.emulator.fault(Fault::on(REFRESH).latency(late));
        let run = world.run_short_lived().sh(UP).spawn();
        run.line("up");
        world.until_asked("POST", REFRESH, 1);
        run.signal(SIGTERM);
        run.wait().code(143).says("session released");
        assert_eq!(world.session(1).refreshes, 1);
        let newest = world.session(1).newest_token;
        assert_eq!(world.token_of_the_release(), Some(newest));
        world.assert_nothing_left();
    });
}
