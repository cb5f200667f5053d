//! The server's own arguments and variables: what is the server's arrives as it was given, and what is the
//! wrapper's does not arrive.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use serde_json::Value;

use crate::support::{Start, World, stand_in_jar};

fn reporting(world: &World) -> Start {
    world
        .run()
        .env("LANG", "C.UTF-8")
        .env("HYTALE_STAND_IN_REPORT", world.path("report"))
        .env("HYTALE_STAND_IN_EXIT_BEFORE_BOOT", "5")
        .stand_in()
}

/// What `main` gets from these arguments without us: the JVM has its own ways with text.
fn by_java_alone(world: &World, arguments: &[&str]) -> Value {
    let java = hytale_emulator::stand_in::java().expect("there is a JDK");
    let ended = Command::new(java)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env("HYTALE_STAND_IN_REPORT", world.path("report"))
        .env("HYTALE_STAND_IN_EXIT_BEFORE_BOOT", "5")
        .arg("-jar")
        .arg(stand_in_jar())
        .args(arguments)
        .output()
        .expect("java can be started");
    assert_eq!(ended.status.code(), Some(5));
    world.take_json("report")["argv"].take()
}

/// What shells, launchers and quoting usually stumble over.
#[rustfmt::skip]
const ARGUMENTS: &[&str] = &[
    "--assets", "../Assets.zip", "", " ", "two words", "  around  ", "tab\there", "line\nbreak",
    "carriage\rreturn", "form\u{c}feed", "\"", "'", "\"quoted\"", "'single'", "it's", "\\", "\\\\", "\\n",
    "C:\\Worlds\\new", "ends with \\", "#comment", "a # b", "@file", "@", "@@argfiles", "-", "--", "-Dx=y",
    "-jar", "--disable-@files", "$HOME", "`id`", "*", "?", "~", "a;b|c&d", "äöü ß 世界 🚀", "\u{1}\u{1b}",
];

#[test]
fn arguments_reach_main_unchanged_whatever_they_hold() {
    let world = World::new();
    let long = r#"\"' #@"#.repeat(4000);
    let many = (0..500).map(|n| format!("argument {n}"));
    let more: Vec<String> = many.chain([long]).collect();
    let arguments: Vec<&str> = ARGUMENTS
        .iter()
        .copied()
        .chain(more.iter().map(String::as_str))
        .collect();
    let expected = by_java_alone(&world, &arguments);
    for how in ["argfile", "args"] {
        let start = reporting(&world).tokens(&world.mint());
        let start = start.args(["--pass-tokens", how, "--"]).args(&arguments);
        start.finish().code(5);
        let mut argv = world.take_json("report")["argv"].take();
        let tokens = argv.as_array_mut().unwrap().split_off(arguments.len());
        assert_eq!(argv, expected, "{how}");
        assert_eq!(tokens.len(), 4);
        assert_eq!(tokens[0], "--session-token");
        assert_eq!(tokens[2], "--identity-token");
    }
}

#[test]
fn an_argument_file_is_read_right_wherever_its_reader_pauses() {
    const PIECE: usize = 4096;
    let world = World::new();
    let jar = stand_in_jar();
    let quoted = "\\\" \n#'\t\\";
    let in_the_file = "\"\\\\\\\" \\n#'\\t\\\\\"\n".len();
    // The launcher reads in pieces: every character that needs quoting stands on one side of a seam, and
    // then on the other.
    let mut arguments = Vec::new();
    let mut written = "\"-jar\"\n\"\"\n".len() + jar.as_os_str().len();
    for seam in 1..=in_the_file {
        let filling = seam * PIECE - seam - written - "\"\"\n".len();
        arguments.extend(["x".repeat(filling), quoted.to_owned()]);
        written = seam * PIECE - seam + in_the_file;
    }
    let start = reporting(&world).tokens(&world.mint());
    let start = start.args(["--pass-tokens", "argfile", "--"]);
    start
        .args(["java", "-jar"])
        .arg(jar)
        .args(&arguments)
        .finish()
        .code(5);
    let argv = world.take_json("report")["argv"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(
        argv[..arguments.len()],
        arguments.into_iter().map(Value::from).collect::<Vec<_>>()
    );
}

#[test]
fn bytes_that_are_no_text_are_passed_on_as_they_are() {
    let world = World::new();
    let bytes = OsStr::from_bytes(b"\xff\x01 \xc3");
    world
        .run()
        .env("WORLD", bytes)
        .sh(r#"printf %s "$2" >argument; printf %s "$WORLD" >variable"#)
        .args(["sh", "--auth-mode=insecure"])
        .arg(bytes)
        .finish()
        .code(0);
    for file in ["argument", "variable"] {
        assert_eq!(
            fs::read(world.path(file)).unwrap(),
            bytes.as_bytes(),
            "{file}"
        );
    }
}

#[test]
fn what_is_secret_or_the_wrappers_own_does_not_reach_the_servers_environment() {
    let world = World::new();
    let removed = [
        "CREDENTIALS_DIRECTORY",
        "HYTALE_AUTH_KEY",
        "HYTALE_AUTH_KEY_FILE",
        "HYTALE_ENTRYPOINT_AUTH_FILE",
        "HYTALE_ENTRYPOINT_OF_A_LATER_VERSION",
        "HYTALE_SERVER_AUDIENCE_TOKEN",
        "HYTALE_SERVER_IDENTITY_TOKEN",
        "HYTALE_SERVER_SESSION_TOKEN",
        "HYTALE_SERVER_SESSION_TOKENS_OLD",
        "HYTALE_SESSION_TOKEN_BROKER_ACCOUNT",
        "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN",
        "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN_SRC",
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
    ];
    let kept = [
        "HOME",
        "HYTALE_SERVER_NAME",
        "HYTALE_TOKEN",
        "JAVA_OPTS",
        "MY_SESSION_TOKEN",
        "SSL_CERT_FILE",
    ];
    let pair = world.mint();
    for (how, tokens) in [
        ("argfile", &[][..]),
        (
            "env",
            &[
                "HYTALE_SERVER_SESSION_TOKEN",
                "HYTALE_SERVER_IDENTITY_TOKEN",
            ],
        ),
    ] {
        let start = removed
            .iter()
            .chain(&kept)
            .fold(reporting(&world), |start, name| start.env(name, "x"));
        start
            .tokens(&pair)
            .args(["--release", "never", "--pass-tokens", how])
            .finish()
            .code(5);
        let report = world.take_json("report");
        let names = report["environment"].as_array().unwrap().iter();
        let names: BTreeSet<&str> = names.map(|name| name.as_str().unwrap()).collect();
        let stand_in =
            ["EXIT_BEFORE_BOOT", "REPORT", "SESSIONS_URL"].map(|n| format!("HYTALE_STAND_IN_{n}"));
        let expected = kept
            .into_iter()
            .chain(["LANG", "PATH"])
            .chain(tokens.iter().copied());
        assert_eq!(
            names,
            expected
                .chain(stand_in.iter().map(String::as_str))
                .collect(),
            "{how}"
        );
    }
}
