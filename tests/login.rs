//! `login` without a terminal: plain lines for a log, polls at the service's pace, an end with its own words
//! for everything that can come of it, and nothing secret in any of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hytale_emulator::{Account, Fault, Options, Outcome, RequestRecord};
use nix::sys::signal::Signal::{SIGINT, SIGTERM};

use crate::support::credentials::KEY;
use crate::support::{DEADLINE, Finished, Running, World, quick};

const BEGIN: &str = "/oauth2/device/auth";
const TOKEN: &str = "/oauth2/token";
const PROFILES: &str = "/my-account/get-profiles";

const AGAIN: &str = "hint: start again with hytale-entrypoint login";

fn polls(world: &World) -> Vec<RequestRecord> {
    let mut requests = world.emulator.requests();
    requests.retain(|request| request.path == TOKEN);
    requests
}

/// Waits until as many polls were answered.
#[track_caller]
fn after_polls(world: &World, count: usize) {
    let answered =
        |request: &RequestRecord| request.path == TOKEN && request.outcome != Outcome::Pending;
    let done = world.emulator.wait_for(
        |view| view.requests().iter().filter(|&r| answered(r)).count() >= count,
        DEADLINE,
    );
    assert!(done, "fewer than {count} polls: {:?}", polls(world));
}

#[track_caller]
fn approve(world: &World) {
    assert!(world.emulator.approve(&world.user_code()));
}

/// A login whose address was printed and that was polled for, so that it waits for the person.
#[track_caller]
fn waiting(world: &World) -> Running {
    let login = world.account("login").spawn();
    login.line("The code is good for");
    after_polls(world, 1);
    login
}

#[track_caller]
fn assert_nothing_stored(world: &World) {
    let files = |folder: &Path| -> Vec<_> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    };
    let mut left = files(&world.state_dir());
    left.retain(|name| name != "auth.enc.lock");
    assert!(left.is_empty(), "{left:?}");
}

#[track_caller]
fn assert_plain(text: &str) {
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(steers), "{text:?}");
}

#[test]
fn the_address_and_the_code_are_printed_as_plain_lines() {
    let world = World::of(["alpha"]);
    let login = world.account("login").spawn();
    let code = world.user_code();
    login.line(&code);
    assert!(world.emulator.approve(&code));
    let finished = login.wait();
    finished.code(0);
    assert_plain(&finished.stdout);
    assert_eq!(finished.stderr, "");
    let page = format!("{}/device", world.emulator.url());
    let lines = [
        format!("Open this address:  {page}?user_code={code}"),
        format!("or go to:           {page}"),
        format!("and enter the code: {code}"),
        "The code is good for 15:00 minutes.".to_owned(),
        format!(
            "Logged in. The credentials are in {}, encrypted with the key file {}.",
            world.auth_file().display(),
            world.path("key").display()
        ),
        "Profile: alpha".to_owned(),
        "Next: hytale-entrypoint run -- --assets ../Assets.zip".to_owned(),
    ];
    let said: Vec<_> = finished.stdout.lines().collect();
    assert_eq!(said, lines);
}

#[test]
fn it_polls_at_the_interval_that_it_was_given_until_the_person_has_decided() {
    let world = World::with(Options {
        device_interval: Duration::from_secs(2),
        ..Options::default()
    });
    let login = world.account("login").spawn();
    after_polls(&world, 2);
    approve(&world);
    login.wait().code(0);
    let requests = world.emulator.requests();
    let times: Vec<_> = requests
        .iter()
        .filter(|request| [BEGIN, TOKEN].contains(&request.path.as_str()))
        .map(|request| request.at_ms)
        .collect();
    assert!(times.len() >= 4, "{times:?}");
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= 2000, "{times:?}");
    }
    let statuses: Vec<_> = polls(&world).iter().map(|p| p.outcome.status()).collect();
    assert_eq!(statuses.last(), Some(&Some(200)));
    assert!(statuses.iter().rev().skip(1).all(|s| *s == Some(400)));
}

#[test]
fn told_to_slow_down_it_waits_five_seconds_longer_from_then_on() {
    let world = World::of(["alpha"]);
    world.emulator.fault(
        Fault::on(TOKEN)
            .status(400)
            .with_body(r#"{"error":"slow_down"}"#),
    );
    let login = world.account("login").spawn();
    after_polls(&world, 2);
    approve(&world);
    login.wait().code(0);
    let times: Vec<_> = polls(&world).iter().map(|poll| poll.at_ms).collect();
    assert!(times.len() >= 3, "{times:?}");
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= 6000, "{times:?}");
    }
}

#[test]
fn a_denied_login_ends_with_77_and_stores_nothing() {
    let world = World::of(["alpha"]);
    let login = waiting(&world);
    assert!(world.emulator.deny(&world.user_code()));
    login
        .wait()
        .code(77)
        .says("error: the login was denied")
        .says(AGAIN);
    assert_nothing_stored(&world);
}

#[test]
fn a_code_that_expires_ends_the_login_with_75_by_either_clock() {
    let says_so = |finished: Finished| {
        finished
            .code(75)
            .says("error: the code has expired before the login was finished")
            .says(AGAIN);
    };
    let ours = World::with(Options {
        device_ttl: Duration::from_secs(2),
        ..quick()
    });
    says_so(ours.account("login").finish());
    assert_nothing_stored(&ours);

    let theirs = World::of(["alpha"]);
    let login = waiting(&theirs);
    theirs.emulator.advance(Duration::from_hours(1));
    says_so(login.wait());
    assert_nothing_stored(&theirs);
}

#[test]
fn a_signal_ends_the_login_with_128_and_its_number_and_stores_nothing() {
    for (signal, code, words) in [
        (SIGINT, 130, "error: interrupted by SIGINT"),
        (SIGTERM, 143, "error: interrupted by SIGTERM"),
    ] {
        let world = World::of(["alpha"]);
        let login = waiting(&world);
        login.signal(signal);
        login.wait().code(code).says(words);
        assert_nothing_stored(&world);
    }
}

#[test]
fn trouble_while_polling_is_said_once_and_waited_out() {
    let world = World::of(["alpha"]);
    for fault in [
        Fault::on(TOKEN).status(503).retry_after("2"),
        Fault::on(TOKEN).drop_before(),
        Fault::on(TOKEN).garbage(),
        // It recovers, so that what comes next is news.
        Fault::on(TOKEN)
            .status(400)
            .with_body(r#"{"error":"authorization_pending"}"#),
        Fault::on(TOKEN).status(502),
        Fault::on(TOKEN).latency(Duration::from_millis(300)),
    ] {
        world.emulator.fault(fault);
    }
    let login = world.account("login").spawn();
    after_polls(&world, 5);
    approve(&world);
    let finished = login.wait();
    finished.code(0);
    let said: Vec<_> = finished
        .stdout
        .lines()
        .filter(|line| line.ends_with("; still waiting"))
        .collect();
    assert_eq!(
        said,
        [
            "the login service is in trouble (503): Service Unavailable; still waiting",
            "the login service is in trouble (502): Bad Gateway; still waiting",
        ]
    );
    let times: Vec<_> = polls(&world).iter().map(|poll| poll.at_ms).collect();
    assert!(times[1] - times[0] >= 2000, "{times:?}");
}

#[test]
fn a_login_that_cannot_be_begun_says_why() {
    let world = World::of(["alpha"]);
    world.emulator.fault(
        Fault::on(BEGIN)
            .status(401)
            .with_body(r#"{"error":"invalid_client"}"#),
    );
    world
        .account("login")
        .finish()
        .code(77)
        .says("error: the login service refuses (401): invalid_client");
    assert_nothing_stored(&world);

    for fault in [Fault::on(BEGIN).status(503), Fault::on(BEGIN).drop_before()] {
        world.emulator.fault(fault);
    }
    world.log_in();
    assert_eq!(world.emulator.count("POST", BEGIN), 4);
}

#[test]
fn an_answer_without_a_refresh_token_is_no_login() {
    let world = World::of(["alpha"]);
    world
        .emulator
        .fault(Fault::on(TOKEN).body(r#"{"access_token":"for-an-hour","expires_in":3600}"#));
    world
        .account("login")
        .finish()
        .code(69)
        .says("error: the login service's answer is not what it should be")
        .never_says("for-an-hour");
    assert_nothing_stored(&world);
}

#[test]
fn an_answer_that_is_lost_when_the_person_has_agreed_ends_the_login_with_77() {
    let world = World::of(["alpha"]);
    world.emulator.fault(Fault::on(TOKEN).drop_after().always());
    let login = world.account("login").spawn();
    approve(&world);
    // One of these was granted.
    after_polls(&world, polls(&world).len() + 2);
    world.emulator.clear_faults();
    login.wait().code(77);
    assert_nothing_stored(&world);
}

#[test]
fn no_token_code_or_key_is_ever_shown() {
    for format in ["text", "json"] {
        let world = World::of(["alpha", "beta"]);
        for fault in [
            Fault::on(BEGIN).status(503),
            Fault::on(TOKEN).status(503),
            Fault::on(PROFILES).status(503),
        ] {
            world.emulator.fault(fault);
        }
        let login = world
            .account("login")
            .args(["--log-level", "debug", "--log-format", format])
            .spawn();
        after_polls(&world, 2);
        approve(&world);
        let finished = login.wait();
        // All that the services hand out here begins like this.
        finished.code(0).never_says("ory_").never_says(KEY);
        assert!(finished.stderr.contains("503"), "{finished}");
    }
}

#[test]
fn a_code_that_the_service_throws_back_at_us_is_not_shown() {
    let world = World::of(["alpha"]);
    let begun = format!(
        r#"{{"device_code":"code-of-the-device","user_code":"ABCD-1234",
             "verification_uri":"{}/device","expires_in":60,"interval":1}}"#,
        world.emulator.url()
    );
    world.emulator.fault(Fault::on(BEGIN).body(&begun));
    for status in [503, 400] {
        world.emulator.fault(
            Fault::on(TOKEN)
                .status(status)
                .with_body(r#"{"error":"code-of-the-device is unknown"}"#),
        );
    }
    let finished = world
        .account("login")
        .args(["--log-level", "debug"])
        .finish();
    finished
        .code(77)
        .says("error: the login service refuses (400): [redacted] is unknown")
        .never_says("code-of-the-device");
    assert!(
        finished
            .stdout
            .contains("\nthe login service is in trouble (503): [redacted] is unknown"),
        "{finished}"
    );
}

#[test]
fn words_of_the_service_cannot_steer_a_terminal() {
    let world = World::with(Options {
        accounts: vec![Account::named("owner").with_profiles(["al\u{1b}[31mpha", "be\rta"])],
        ..quick()
    });
    world.emulator.fault(
        Fault::on(TOKEN)
            .status(503)
            .with_body("\u{1b}]0;owned\u{7}\r\nLogged in."),
    );
    let finished = world.log_in();
    assert_plain(&finished.stdout);
    assert_plain(&finished.stderr);

    let begun = r#"{"device_code":"d","user_code":"AB\u001b[2J\rCD","verification_uri":"\u001b[1m",
                    "verification_uri_complete":"x\ny","expires_in":60,"interval":1}"#;
    world.emulator.fault(Fault::on(BEGIN).body(begun));
    let finished = world.account("login").finish();
    finished.code(77);
    assert_plain(&finished.stdout);
    assert_plain(&finished.stderr);
}
