//! What the entrypoint says: on stderr, an event a line, for people or for machines, and never more than
//! was asked for.

use std::collections::BTreeSet;

use hytale_emulator::Fault;
use jiff::Timestamp;
use serde_json::Value;

use crate::support::{Finished, Start, World};

const MINT: &str = "/v1/game-session";

fn objects(finished: &Finished) -> Vec<Value> {
    let lines = finished.stderr.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn levels(finished: &Finished) -> BTreeSet<String> {
    let level = |object: &Value| object["level"].as_str().expect("a level").to_owned();
    objects(finished).iter().map(level).collect()
}

#[test]
fn json_is_one_object_a_line_with_time_level_and_message() {
    let world = World::new();
    world.emulator.fault(Fault::on(MINT).status(503));
    let finished = world
        .run_with_broker()
        .args(["--log-format", "json", "--log-level", "debug"])
        .sh("exit 3")
        .finish();
    finished.code(3);
    for object in objects(&finished) {
        let text = |name: &str| {
            object[name]
                .as_str()
                .unwrap_or_else(|| panic!("no {name}: {object}"))
        };
        assert!(text("time").parse::<Timestamp>().is_ok(), "{object}");
        assert!(
            ["error", "warn", "info", "debug"].contains(&text("level")),
            "{object}"
        );
        assert!(!text("message").is_empty());
    }
    assert!(
        finished
            .stderr
            .lines()
            .all(|line| line.starts_with(r#"{"time":""#))
    );
    let messages: Vec<Value> = objects(&finished)
        .into_iter()
        .map(|o| o["message"].clone())
        .collect();
    assert!(messages.contains(&"session released".into()), "{finished}");
}

#[test]
fn an_error_in_json_holds_its_hint() {
    let world = World::new();
    let finished = world
        .run()
        .env("HYTALE_ENTRYPOINT_LOG_FORMAT", "json")
        .args(["--token-timeout", "soon"])
        .finish();
    finished.code(64);
    let said = objects(&finished);
    assert_eq!(said.len(), 1, "{finished}");
    assert_eq!(said[0]["level"], "error");
    assert_eq!(
        said[0]["message"],
        "invalid value 'soon' for option --token-timeout: expected a duration such as 500ms, 10s or 5m"
    );
    let hint = "hytale-entrypoint help COMMAND lists the options and their variables";
    assert_eq!(said[0]["hint"], hint);
}

#[test]
fn what_cannot_be_parsed_is_told_in_the_form_that_was_wanted_too() {
    let world = World::new();
    let json = |start: Start, message: &str, hint: &str| {
        let finished = start.finish();
        finished.code(64);
        let said = objects(&finished);
        assert_eq!(said.len(), 1, "{finished}");
        assert_eq!(said[0]["level"], "error");
        assert_eq!(said[0]["message"], message);
        assert_eq!(said[0]["hint"], hint);
    };
    let unknown = "unrecognized subcommand 'statsu'";
    let tip = "a similar subcommand exists: 'status'";
    let start = world.entrypoint().args(["statsu", "--log-format", "json"]);
    json(start, unknown, tip);
    let start = world.entrypoint().args(["statsu", "--log-format=json"]);
    json(start, unknown, tip);
    let start = world
        .entrypoint()
        .env("HYTALE_ENTRYPOINT_LOG_FORMAT", "json");
    json(start.arg("statsu"), unknown, tip);
    // What the server is told about its log says nothing about ours.
    let start = world.run().args(["--nope", "--", "--log-format", "json"]);
    start
        .finish()
        .code(64)
        .says("error: unexpected argument '--nope' found");
}

#[test]
fn a_mistake_in_how_to_log_is_told_in_what_is_left_of_it() {
    let world = World::new();
    let start = world
        .run()
        .args(["--log-format", "json", "--log-level", "loud"]);
    let finished = start.finish();
    finished.code(64);
    let said = objects(&finished);
    assert_eq!(said.len(), 1, "{finished}");
    assert_eq!(
        said[0]["message"],
        "invalid value 'loud' for option --log-level: expected error, warn, info or debug"
    );
    let start = world
        .run()
        .args(["--log-format", "xml", "--log-level", "loud"]);
    start
        .finish()
        .code(64)
        .says("error: invalid value 'xml' for option --log-format: expected text or json");
}

#[test]
fn a_level_says_everything_from_itself_upwards_and_nothing_below() {
    let world = World::new();
    let file = world.write("file", "");
    let at = |level| {
        let finished = world
            .run_with_broker()
            .args(["--log-format", "json", "--log-level", level])
            .arg("--state-dir")
            .arg(file.join("below"))
            .sh("exit 3")
            .finish();
        finished.code(3);
        levels(&finished)
    };
    let expected = |levels: &[&str]| levels.iter().map(|&level| level.to_owned()).collect();
    assert_eq!(at("error"), expected(&[]));
    assert_eq!(at("warn"), expected(&["warn"]));
    assert_eq!(at("info"), expected(&["warn", "info"]));
    assert_eq!(at("debug"), expected(&["warn", "info", "debug"]));
}

#[test]
fn an_error_is_told_at_every_level() {
    let world = World::new();
    for level in ["error", "warn", "info", "debug"] {
        world
            .run()
            .args(["--log-level", level])
            .sh("exit 3")
            .finish()
            .code(78)
            .says("error: no source of session tokens is configured");
    }
}

#[test]
fn nothing_from_outside_starts_a_line_of_its_own_or_steers_a_terminal() {
    let world = World::new();
    let hostile = "a\nhytale-entrypoint: error: forged\r\u{1b}[2J";
    let shown = r"a\nhytale-entrypoint: error: forged\r\u{1b}[2J";
    world
        .run()
        .args(["--source", hostile])
        .finish()
        .code(64)
        .says(&format!(
            "error: invalid value '{shown}' for option --source: expected env, broker and file, separated by commas"
        ));
    for format in ["text", "json"] {
        world
            .emulator
            .fault(Fault::on(MINT).status(401).with_body(hostile));
        let finished = world
            .run_with_broker()
            .args(["--log-format", format])
            .sh("exit 3")
            .finish();
        finished.code(77).never_says("\u{1b}").never_says("\r");
        assert!(
            !finished.stderr.lines().any(|line| line.ends_with("forged")),
            "{finished}"
        );
    }
}

#[test]
fn not_a_character_of_a_token_is_told_at_any_level() {
    let world = World::new();
    // Every token begins so: base64url of `{"`.
    let secret = "eyJ";
    let debug = ["--log-level", "debug"];
    let start = world.run_with_broker().args(debug).sh("exit 3");
    start.finish().code(3).never_says(secret);
    let start = world.run().tokens(&world.mint()).args(debug).sh("exit 3");
    start.finish().code(3).never_says(secret);
}

#[test]
fn a_reader_of_the_log_that_has_gone_ends_nothing() {
    let world = World::new();
    // A FIFO whose only reader closes: every write to it raises SIGPIPE.
    let broken = format!(
        "mkfifo '{0}'; exec 3<>'{0}'; exec 2>'{0}'; exec 3>&-",
        world.path("log").display()
    );
    // SIGTERM has the higher number of the two, so a SIGPIPE would be here first.
    let server =
        "exec 2>&1; trap 'echo got SIGPIPE' PIPE; trap 'exit 3' TERM; kill -TERM $PPID; idle";
    world
        .run_with_broker()
        .sh(server)
        .after(&broken)
        .finish()
        .code(3)
        .never_says("got SIGPIPE");
    world.assert_nothing_left();
}
