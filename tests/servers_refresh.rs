//! The server renews its session by itself and tells nobody the new token. Ours then is worth as much as the
//! service says, which nobody outside knows: the server must never suffer from it, and the log must not promise
//! a slot that nobody has freed.

use std::time::Duration;

use hytale_emulator::{Behaviour, Fault, OldToken, Options};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::conditions::each;
use crate::support::short_lived::REFRESH;
use crate::support::{Running, World};

const HOUR: Duration = Duration::from_secs(3600);

const STAYS_TAKEN: &str = "warning: the session service takes our token no more, and the server's is not ours to know: \
     unless the server freed the slot, it stays taken for up to an hour";

const NOT_RENEWED: &str = "the session token is not renewed: the session service refuses (401): unauthorized; the \
     server goes on with its own";

fn world(old_token: OldToken) -> World {
    World::short_lived_under_a_jvm(Behaviour {
        old_token,
        ..Behaviour::default()
    })
}

/// A server that has renewed its session, which is before it is our turn.
#[track_caller]
fn with_refreshing_server(world: &World) -> Running {
    let run = world
        .run_short_lived()
        .env("HYTALE_STAND_IN_REFRESH_AFTER", "100")
        .stand_in()
        .spawn();
    run.line("Session refreshed");
    assert_eq!(world.session(1).refreshes, 1);
    run
}

#[test]
fn where_a_refresh_ends_the_old_token_the_server_keeps_its_own_and_the_log_is_honest() {
    let world = world(OldToken::Ends);
    let run = with_refreshing_server(&world);
    let servers = world.session(1).newest_token;
    run.line(NOT_RENEWED);
    assert_eq!(
        world.session(1).newest_token,
        servers,
        "the server's token is good"
    );
    run.signal(SIGTERM);
    let finished = run.wait();
    finished
        .code(143)
        .says(NOT_RENEWED)
        .says(STAYS_TAKEN)
        .never_says("session released")
        .never_says("refresh failed");
    assert_eq!(finished.stderr.matches(NOT_RENEWED).count(), 1);
    // There is nothing that a next start could do.
    assert_eq!((world.emulator.live(), world.leases().len()), (1, 0));
    world.emulator.advance(HOUR);
    assert_eq!(world.emulator.live(), 0);
}

#[test]
fn where_the_old_token_still_works_both_renew_and_the_slot_is_freed() {
    let world = world(OldToken::StillWorks);
    let run = with_refreshing_server(&world);
    world.until_renewed(2);
    run.signal(SIGTERM);
    run.wait()
        .code(143)
        .says("session released")
        .never_says("warning")
        .never_says("refresh failed");
    world.assert_nothing_left();
}

#[test]
fn a_server_that_frees_its_own_session_leaves_nothing_to_warn_of() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .env("HYTALE_STAND_IN_FREE_SESSION", "1")
        .stand_in()
        .spawn();
    run.line("Hytale Server Booted!");
    run.signal(SIGTERM);
    run.wait()
        .code(143)
        .says("session released: it was already gone")
        .never_says("warning");
    world.assert_nothing_left();
}

/// The server renews five minutes before the expiry and we two: whoever is stopped between the two has a token of
/// which it never learnt that it is worth nothing any more.
#[test]
fn a_stop_between_the_servers_renewal_and_ours_promises_no_free_slot() {
    let world = World::with(Options {
        session_ttl: Duration::from_secs(302),
        ..Options::default()
    });
    let run = world
        .run_short_lived()
        .env("HYTALE_STAND_IN_REFRESH_AFTER", "3000")
        .stand_in()
        .spawn();
    run.line("Session refreshed");
    run.signal(SIGTERM);
    let finished = run.wait();
    assert_eq!(world.emulator.live(), 1, "only the server could free it");
    finished.code(143).never_says("session released");
    // In whatever words: that a slot may be taken, and until when.
    assert!(finished.stderr.contains("warning:"), "{finished}");
    assert!(finished.stderr.contains("up to an hour"), "{finished}");
}

/// The answer on the wire: the service has renewed our token and we never saw the new one.
#[test]
fn a_renewal_whose_answer_is_lost_is_told_of_where_it_costs_the_slot() {
    each(
        [(OldToken::Ends, 1), (OldToken::StillWorks, 0)],
        2,
        |&(old_token, live)| {
            let world = world(old_token);
            world.emulator.fault(Fault::on(REFRESH).drop_after());
            let run = world.run_short_lived().stand_in().spawn();
            match old_token {
                OldToken::Ends => drop(run.line(NOT_RENEWED)),
                OldToken::StillWorks => drop(world.until_renewed(2)),
            }
            run.signal(SIGTERM);
            let finished = run.wait();
            finished.code(143);
            match old_token {
                OldToken::Ends => finished.says(STAYS_TAKEN).never_says("session released"),
                OldToken::StillWorks => finished.says("session released"),
            };
            assert_eq!((world.emulator.live(), world.leases().len()), (live, 0));
        },
    );
}
