//! The program itself.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::client::ask;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hytale-emulator"))
}

/// Starts the program on a free port, and reads where from its first line.
fn start(arguments: &[&str]) -> (Running, String) {
    let child = program()
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn();
    let mut running = Running(child.unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (running, line.split_whitespace().last().unwrap().to_owned())
}

#[test]
fn the_program_does_as_its_options_say() {
    let (_running, url) = start(&[
        "--account=alice=Alice,Bob",
        "--account=carol",
        "--slots=1",
        "--broker-expiry=unknown",
        "--fault=path=/v1/game-session,fault=status,status=503",
        r#"--fault=path=/healthz,fault=body,body={"ok":false,"why":"=,"}"#,
    ]);
    let mint = |account: &str| {
        ask(&url, "POST", "/v1/game-session")
            .json(&json!({"account": account}))
            .send()
    };
    let health = ask(&url, "GET", "/healthz").send();
    assert_eq!(health.text(), (200, r#"{"ok":false,"why":"=,"}"#));
    assert_eq!(mint("alice").status, 503);
    assert_eq!(mint("alice").json()["expires_at"], "0001-01-01T00:00:00Z");
    assert_eq!(mint("alice").status, 400);
    assert_eq!(mint("carol").status, 200);
    assert_eq!(
        ask(&url, "GET", "/_emulator/sessions").send().json()[0]["username"],
        "Alice"
    );
}

#[test]
fn a_wrong_option_is_named_and_ends_with_2() {
    let output = program().arg("--session-ttl=soon").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("'soon' for '--session-ttl <D>'"),
        "{message}"
    );
}

#[test]
fn an_address_that_is_taken_is_named_and_ends_with_1() {
    let (_running, url) = start(&[]);
    let address = url.trim_start_matches("http://");
    for arguments in [
        vec!["--listen", address],
        vec!["--listen", "127.0.0.1:0", "--broker-listen", address],
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        let expected = format!("hytale-emulator: cannot listen on {address}: ");
        assert!(message.starts_with(&expected), "{message}");
    }
}
