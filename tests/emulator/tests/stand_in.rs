//! The stand-in server behaves as the real one does, where `protocol.md` says how that is.

#![cfg(test)] // lets clippy see that the helpers are test code too

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use hytale_emulator::{Emulator, ForgeOptions, Mint, Options, TokenPair, stand_in};

const INSECURE: [&str; 2] = ["--auth-mode", "insecure"];

#[test]
fn it_prints_the_ready_line_and_stop_ends_it_with_0_and_a_saved_world() {
    let world = file("stop");
    let mut server = Server::start(&INSECURE, &[("SAVE_FILE", &world)]);
    server.until("\u{1b}[1;32mHytale Server Booted! [Multiplayer] took ");

    server.types("stop");

    let (status, lines) = server.end();
    assert_eq!(status.code(), Some(0));
    let ends = |line: Option<&String>, text| line.is_some_and(|line| line.ends_with(text));
    assert!(ends(lines.first(), "Shutdown triggered!!!"), "{lines:?}");
    assert!(ends(lines.last(), "Shutdown completed!"), "{lines:?}");
    assert!(taken(&world).ends_with("world saved\n"));
}

#[test]
fn sigterm_ends_it_with_143_and_a_saved_world_however_often_it_comes() {
    let world = file("sigterm");
    let mut server = Server::start(&INSECURE, &[("SAVE_FILE", &world), ("SAVE", "400")]);
    server.until("Booted!");

    server.sigterm();
    server.until("world save started");
    server.sigterm();

    assert_eq!(server.end().0.code(), Some(143));
    assert!(taken(&world).ends_with("world saved\n"));
}

#[test]
fn sigterm_during_a_stop_from_the_console_cuts_the_world_save_short() {
    let world = file("race");
    let mut server = Server::start(&INSECURE, &[("SAVE_FILE", &world), ("SAVE", "3600000")]);
    server.until("Booted!");

    server.types("/stop");
    server.until("world save started");
    server.sigterm();

    assert_eq!(server.end().0.code(), Some(143));
    assert_eq!(taken(&world), "world save started\n");
}

#[test]
fn the_end_of_its_input_closes_only_the_console() {
    let mut server = Server::start(&INSECURE, &[]);
    server.until("Booted!");

    server.types("help");
    drop(server.child.stdin.take());
    server.until("Commands:");
    server.sigterm();

    assert_eq!(server.end().0.code(), Some(143));
}

#[test]
fn it_ends_with_the_code_that_a_test_asks_for() {
    let mut server = Server::start(&INSECURE, &[("EXIT", "9")]);

    server.until("Booted!");

    assert_eq!(server.end().0.code(), Some(9));
}

#[test]
fn without_tokens_an_authenticated_server_says_so_and_ends_with_2() {
    let mut server = Server::start(&[], &[]);

    server.until("Authentication failed: no session token was given");

    assert_eq!(server.end().0.code(), Some(2));
}

#[test]
fn tokens_that_expired_longer_ago_than_clocks_differ_end_it_with_2() {
    let emulator = Emulator::start(Options::default()).unwrap();
    let tokens = emulator.forge(&ForgeOptions {
        expires_in: Some(-400),
        ..ForgeOptions::default()
    });
    let mut server = Server::start(&arguments(&tokens), &[("SESSIONS_URL", emulator.url())]);

    server.until("Authentication failed: the session token expired 40");

    assert_eq!(server.end().0.code(), Some(2));
}

#[test]
fn tokens_with_five_minutes_left_are_accepted_and_never_refreshed() {
    let emulator = Emulator::start(Options::default()).unwrap();
    let tokens = emulator.forge(&ForgeOptions {
        expires_in: Some(300),
        ..ForgeOptions::default()
    });
    let mut server = Server::start(&arguments(&tokens), &[("SESSIONS_URL", emulator.url())]);

    server.until("Booted!");
    server.until("No session refresh is scheduled");
}

#[test]
fn it_refreshes_its_session_by_itself_keeps_the_tokens_to_itself_and_does_not_free_it() {
    let emulator = Emulator::start(Options::default()).unwrap();
    let tokens = emulator.mint(&Mint::default());
    let hooks = [("SESSIONS_URL", emulator.url()), ("REFRESH_AFTER", "0")];
    let mut server = Server::start(&arguments(&tokens), &hooks);
    let seen = server.until("Session refreshed");

    server.types("stop");

    let (status, lines) = server.end();
    assert_eq!(status.code(), Some(0));
    assert!(
        !(seen + &lines.concat()).contains("eyJ"),
        "a token is shown"
    );
    assert_eq!(emulator.sessions()[0].refreshes, 1);
    assert_eq!(emulator.live(), 1);
}

#[test]
fn an_old_build_frees_its_session_at_shutdown() {
    let emulator = Emulator::start(Options::default()).unwrap();
    let tokens = emulator.mint(&Mint::default());
    let hooks = [("SESSIONS_URL", emulator.url()), ("FREE_SESSION", "1")];
    let mut server = Server::start(&arguments(&tokens), &hooks);
    server.until("Booted!");

    server.sigterm();

    assert_eq!(server.end().0.code(), Some(143));
    assert_eq!(emulator.live(), 0);
}

#[test]
fn its_report_tells_which_tokens_came_and_how() {
    let report = file("report");
    let hooks = [("REPORT", report.as_str()), ("EXIT_BEFORE_BOOT", "0")];
    let server = Server::start(&["--session-token=a", "--identity-token", "b"], &hooks);
    assert_eq!(server.end().0.code(), Some(0));

    let report: serde_json::Value = serde_json::from_str(&taken(&report)).unwrap();

    assert_eq!(
        report["argv"],
        serde_json::json!(["--session-token=a", "--identity-token", "b"])
    );
    assert_eq!(report["session_token"]["from"], "argument");
    let digest = report["identity_token"]["sha256"].as_str().unwrap();
    assert!(
        digest.starts_with(&hytale_emulator::fingerprint("b")),
        "{digest}"
    );
}

fn arguments(tokens: &TokenPair) -> [&str; 4] {
    let session = tokens.session_token.expose_secret();
    let identity = tokens.identity_token.expose_secret();
    ["--session-token", session, "--identity-token", identity]
}

/// A name that no other test, and no other run, has.
fn file(test: &str) -> String {
    let folder = env!("CARGO_TARGET_TMPDIR");
    format!("{folder}/stand-in-{test}-{}", std::process::id())
}

fn taken(file: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::remove_file(file).unwrap();
    text
}

struct Server {
    child: Child,
    lines: Receiver<String>,
}

impl Server {
    /// Hooks are named without their `HYTALE_STAND_IN_`.
    fn start(arguments: &[&str], hooks: &[(&str, &str)]) -> Self {
        let jar = stand_in::jar(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        let hooks = hooks
            .iter()
            .map(|(name, value)| (format!("HYTALE_STAND_IN_{name}"), value));
        let mut child = Command::new(stand_in::java().unwrap())
            .arg("-jar")
            .arg(jar)
            .args(arguments)
            .env_remove("HYTALE_SERVER_SESSION_TOKEN")
            .env_remove("HYTALE_SERVER_IDENTITY_TOKEN")
            .envs(hooks)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(Duration::from_secs(60)) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the server has been silent for a minute"),
        }
    }

    /// What it printed up to a line with this text.
    fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            seen += &self.next_line().expect("a server that still runs");
        }
        seen
    }

    fn types(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn sigterm(&self) {
        assert!(
            Command::new("kill")
                .arg("-TERM")
                .arg(self.child.id().to_string())
                .status()
                .unwrap()
                .success()
        );
    }

    /// Its exit status, and the lines that nobody has waited for.
    fn end(mut self) -> (ExitStatus, Vec<String>) {
        let lines = std::iter::from_fn(|| self.next_line()).collect();
        (self.child.wait().unwrap(), lines)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
