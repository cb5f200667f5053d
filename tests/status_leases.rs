//! `status` about leases: which are in use, which were left over by a process that was killed, which are damaged.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use serde_json::{Value, json};

use crate::support::World;

#[test]
fn a_lease_is_in_use_while_its_run_lives_and_left_over_when_that_was_killed() {
    let world = World::of(["alpha"]);
    world.has_login();
    let run = world.a_server();
    let (id, _) = world.only_lease();
    let line = |state: &str| {
        let finished = world.status();
        finished.code(0);
        let line = finished
            .stdout
            .lines()
            .skip_while(|line| *line != "Leases")
            .nth(1)
            .unwrap_or_else(|| panic!("{finished}"))
            .to_owned();
        let start = format!("  {id}  {state}, source file, ");
        assert!(line.starts_with(&start), "{line}");
        assert!(line.contains("s old, expires in "), "{line}");
    };
    let held = || {
        let mut lease = world.status_as_json().json()["leases"][0].take();
        for time in ["created_at", "expires_at"] {
            let time = lease[time].take();
            let time = time.as_str().expect("it is text");
            time.parse::<jiff::Timestamp>().expect("it is a time");
        }
        let held = lease["held"].take();
        assert_eq!(
            lease,
            json!({
                "id": id,
                "held": null,
                "damaged": false,
                "source": "file",
                "created_at": null,
                "expires_at": null,
            })
        );
        held
    };
    line("in use");
    assert_eq!(held(), true);
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL);
    line("left over");
    assert_eq!(held(), false);
}

#[test]
fn a_lease_that_is_over_is_shown_as_expired() {
    let world = World::of(["alpha"]);
    world.has_login();
    let run = world.a_server();
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL);
    let path = world.leases().remove(0);
    let text_of = fs::read(&path).expect("it is readable");
    let mut record: Value = serde_json::from_slice(&text_of).expect("it is JSON");
    let ago = |hours| (jiff::Timestamp::now() - Duration::from_hours(hours)).to_string();
    record["created_at"] = ago(50).into();
    record["expires_at"] = ago(49).into();
    fs::write(&path, record.to_string()).expect("it is writable");
    let finished = world.status();
    finished.code(0);
    assert!(
        finished
            .stdout
            .contains("  left over, source file, 2d 2h old, expired 2d 1h ago\n"),
        "{finished}"
    );
}

#[test]
fn a_damaged_lease_is_shown_as_such_and_is_no_reason_to_fail() {
    let world = World::of(["alpha"]);
    world.has_login();
    let run = world.a_server();
    let (id, token) = world.only_lease();
    let whole = fs::read_to_string(world.leases().remove(0)).expect("it is readable");
    let leases = world.state_dir().join("leases");
    for (name, content) in [
        ("empty.json", String::new()),
        ("half.json", whole[..whole.len() / 2].to_owned()),
        (
            "newer.json",
            whole.replace("\"version\":1", "\"version\":2"),
        ),
        // Written, and its process killed before it had a name: as good as any.
        (".new-abcdef", whole.clone()),
    ] {
        fs::write(leases.join(name), content).expect("there is room");
    }
    let finished = world.status();
    finished.code(0).never_says(&token);
    let (_, shown) = finished.stdout.split_once("\nLeases\n").expect("a title");
    let mut shown: Vec<_> = shown.lines().collect();
    shown.sort_unstable();
    let mut start = vec![
        "  .new-abcdef  left over, ".to_owned(),
        "  empty  damaged".to_owned(),
        "  half  damaged".to_owned(),
        "  newer  damaged".to_owned(),
        format!("  {id}  in use, "),
    ];
    start.sort_unstable();
    assert_eq!(shown.len(), start.len(), "{finished}");
    for (line, start) in shown.iter().zip(&start) {
        assert!(line.starts_with(start), "{finished}");
    }
    let finished = world.status_as_json();
    finished.code(0).never_says(&token);
    let status = finished.json();
    let found = status["leases"].as_array().expect("it is a list");
    let half = found.iter().find(|lease| lease["id"] == "half");
    assert_eq!(
        half,
        Some(&json!({
            "id": "half",
            "held": false,
            "damaged": true,
            "source": null,
            "created_at": null,
            "expires_at": null,
        }))
    );
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn leases_are_shown_from_the_oldest_to_the_newest_and_damaged_ones_last() {
    let world = World::of(["alpha"]);
    world.has_login();
    let run = world.a_server();
    let whole = fs::read_to_string(world.leases().remove(0)).expect("it is readable");
    let mut record: Value = serde_json::from_str(&whole).expect("it is JSON");
    run.signal(SIGTERM);
    run.wait().code(143);
    let leases = world.state_dir().join("leases");
    let minutes_old = [3, 9, 1, 7, 5, 2, 8];
    for minutes in minutes_old {
        let created_at = jiff::Timestamp::now() - Duration::from_mins(minutes);
        record["created_at"] = created_at.to_string().into();
        fs::write(
            leases.join(format!("of-{minutes}.json")),
            record.to_string(),
        )
        .expect("there is room");
    }
    fs::write(leases.join("of-0.json"), "").expect("there is room");
    let order = [
        "of-9", "of-8", "of-7", "of-5", "of-3", "of-2", "of-1", "of-0",
    ];
    let finished = world.status();
    finished.code(0);
    let (_, shown) = finished.stdout.split_once("\nLeases\n").expect("a title");
    let shown: Vec<_> = shown
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(shown, order, "{finished}");
    let status = world.status_as_json().json();
    let found = status["leases"].as_array().expect("it is a list");
    let found: Vec<_> = found.iter().map(|lease| &lease["id"]).collect();
    assert_eq!(found, order);
}

#[test]
fn leases_that_cannot_be_listed_hide_no_credentials() {
    let world = World::of(["alpha"]);
    world.has_login();
    world.write("state/leases", "");
    let finished = world.status();
    finished
        .code(66)
        .says("error: cannot read the leases: Not a directory (os error 20)");
    assert_eq!(finished.row("logged in"), "yes");
}
