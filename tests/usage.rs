//! What is typed: commands that make no sense are refused before anything is asked for or started, and
//! questions are answered.

use crate::settings::SETTINGS;
use crate::support::World;

/// What is typed, what is said about it, and the hint.
#[rustfmt::skip]
const MISTAKES: &[(&[&str], &str, &str)] = &[
    (&["frobnicate"], "unrecognized subcommand 'frobnicate'", GENERAL),
    (&["statsu"], "unrecognized subcommand 'statsu'", "a similar subcommand exists: 'status'"),
    (&["run", "--colour"], "unexpected argument '--colour' found", "the server's own options go after --; to pass '--colour' as a value, use '-- --colour'"),
    (&["run", "--assets", "../Assets.zip"], "unexpected argument '--assets' found", "the server's own options go after --; to pass '--assets' as a value, use '-- --assets'"),
    (&["run", "--log-formt", "json"], "unexpected argument '--log-formt' found",
        "the server's own options go after --; a similar argument exists: '--log-format'; to pass '--log-formt' as a value, use '-- --log-formt'"),
    (&["run", "--token-timeout"], "a value is required for '--token-timeout <DURATION>' but none was supplied", GENERAL),
    (&["run", "--until-ready=no"], "unexpected value 'no' for '--until-ready' found; no more were expected", GENERAL),
    (&["import"], "the following required arguments were not provided: <FILE>", GENERAL),
    (&["import", ""], "a value is required for '<FILE>' but none was supplied", GENERAL),
    (&["select"], "the following required arguments were not provided: <PROFILE>...", GENERAL),
    (&["logout", "now"], "unexpected argument 'now' found", GENERAL),
];

const GENERAL: &str = "hytale-entrypoint help COMMAND lists the options and their variables";

#[test]
fn what_the_entrypoint_does_not_know_is_refused_by_name_and_with_what_was_meant() {
    let world = World::new();
    for (typed, error, hint) in MISTAKES {
        let finished = world.entrypoint().args(*typed).finish();
        finished.code(64);
        let said = format!("hytale-entrypoint: error: {error}\nhytale-entrypoint: hint: {hint}\n");
        assert_eq!(finished.stderr, said);
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn without_a_command_there_is_help_and_64() {
    let finished = World::new().entrypoint().finish();
    finished.code(64);
    assert!(
        finished
            .stderr
            .contains("Usage: hytale-entrypoint <COMMAND>"),
        "{finished}"
    );
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_command_that_brings_tokens_of_its_own_is_refused() {
    let world = World::new();
    let (session, identity) = ("--session-token", "--identity-token");
    for (command, option) in [
        (&["java", "-jar", "a.jar", session, "s3cret"][..], session),
        (&["./start.sh", "--identity-token=s3cret"], identity),
        (&["--assets", "x", identity, "s3cret"], identity),
        (&["--session-token=s3cret"], session),
        (&[identity, "s3cret", session, "s3cret"], session),
    ] {
        let start = world.run_with_broker().arg("--").args(command);
        start.finish().code(64).never_says("s3cret").says(&format!(
            "error: the command already holds {option}: give the tokens as HYTALE_SERVER_SESSION_TOKEN and \
             HYTALE_SERVER_IDENTITY_TOKEN, or as files, so that they stay out of ps and their session is freed"
        ));
    }
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn an_argument_file_is_for_java_and_a_jar_only() {
    let world = World::new();
    for command in [
        &["./start.sh", "-jar", "a.jar"][..],
        &["java", "-cp", "x", "Main"],
    ] {
        let start = world
            .run_with_broker()
            .args(["--pass-tokens", "argfile", "--"]);
        start.args(command).finish().code(64).says(
            "error: --pass-tokens argfile works for a java -jar command only: use auto, args or env",
        );
    }
}

#[test]
fn with_nothing_configured_the_hint_names_the_three_ways() {
    let world = World::new();
    let finished = world.run().sh("echo started").finish();
    finished
        .code(78)
        .never_says("started")
        .says("error: no source of session tokens is configured");
    let hint = finished.stderr.lines().find(|line| line.contains("hint: "));
    for way in [
        "env: set HYTALE_SERVER_SESSION_TOKEN and HYTALE_SERVER_IDENTITY_TOKEN",
        "broker: set HYTALE_SESSION_TOKEN_BROKER_URL",
        "file: ",
    ] {
        assert!(
            hint.is_some_and(|hint| hint.contains(way)),
            "{way}: {finished}"
        );
    }
}

#[test]
fn help_and_version_are_answers_and_no_errors() {
    let world = World::new();
    let asked = |arguments: &[&str]| {
        let finished = world.entrypoint().args(arguments).finish();
        finished.code(0);
        assert_eq!(finished.stderr, "");
        finished.stdout
    };
    let version = concat!("hytale-entrypoint ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(asked(&["--version"]), version);
    assert!(asked(&["--help"]).contains("Start a server and look after it"));
    let help = asked(&["run", "--help"]);
    for [flag, variable, ..] in SETTINGS {
        assert!(help.contains(&format!("{flag} <")), "{flag}");
        assert!(help.contains(&format!("[env: {variable}")), "{variable}");
    }
    for code in ["64", "66", "69", "70", "75", "77", "78", "126, 127"] {
        assert!(help.contains(&format!("{code}  ")), "{code}");
    }
}
