//! The stand-in server behaves as the real one does, where `protocol.md` says how that is.

#![cfg(test)] // lets clippy see that the helpers are test code too

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use hytale_emulator::stand_in;

const INSECURE: [&str; 2] = ["--auth-mode", "insecure"];

#[test]
fn it_prints_the_ready_line_and_stop_ends_it_with_0_and_a_saved_world() {
    let world = world("stop");
    let mut server = Server::start(&INSECURE, &world, 0);
    server.until("\u{1b}[1;32mHytale Server Booted! [Multiplayer] took ");

    server.types("stop");

    let (status, lines) = server.end();
    assert_eq!(status.code(), Some(0));
    assert!(
        lines
            .first()
            .is_some_and(|line| line.ends_with("Shutdown triggered!!!")),
        "{lines:?}"
    );
    assert!(
        lines
            .last()
            .is_some_and(|line| line.ends_with("Shutdown completed!")),
        "{lines:?}"
    );
    assert!(saved(&world));
}

#[test]
fn sigterm_ends_it_with_143_and_a_saved_world_however_often_it_comes() {
    let world = world("sigterm");
    let mut server = Server::start(&INSECURE, &world, 400);
    server.until("Booted!");

    server.sigterm();
    server.until("world save started");
    server.sigterm();

    assert_eq!(server.end().0.code(), Some(143));
    assert!(saved(&world));
}

#[test]
fn sigterm_during_a_stop_from_the_console_cuts_the_world_save_short() {
    let world = world("race");
    let mut server = Server::start(&INSECURE, &world, 3_600_000);
    server.until("Booted!");

    server.types("/stop");
    server.until("world save started");
    server.sigterm();

    assert_eq!(server.end().0.code(), Some(143));
    assert!(!saved(&world));
}

#[test]
fn without_tokens_an_authenticated_server_says_so_and_ends_with_2() {
    let mut server = Server::start(&[], Path::new("/dev/null"), 0);

    server.until("Authentication failed: no session token was given");

    assert_eq!(server.end().0.code(), Some(2));
}

#[test]
fn the_end_of_its_input_closes_only_the_console() {
    let mut server = Server::start(&INSECURE, Path::new("/dev/null"), 0);
    server.until("Booted!");

    server.types("help");
    server.until("Commands:");
    drop(server.child.stdin.take());
    server.sigterm();

    assert_eq!(server.end().0.code(), Some(143));
}

fn world(test: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("stand-in-{test}-{}.world", std::process::id()))
}

fn saved(world: &Path) -> bool {
    let chunks = std::fs::read_to_string(world).unwrap();
    std::fs::remove_file(world).unwrap();
    chunks.ends_with("world saved\n")
}

struct Server {
    child: Child,
    lines: Receiver<String>,
}

impl Server {
    fn start(arguments: &[&str], world: &Path, save_ms: u32) -> Self {
        let jar = stand_in::jar(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        let mut child = Command::new(stand_in::java().unwrap())
            .arg("-jar")
            .arg(jar)
            .args(arguments)
            .env("HYTALE_STAND_IN_SAVE", save_ms.to_string())
            .env("HYTALE_STAND_IN_SAVE_FILE", world)
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

    fn until(&mut self, text: &str) {
        while !self
            .next_line()
            .expect("a server that still runs")
            .contains(text)
        {}
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
