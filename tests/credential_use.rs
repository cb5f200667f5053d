//! What the entrypoint does with a login: not a request more than it takes, and what is new is on disk before it is used.

use std::fs;

use hytale_emulator::{Behaviour, Fault, Profile, RefreshTokens, fingerprint};
use jiff::Timestamp;
use nix::sys::signal::Signal::SIGKILL;

use crate::support::World;
use crate::support::credentials::{Fields, MINUTE, NEW, PROFILES, REFRESH, RELEASE};

#[test]
fn a_good_access_token_makes_one_request_at_the_start_and_one_delete_at_the_end() {
    let world = World::new();
    let fields = world.login();
    let path = world.store(&fields);
    let before = fs::read(&path).expect("it is there");
    world
        .run_with_store()
        .sh("exit 3")
        .finish()
        .code(3)
        .says("session opened, source file")
        .says("session released")
        .never_says(fields.access())
        .never_says(fields.refresh());
    assert_eq!(world.asked(), [NEW, RELEASE]);
    assert_eq!(world.file(), before);
    world.assert_nothing_left();
}

#[test]
fn an_expired_access_token_makes_two_requests_at_the_start_and_one_delete_at_the_end() {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    let finished = world.run_with_store().sh("exit 3").finish();
    finished.code(3);
    assert_eq!(world.asked(), [REFRESH, NEW, RELEASE]);
    world.assert_nothing_left();
    for fields in [before, world.stored()] {
        finished
            .never_says(fields.access())
            .never_says(fields.refresh());
    }
}

#[test]
fn the_expiry_on_disk_is_the_one_of_the_new_token() {
    let world = World::new();
    world.store(&world.login().expired());
    world.runs();
    let stored = world.stored();
    let expiry = stored.text("ExpiresAt").expect("it is there");
    let expiry: Timestamp = expiry.parse().expect("it is RFC 3339");
    let left = expiry.duration_since(Timestamp::now());
    assert!((3540..=3600).contains(&left.as_secs()), "{left:?}");
}

#[test]
fn an_access_token_is_used_while_more_than_five_minutes_of_it_are_left() {
    for (life, renewals) in [(MINUTE * 11 / 2, 0), (MINUTE * 9 / 2, 1)] {
        let world = World::new();
        world.store(&world.login().expiring_in(life));
        world.runs();
        assert_eq!(world.count(REFRESH), renewals);
    }
}

#[test]
fn an_access_token_whose_expiry_is_unknown_is_renewed_first() {
    let world = World::new();
    world.store(&world.login().without("ExpiresAt"));
    world.runs();
    world.store(&world.stored().with("ExpiresAt", "soon"));
    world.runs();
    world.store(&world.stored().without("AccessToken"));
    world.runs();
    let once = [REFRESH, NEW, RELEASE];
    assert_eq!(world.asked(), [once, once, once].concat());
    assert_eq!(world.emulator.incidents(), 0);
}

#[test]
fn a_file_with_a_refresh_token_alone_becomes_a_whole_one() {
    let world = World::new();
    let login = world.login();
    world.store(&Fields::default().with("RefreshToken", login.refresh()));
    world.runs();
    assert_eq!(world.asked(), [REFRESH, PROFILES, NEW, RELEASE]);
    world.runs();
    assert_eq!(world.asked()[4..], [NEW, RELEASE]);
}

#[test]
fn a_good_access_token_serves_without_a_refresh_token() {
    let world = World::new();
    world.store(&world.login().without("RefreshToken"));
    world.runs();
    assert_eq!(world.asked(), [NEW, RELEASE]);
}

#[test]
fn the_only_profile_of_an_account_is_asked_for_once_and_noted() {
    let world = World::new();
    world.store(&world.login().without("ProfileUuid"));
    world.runs();
    world.runs();
    assert_eq!(world.asked(), [PROFILES, NEW, RELEASE, NEW, RELEASE]);
    let noted = Profile::named("default").uuid;
    assert_eq!(world.stored().text("ProfileUuid"), Some(noted.as_str()));
}

#[test]
fn an_expiry_is_understood_in_every_form_that_has_a_zone() {
    let world = World::new();
    let hence = Timestamp::now() + MINUTE * 30;
    let seconds = format!("{hence:.0}");
    for text in [
        format!("{hence:.9}"),
        format!("{hence:.3}"),
        seconds.replace('Z', "+00:00"),
        seconds,
    ] {
        world.store(&world.login().with("ExpiresAt", &text));
        world.runs();
        assert_eq!(world.count(REFRESH), 0, "{text}");
    }
}

#[test]
fn an_access_token_that_is_refused_is_renewed_once_by_force() {
    let world = World::new();
    world.store(&world.login());
    // 403, `invalid token`
    world.emulator.revoke_access("default");
    world.runs();
    let forced = [NEW, REFRESH, NEW, RELEASE];
    assert_eq!(world.asked(), forced);
    // 401
    world.store(&world.stored().with("AccessToken", "nobody-knows-it"));
    world.runs();
    assert_eq!(world.asked()[4..], forced);
    assert_eq!(world.emulator.incidents(), 0);
}

#[test]
fn a_new_access_token_that_is_refused_as_well_ends_with_77() {
    let world = World::new();
    world.store(&world.login());
    let refused = Fault::on("/game-session/new").status(401).always();
    world.emulator.fault(refused);
    world
        .run_with_store()
        .sh("echo started")
        .finish()
        .code(77)
        .says(
            "error: no session tokens: file: the session service does not take the access token (401): \
             Unauthorized",
        )
        .says("hint: log in again: hytale-entrypoint login")
        .never_says("started");
    assert_eq!(world.asked(), [NEW, REFRESH, NEW]);
    // What the renewal brought is kept all the same.
    world.emulator.clear_faults();
    world.renews();
}

#[test]
fn a_revoked_access_token_costs_no_login_where_the_profile_is_not_known_yet() {
    let world = World::new();
    world.store(&world.login().without("ProfileUuid"));
    world.emulator.revoke_access("default");
    world.runs();
    assert_eq!(world.asked(), [PROFILES, REFRESH, PROFILES, NEW, RELEASE]);
}

#[test]
fn a_refresh_token_stays_when_the_answer_brings_no_other() {
    for refresh_tokens in [RefreshTokens::Omit, RefreshTokens::Repeat] {
        let world = World::new();
        world.emulator.set(Behaviour {
            refresh_tokens,
            ..Behaviour::default()
        });
        let before = world.login().expired();
        world.store(&before);
        world.runs();
        assert_eq!(world.stored().refresh(), before.refresh());
        assert_ne!(world.stored().access(), before.access());
        world.renews();
    }
}

#[test]
fn new_tokens_are_on_disk_before_they_are_used() {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    world
        .emulator
        .fault(Fault::on("/game-session/new").hang().always());
    let run = world.run_with_store().sh("exit 0").spawn();
    world.wait_until_asked(NEW, 1);
    let stored = world.stored();
    assert_ne!(stored.refresh(), before.refresh());
    let requests = world.emulator.requests();
    let bearer = requests.last().and_then(|request| request.bearer.clone());
    assert_eq!(bearer, Some(fingerprint(stored.access())));
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL);
    world.emulator.clear_faults();
    world.renews();
}

#[test]
fn faults_of_the_login_service_are_outlasted() {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    let fault = || Fault::on("/oauth2/token");
    for fault in [
        fault().status(503),
        fault().drop_before(),
        fault().status(429).retry_after("1"),
        fault().garbage(),
    ] {
        world.emulator.fault(fault);
    }
    world.runs();
    assert_eq!(world.count(REFRESH), 5);
    assert_ne!(world.stored().refresh(), before.refresh());
    assert_eq!(world.emulator.incidents(), 0);
}

#[test]
fn a_login_service_that_is_down_ends_with_69_and_costs_no_login() {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    world
        .emulator
        .fault(Fault::on("/oauth2/token").status(503).always());
    world
        .run_with_store()
        .args(["--token-timeout", "1s"])
        .sh("echo started")
        .finish()
        .code(69)
        .never_says("started")
        .says("hint: check the network; a later try may succeed");
    assert_eq!(world.stored(), before);
    world.emulator.clear_faults();
    world.renews();
}

#[test]
fn an_answer_that_is_lost_on_its_way_is_a_lost_login_and_told_so() {
    let world = World::new();
    world.store(&world.login().expired());
    world
        .emulator
        .fault(Fault::on("/oauth2/token").drop_after());
    world
        .run_with_store()
        .sh("echo started")
        .finish()
        .code(77)
        .says("error: no session tokens: file: the login has ended (invalid_grant)")
        .says("hint: log in again: hytale-entrypoint login");
}
