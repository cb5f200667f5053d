//! Settings: lines of a variable's number and its value, as one environment of `run`. Whatever they hold is a
//! configuration or a mistake that is told, and Hytale's services are never reached without TLS from afar.

#![no_main]

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::LazyLock;
use std::time::Duration;

use clap::Parser;
use entrypoint::cli::{Cli, Command, RunArgs};
use entrypoint::config;
use entrypoint::config::read::Environment;
use entrypoint::config::values::is_loopback;
use libfuzzer_sys::fuzz_target;

const VARIABLES: [&str; 33] = [
    "HYTALE_ENTRYPOINT_SOURCE",
    "HYTALE_ENTRYPOINT_STOP_TIMEOUT",
    "HYTALE_ENTRYPOINT_SESSIONS_URL",
    "HYTALE_SESSION_TOKEN_BROKER_URL",
    "HYTALE_ENTRYPOINT_SUCCESS_EXIT",
    "HYTALE_SESSION_TOKEN_BROKER_PROFILE_UUIDS",
    "HYTALE_ENTRYPOINT_USER",
    "HYTALE_ENTRYPOINT_AUTH_FILE",
    "HYTALE_ENTRYPOINT_STATUS_FILE",
    "HYTALE_ENTRYPOINT_STATE_DIR",
    "HYTALE_ENTRYPOINT_SIGNAL_SCOPE",
    "HYTALE_ENTRYPOINT_TOKEN_TIMEOUT",
    "HYTALE_ENTRYPOINT_MIN_TOKEN_LIFE",
    "HYTALE_SERVER_SESSION_TOKEN_FILE",
    "HYTALE_SERVER_SESSION_TOKEN",
    "HYTALE_SERVER_IDENTITY_TOKEN",
    "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN",
    "HYTALE_SESSION_TOKEN_BROKER_ACCOUNT",
    "HYTALE_SESSION_TOKEN_BROKER_TIMEOUT_SECONDS",
    "HYTALE_SESSION_TOKEN_BROKER_ENABLED",
    "HYTALE_SESSION_TOKEN_BROKER_FAIL_ON_ERROR",
    "HYTALE_ENTRYPOINT_ON_NO_TOKEN",
    "HYTALE_ENTRYPOINT_WATCH_OUTPUT",
    "HYTALE_ENTRYPOINT_READY_LINE",
    "HYTALE_ENTRYPOINT_RELEASE",
    "HYTALE_ENTRYPOINT_UNTIL_READY",
    "HYTALE_ENTRYPOINT_READY_TIMEOUT",
    "HYTALE_ENTRYPOINT_SESSION_REFRESH",
    "HYTALE_AUTH_KEY",
    "HYTALE_ENTRYPOINT_OAUTH_URL",
    "HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL",
    "HYTALE_ENTRYPOINT_PASS_TOKENS",
    "HYTALE_ENTRYPOINT_LOG_LEVEL",
];

/// Nothing typed. Made once: it takes longer than everything else here.
static ARGS: LazyLock<RunArgs> = LazyLock::new(|| {
    let cli = Cli::try_parse_from(["hytale-entrypoint", "run"]).expect("it may be alone");
    match cli.command {
        Command::Run(args) => *args,
        _ => unreachable!("it is run"),
    }
});

struct Variables(HashMap<&'static str, OsString>);

impl Environment for Variables {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.0.get(name).cloned()
    }
}

fuzz_target!(|bytes: &[u8]| {
    // Punycode leads to debug assertions of idna that do not hold without Unicode's tables. A release has none of them.
    if bytes
        .windows(4)
        .any(|part| part.eq_ignore_ascii_case(b"xn--"))
    {
        return;
    }
    let lines = bytes.split(|&b| b == b'\n').filter_map(|line| {
        let (number, value) = line.split_first()?;
        let name = VARIABLES[usize::from(*number) % VARIABLES.len()];
        Some((name, OsString::from_vec(value.to_vec())))
    });
    let environment = Variables(lines.collect());
    let _ = config::log(&ARGS.shared, &environment);
    match config::run(&ARGS, &environment) {
        Ok(config) => {
            let url = &config.session.sessions_url;
            assert!(url.scheme() == "https" || is_loopback(url), "{url}");
            assert!(url.username().is_empty() && url.password().is_none());
            assert!(config.tokens.timeout <= Duration::from_secs(366 * 24 * 3600));
            // It may be logged, and some of it is secret.
            let shown = format!("{config:?}");
            for name in ["HYTALE_SERVER_SESSION_TOKEN", "HYTALE_AUTH_KEY"] {
                let secret = environment.0.get(name).and_then(|value| value.to_str());
                let long = secret.filter(|secret| secret.len() > 12);
                let elsewhere = environment.0.iter().filter(|(other, _)| **other != name);
                let hidden = |secret: &str| {
                    let given_twice = elsewhere
                        .clone()
                        .any(|(_, v)| v.to_string_lossy().contains(secret));
                    given_twice || !shown.contains(secret)
                };
                assert!(long.is_none_or(hidden), "{name}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
