//! What nobody outside the services knows, both ways: every combination of the emulator's switches that can matter
//! to a life. None may harm the server, lose a login, or leave a slot that could have been freed.

use std::time::Duration;

use hytale_emulator::{
    Account, Behaviour, CreateStatus, DeadToken, Ended, ExpiredSessions, LimitBody, OldToken,
    Options, Slots,
};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};

use crate::support::conditions::each;
use crate::support::leases::finish;
use crate::support::say;
use crate::support::servers::{UP, UP_AND_STOP};
use crate::support::short_lived::REFRESH;
use crate::support::world::Start;
use crate::support::{DEADLINE, World};

const HOURS: Duration = Duration::from_secs(2 * 3600);

const DEAD_TOKENS: [DeadToken; 4] = [
    DeadToken::Unauthorized,
    DeadToken::Forbidden,
    DeadToken::NotFound,
    DeadToken::Works,
];
const OLD_TOKENS: [OldToken; 2] = [OldToken::Ends, OldToken::StillWorks];
const EXPIRED_SESSIONS: [ExpiredSessions; 2] = [
    ExpiredSessions::FreeTheirSlot,
    ExpiredSessions::HoldTheirSlot,
];
const LIMIT_BODIES: [LimitBody; 3] = [LimitBody::Json, LimitBody::Text, LimitBody::Empty];
const CREATE_STATUSES: [CreateStatus; 2] = [CreateStatus::Created, CreateStatus::Ok];

/// All combinations.
fn behaviours() -> Vec<Behaviour> {
    let mut all = Vec::new();
    for dead_token in DEAD_TOKENS {
        for old_token in OLD_TOKENS {
            for expired_sessions in EXPIRED_SESSIONS {
                for limit_body in LIMIT_BODIES {
                    for create_status in CREATE_STATUSES {
                        all.push(Behaviour {
                            dead_token,
                            old_token,
                            expired_sessions,
                            limit_body,
                            create_status,
                            ..Behaviour::default()
                        });
                    }
                }
            }
        }
    }
    all
}

/// Those that differ in something that `matters`.
fn that_differ_in<T: PartialEq>(matters: fn(&Behaviour) -> T) -> Vec<Behaviour> {
    let mut seen: Vec<T> = Vec::new();
    behaviours()
        .into_iter()
        .filter(|behaviour| {
            let key = matters(behaviour);
            let new = !seen.contains(&key);
            if new {
                seen.push(key);
            }
            new
        })
        .collect()
}

fn one_slot(behaviour: Behaviour) -> World {
    World::with(Options {
        accounts: vec![Account::named("a").with_slots(Slots::Limit(1))],
        device_interval: Duration::from_secs(1),
        behaviour,
        ..Options::default()
    })
}

/// A killed wrapper's session takes the last slot, and the next start has to make room.
fn killed_and_started_again(world: &World, start: &dyn Fn() -> Start) {
    let killed = start().sh(UP).spawn();
    killed.line("up");
    killed.signal(SIGKILL);
    killed.wait().killed_by(SIGKILL);
    assert_eq!(world.emulator.live(), 1);
    start()
        .sh(UP_AND_STOP)
        .finish()
        .code(143)
        .says("session released");
    world.assert_nothing_left();
}

#[test]
fn a_killed_wrappers_slot_is_used_again_whatever_the_service_is_like() {
    let behaviours = that_differ_in(|b| (b.dead_token, b.limit_body));
    let count = behaviours.len();
    each(behaviours, 4, |&behaviour| {
        let world = one_slot(behaviour);
        let start = || world.run_with_broker();
        start()
            .sh(UP_AND_STOP)
            .finish()
            .code(143)
            .says("session released");
        killed_and_started_again(&world, &start);
        // And with nothing to make room for, the end is said to be what it is.
        let living = start().sh(UP).spawn();
        living.line("up");
        start()
            .sh("echo started")
            .finish()
            .code(75)
            .never_says("started");
        living.signal(SIGTERM);
        living.wait().code(143).says("session released");
        world.assert_nothing_left();
    });
    say(&format!(
        "unknowns, killed and started again, with a broker: {count} combinations"
    ));
}

/// With a login of our own the service's answers come as they are, not in a broker's words.
#[test]
fn a_login_opens_sessions_whatever_the_service_is_like() {
    let world = one_slot(Behaviour::default());
    log_in(&world);
    let start = || with_login(&world, world.run()).args(["--source", "file"]);
    let behaviours = that_differ_in(|b| (b.create_status, b.limit_body));
    for behaviour in &behaviours {
        world.emulator.set(*behaviour);
        killed_and_started_again(&world, &start);
        let living = start().sh(UP).spawn();
        living.line("up");
        start()
            .sh("echo started")
            .finish()
            .code(75)
            .never_says("started");
        living.signal(SIGTERM);
        living.wait().code(143);
        world.assert_nothing_left();
    }
    assert_eq!(
        world.emulator.incidents(),
        0,
        "the login is as good as before"
    );
    say(&format!(
        "unknowns, killed and started again, with a login: {} combinations",
        behaviours.len()
    ));
}

fn with_login(world: &World, start: Start) -> Start {
    start
        .env("HYTALE_ENTRYPOINT_OAUTH_URL", world.emulator.url())
        .env("HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL", world.emulator.url())
        .env("HYTALE_AUTH_KEY", "the key of the tests")
}

#[track_caller]
fn log_in(world: &World) {
    std::thread::scope(|scope| {
        let login = scope.spawn(|| finish(with_login(world, world.run()), &["login"]));
        let begun = world
            .emulator
            .wait_for(|view| !view.user_codes().is_empty(), DEADLINE);
        assert!(begun, "nobody logs in");
        assert!(world.emulator.approve(&world.emulator.user_codes()[0]));
        login.join().expect("it ends").code(0);
    });
}

/// Killed, and left alone until its session has expired.
#[test]
fn a_leftover_that_has_expired_is_settled_whatever_the_service_is_like() {
    let behaviours = that_differ_in(|b| (b.dead_token, b.expired_sessions));
    let count = behaviours.len();
    each(behaviours, 4, |&behaviour| {
        let world = one_slot(behaviour);
        let left = world.leave_a_session();
        world.emulator.advance(HOURS);
        let held = behaviour.expired_sessions == ExpiredSessions::HoldTheirSlot;
        let finished = world.run_with_broker().sh(UP_AND_STOP).finish();
        // A service that holds the slot of the dead leaves nothing that anybody could do.
        finished.code(if held { 75 } else { 143 });
        if held {
            finished.says(match behaviour.dead_token {
                DeadToken::Works => "freed a session that a killed process had left, source broker",
                _ => "a session that a killed process had left was already gone, source broker",
            });
        }
        // The sweep may have been overtaken by the server's end, and then is the next start's.
        world.finish(&["release"]).code(0);
        assert_eq!(world.session(left.id).ended, Ended::Expired);
        assert_eq!((world.live_sessions().len(), world.leases().len()), (0, 0));
    });
    say(&format!(
        "unknowns, expired leftovers: {count} combinations"
    ));
}

/// What a life under the trail comes to: the server may have renewed before us, and may free its own session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trail {
    behaviour: Behaviour,
    server_renews: bool,
    server_frees: bool,
}

#[test]
fn under_the_trail_the_server_lives_well_whatever_the_service_is_like() {
    let mut cases = Vec::new();
    for behaviour in that_differ_in(|b| (b.dead_token, b.old_token)) {
        for (server_renews, server_frees) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            cases.push(Trail {
                behaviour,
                server_renews,
                server_frees,
            });
        }
    }
    let count = cases.len();
    let freed = each(cases, 8, |&case| usize::from(lives_well(case)));
    let freed: usize = freed.into_iter().sum();
    say(&format!(
        "unknowns, trail: {count} combinations; {freed} slots freed, {} that only the server could have freed",
        count - freed
    ));
}

/// Whether its slot was freed.
fn lives_well(case: Trail) -> bool {
    let Behaviour {
        dead_token,
        old_token,
        ..
    } = case.behaviour;
    let world = World::short_lived_under_a_jvm(case.behaviour);
    let mut start = world.run_short_lived().args(["--log-level", "debug"]);
    if case.server_renews {
        start = start.env("HYTALE_STAND_IN_REFRESH_AFTER", "0");
    }
    if case.server_frees {
        start = start.env("HYTALE_STAND_IN_FREE_SESSION", "1");
    }
    let run = start.stand_in().spawn();
    run.line("Hytale Server Booted!");
    if case.server_renews {
        run.line("Session refreshed");
    }
    world.until_asked("POST", REFRESH, 1 + usize::from(case.server_renews));
    run.line("session token");
    run.signal(SIGTERM);
    let finished = run.wait();
    finished.code(143).never_says("refresh failed");

    // Who holds a token that still means something to the service, at the end?
    let works = dead_token == DeadToken::Works || old_token == OldToken::StillWorks;
    let ours = !case.server_renews || works;
    let servers = case.server_frees && (case.server_renews || works);
    let freed = ours || servers;
    assert_eq!(world.emulator.live(), usize::from(!freed), "{finished}");
    assert!(world.leases().is_empty(), "{finished}");
    if !freed {
        finished.never_says("session released");
        assert!(
            finished.stderr.contains("it stays taken for up to an hour"),
            "{finished}"
        );
        world.emulator.advance(HOURS);
        assert!(world.live_sessions().is_empty());
    }
    freed
}
