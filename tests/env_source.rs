//! The environment as a source: tokens that somebody else obtained, in variables, files or systemd
//! credentials. They cost no request at the start, and one at the end.

use std::fs;
use std::path::PathBuf;

use hytale_emulator::TokenPair;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::{Finished, Start, World};

/// A server that shows the tokens that were put behind its own arguments.
const SHOW: &str = r#"printf '%s %s' "$1" "$3""#;

const SESSION_FILE: &str = "HYTALE_SERVER_SESSION_TOKEN_FILE";
const IDENTITY_FILE: &str = "HYTALE_SERVER_IDENTITY_TOKEN_FILE";

/// Both tokens as files, with white space around them as editors and heredocs leave it.
fn files(world: &World, pair: &TokenPair, names: [&str; 2]) -> [PathBuf; 2] {
    let session = format!("\n\t {}\r\n\n", pair.session_token.expose_secret());
    let identity = format!("{}  \n", pair.identity_token.expose_secret());
    [
        world.write(names[0], session),
        world.write(names[1], identity),
    ]
}

#[track_caller]
fn got(start: Start, pair: &TokenPair) {
    let finished = start.sh(SHOW).finish();
    finished.code(0);
    let (session, identity) = (&pair.session_token, &pair.identity_token);
    let tokens = format!("{} {}", session.expose_secret(), identity.expose_secret());
    assert_eq!(finished.stdout, tokens, "{finished}");
}

/// A start of the same container, with the same variables.
fn start_with(world: &World, pair: &TokenPair) -> Finished {
    world.run().tokens(pair).sh("echo started").finish()
}

#[test]
fn tokens_come_from_variables_with_white_space_around_them_dropped() {
    let world = World::new();
    let pair = world.mint();
    let padded = |token: &str| format!(" \t{token}\r\n");
    let start = world
        .run()
        .env(
            "HYTALE_SERVER_SESSION_TOKEN",
            padded(pair.session_token.expose_secret()),
        )
        .env(
            "HYTALE_SERVER_IDENTITY_TOKEN",
            padded(pair.identity_token.expose_secret()),
        );
    got(start, &pair);
    world.assert_nothing_left();
}

#[test]
fn a_file_wins_over_a_credential_and_a_credential_over_a_variable() {
    let world = World::new();
    let [in_variables, in_credentials, in_files, in_flags] = [(); 4].map(|()| world.mint());
    files(
        &world,
        &in_credentials,
        ["hytale.session-token", "hytale.identity-token"],
    );
    let named = files(&world, &in_files, ["session", "identity"]);
    let flagged = files(&world, &in_flags, ["session-2", "identity-2"]);

    let from_variables = || world.run().tokens(&in_variables);
    let from_credentials = || from_variables().env("CREDENTIALS_DIRECTORY", world.path(""));
    let from_files = || {
        from_credentials()
            .env(SESSION_FILE, &named[0])
            .env(IDENTITY_FILE, &named[1])
    };
    let from_flags = from_files()
        .arg("--session-token-file")
        .arg(&flagged[0])
        .arg("--identity-token-file")
        .arg(&flagged[1]);

    got(from_flags, &in_flags);
    got(from_files(), &in_files);
    got(from_credentials(), &in_credentials);
    // Nobody touched what was not used.
    assert_eq!((world.emulator.live(), world.releases()), (1, 3));
    let empty = world.path("empty");
    fs::create_dir(&empty).unwrap();
    got(
        from_variables().env("CREDENTIALS_DIRECTORY", empty),
        &in_variables,
    );
    world.assert_nothing_left();
}

#[test]
fn one_token_without_the_other_ends_with_78_and_names_the_missing_one() {
    let world = World::new();
    let pair = world.mint();
    let [session, identity] = files(&world, &pair, ["session", "identity"]);
    for (name, file, missing) in [
        (
            SESSION_FILE,
            session,
            "the session token is given, the identity token is not",
        ),
        (
            IDENTITY_FILE,
            identity,
            "the identity token is given, the session token is not",
        ),
    ] {
        world
            .run()
            .env(name, file)
            .sh("echo started")
            .finish()
            .code(78)
            .never_says("started")
            .says(&format!("error: no session tokens: env: {missing}"))
            .says("hint: the server needs both tokens of one session: give both or neither");
    }
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn a_file_that_cannot_be_a_token_ends_with_66_its_path_and_the_reason() {
    let world = World::new();
    let [session, _] = files(&world, &world.mint(), ["session", "identity"]);
    let fifo = world.path("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    for (path, reason) in [
        (
            world.path("missing"),
            "No such file or directory (os error 2)",
        ),
        (fifo, "it is not a regular file"),
        (world.path(""), "it is not a regular file"),
        ("/dev/zero".into(), "it is not a regular file"),
        (
            world.write("long", "x".repeat(64 * 1024 + 1)),
            "it is longer than 64 KiB",
        ),
        (world.write("empty", " \n"), "it is empty"),
        (world.write("binary", b"\xff\xfe"), "it is not UTF-8 text"),
    ] {
        let start = world
            .run()
            .env(SESSION_FILE, &session)
            .env(IDENTITY_FILE, &path);
        start
            .sh("echo started")
            .finish()
            .code(66)
            .never_says("started")
            .says(&format!(
                "error: no session tokens: env: cannot read {}: {reason}",
                path.display()
            ));
    }
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn there_is_no_request_at_the_start_and_one_at_the_end() {
    let world = World::new();
    let pair = world.mint();
    let run = world
        .run()
        .tokens(&pair)
        .sh("echo ready; exec sleep 60")
        .spawn();
    run.line("ready");
    assert!(world.emulator.requests().is_empty());
    run.signal(nix::sys::signal::SIGTERM);
    run.wait().code(143);
    let requests = world.emulator.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (&*requests[0].method, &*requests[0].path),
        ("DELETE", "/game-session")
    );
    assert_eq!(requests[0].bearer, Some(pair.session_token.fingerprint()));
    world.assert_nothing_left();
}

#[test]
fn a_restart_with_the_tokens_of_a_freed_session_is_refused_at_once() {
    let world = World::new();
    let (first, second) = (world.mint(), world.mint());
    start_with(&world, &first).code(0);
    start_with(&world, &second).code(0);
    for pair in [&first, &second, &first] {
        start_with(&world, pair)
            .code(77)
            .never_says("started")
            .says("error: no session tokens: env: the session of these tokens was already freed");
    }
    assert_eq!(world.emulator.requests().len(), 2);
    let remembered = fs::read_to_string(world.state_dir().join("released")).unwrap();
    assert!(!remembered.contains("eyJ"), "{remembered}");
}

#[test]
fn tokens_whose_session_was_not_freed_serve_again() {
    let world = World::new();
    let pair = world.mint();
    let start = world.run().tokens(&pair).args(["--release", "never"]);
    start.sh("exit 3").finish().code(3);
    start_with(&world, &pair).code(0);
    world.assert_nothing_left();
}
