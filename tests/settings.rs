//! Flags and their variables: a mistake costs nothing but its own exit code, and is told in the words in
//! which it was made.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Start, World};

const HINT: &str = "hint: hytale-entrypoint help COMMAND lists the options and their variables";

const DURATION: &str = "a duration such as 500ms, 10s or 5m";
const SOURCES: &str = "env, broker and file, separated by commas";
const PROFILES: &str = "profile UUIDs, separated by commas";
const CODES: &str = "exit codes from 0 to 255, separated by commas";
const BROKER_URL: &str = "an http or https URL without user, query or fragment";
const HYTALE_URL: &str =
    "an https URL (http for a loopback host only) without user, query or fragment";

/// A flag, its variable, a value that is right, one that is not, and what the refusal says would be.
#[rustfmt::skip]
pub const SETTINGS: [[&str; 5]; 14] = [
    ["--source", "HYTALE_ENTRYPOINT_SOURCE", "broker", "disk", SOURCES],
    ["--broker-url", "HYTALE_SESSION_TOKEN_BROKER_URL", "http://127.0.0.1:9", "ftp://127.0.0.1", BROKER_URL],
    ["--broker-timeout", "HYTALE_SESSION_TOKEN_BROKER_TIMEOUT_SECONDS", "1", "soon", DURATION],
    ["--profile", "HYTALE_SESSION_TOKEN_BROKER_PROFILE_UUIDS", "6f1b4ef9-3a0d-4a36-9f1c-2f9d9c7a8b10", "me", PROFILES],
    ["--token-timeout", "HYTALE_ENTRYPOINT_TOKEN_TIMEOUT", "500ms", "1.5s", DURATION],
    ["--min-token-life", "HYTALE_ENTRYPOINT_MIN_TOKEN_LIFE", "0", "1d", DURATION],
    ["--on-no-token", "HYTALE_ENTRYPOINT_ON_NO_TOKEN", "fail", "stop", "fail or start"],
    ["--pass-tokens", "HYTALE_ENTRYPOINT_PASS_TOKENS", "env", "stdin", "auto, argfile, args or env"],
    ["--signal-scope", "HYTALE_ENTRYPOINT_SIGNAL_SCOPE", "child", "all", "group or child"],
    ["--stop-timeout", "HYTALE_ENTRYPOINT_STOP_TIMEOUT", "1m", "1 m", DURATION],
    ["--success-exit", "HYTALE_ENTRYPOINT_SUCCESS_EXIT", "143,130", "143;130", CODES],
    ["--release", "HYTALE_ENTRYPOINT_RELEASE", "never", "maybe", "always or never"],
    ["--sessions-url", "HYTALE_ENTRYPOINT_SESSIONS_URL", "https://sessions.example.com", "http://sessions.example.com", HYTALE_URL],
    ["--log-level", "HYTALE_ENTRYPOINT_LOG_LEVEL", "warn", "loud", "error, warn, info or debug"],
];

fn refused(start: Start, name: &str, value: &str, expected: &str) {
    let finished = start.sh_without_tokens("echo started").finish();
    finished.code(64).never_says("started");
    let lines: Vec<_> = finished.stderr.lines().collect();
    let error = format!("error: invalid value '{value}' for {name}: expected {expected}");
    let said = [error.as_str(), HINT].map(|line| format!("hytale-entrypoint: {line}"));
    assert_eq!(lines, said);
}

#[test]
fn a_bad_value_ends_with_64_the_name_it_came_under_and_what_would_be_right() {
    let world = World::new();
    for [flag, variable, _, bad, expected] in SETTINGS {
        let with_flag = world.run_with_broker().args([flag, bad]);
        refused(with_flag, &format!("option {flag}"), bad, expected);
        let with_variable = world.run_with_broker().env(variable, bad);
        refused(
            with_variable,
            &format!("variable {variable}"),
            bad,
            expected,
        );
    }
    let (flag, variable) = ("--log-format", "HYTALE_ENTRYPOINT_LOG_FORMAT");
    let with_flag = world.run().args([flag, "xml"]);
    refused(with_flag, &format!("option {flag}"), "xml", "text or json");
    let with_variable = world.run().env(variable, "xml");
    refused(
        with_variable,
        &format!("variable {variable}"),
        "xml",
        "text or json",
    );
    for variable in [
        "HYTALE_SESSION_TOKEN_BROKER_ENABLED",
        "HYTALE_SESSION_TOKEN_BROKER_FAIL_ON_ERROR",
    ] {
        let start = world.run_with_broker().env(variable, "perhaps");
        refused(
            start,
            &format!("variable {variable}"),
            "perhaps",
            "true or false",
        );
    }
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn a_bad_value_is_refused_although_nothing_would_use_it() {
    let world = World::new();
    for [flag, variable, _, bad, expected] in SETTINGS {
        // No broker is configured, so its settings are idle.
        let start = world.run().env(variable, bad);
        refused(start, &format!("variable {variable}"), bad, expected);
        let start = world.run().args([flag, bad]);
        refused(start, &format!("option {flag}"), bad, expected);
    }
}

#[test]
fn what_is_almost_right_is_refused_too() {
    let world = World::new();
    for (flag, value, expected) in [
        ("--source", "env,,broker", SOURCES),
        ("--source", "", SOURCES),
        ("--success-exit", "256", CODES),
        ("--success-exit", "3,", CODES),
        ("--stop-timeout", "5M", DURATION),
        ("--broker-url", "broker", BROKER_URL),
        ("--broker-url", "http://broker:8080/?x=1", BROKER_URL),
        ("--sessions-url", "https://", HYTALE_URL),
        ("--sessions-url", "http://localhost.example.com", HYTALE_URL),
        ("--sessions-url", "http://127.0.0.1.example.com", HYTALE_URL),
        ("--sessions-url", "http://10.0.0.1", HYTALE_URL),
    ] {
        refused(
            world.run().args([flag, value]),
            &format!("option {flag}"),
            value,
            expected,
        );
    }
}

#[test]
fn a_flag_wins_over_its_variable_even_when_that_one_is_bad() {
    let world = World::new();
    for [flag, variable, good, bad, _] in SETTINGS {
        let start = world
            .run_with_broker()
            .env(variable, bad)
            .args([flag, good]);
        start.sh_without_tokens("exit 3").finish().code(3);
    }
    let start = |flags: &[&str]| {
        let start = world
            .run()
            .env("HYTALE_ENTRYPOINT_SUCCESS_EXIT", "4")
            .args(flags);
        start.sh_without_tokens("exit 3").finish()
    };
    start(&[]).code(3);
    start(&["--success-exit", "3"]).code(0);
    start(&["--success-exit=5", "--success-exit=3"]).code(0);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let world = World::new();
    let emptied = || {
        let variables = SETTINGS.iter().map(|[_, variable, ..]| *variable).chain([
            "CREDENTIALS_DIRECTORY",
            "HYTALE_ENTRYPOINT_JAR",
            "HYTALE_ENTRYPOINT_JAVA",
            "HYTALE_ENTRYPOINT_LOG_FORMAT",
            "HYTALE_SERVER_IDENTITY_TOKEN",
            "HYTALE_SERVER_IDENTITY_TOKEN_FILE",
            "HYTALE_SERVER_SESSION_TOKEN",
            "HYTALE_SERVER_SESSION_TOKEN_FILE",
            "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN",
            "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN_SRC",
            "HYTALE_SESSION_TOKEN_BROKER_ENABLED",
            "HYTALE_SESSION_TOKEN_BROKER_FAIL_ON_ERROR",
        ]);
        variables.fold(world.run(), |start, variable| start.env(variable, ""))
    };
    emptied().sh("exit 3").finish().code(78);
    let broker = ["--broker-url", world.emulator.broker_url()];
    let sessions = ["--sessions-url", world.emulator.url()];
    let start = emptied().args(broker).args(sessions).sh("exit 3");
    start.finish().code(3);
    world.assert_nothing_left();
}

#[test]
fn an_empty_flag_is_refused_by_name() {
    let world = World::new();
    let path = "a path";
    #[rustfmt::skip]
    let flags = [
        ("--session-token-file", path), ("--identity-token-file", path), ("--broker-token-file", path),
        ("--broker-account", "a name"), ("--auth-file", path), ("--auth-key-file", path), ("--java", path),
        ("--jar", path), ("--state-dir", path), ("--status-file", path),
        ("--user", "USER or USER:GROUP, each a name or a number"),
        ("--ready-line", "a text from one line of the server's output, without colours"),
    ];
    for (flag, expected) in flags {
        let start = world.run_with_broker().args([flag, ""]);
        refused(start, &format!("option {flag}"), "", expected);
    }
    for [flag, _, _, _, expected] in SETTINGS {
        let start = world.run_with_broker().args([flag, ""]);
        refused(start, &format!("option {flag}"), "", expected);
    }
    let start = world
        .run()
        .args(["--auth-file", "auth.enc", "--auth-file="]);
    refused(start, "option --auth-file", "", path);
    let list = "a.enc,,b.enc";
    let start = world.run().env("HYTALE_ENTRYPOINT_AUTH_FILE", list);
    let variable = "variable HYTALE_ENTRYPOINT_AUTH_FILE";
    refused(start, variable, list, "paths, separated by commas");
    let status = world.entrypoint().args(["status", "--state-dir", ""]);
    status
        .finish()
        .code(64)
        .says("error: invalid value '' for option --state-dir: expected a path");
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn text_that_is_no_text_is_refused_by_name() {
    let world = World::new();
    let bytes = OsStr::from_bytes(b"a\xffb");
    for [flag, variable, ..] in SETTINGS {
        let start = world.run_with_broker().env(variable, bytes);
        let finished = start.sh_without_tokens("exit 3").finish();
        finished
            .code(64)
            .says(&format!("error: variable {variable} is not UTF-8 text"));
        let start = world.run().arg(flag).arg(bytes);
        start.sh_without_tokens("exit 3").finish().code(64);
    }
}

#[test]
fn a_password_in_a_url_is_never_shown() {
    let world = World::new();
    for url in [
        "https://user:hunter2@sessions.example.com",
        "https://user:hunter2@sessions.example.com:x",
        "https://user:hun@ter2@sessions.example.com/a?b#c",
        "https:user:hunter2@sessions.example.com",
        "//user:hunter2@sessions.example.com",
        "user:hunter2@sessions.example.com:8080",
    ] {
        for flag in ["--sessions-url", "--broker-url"] {
            let start = world.run().args([flag, url]);
            let finished = start.sh_without_tokens("exit 3").finish();
            finished.code(64).never_says("hunter2").never_says("ter2@");
        }
    }
}
