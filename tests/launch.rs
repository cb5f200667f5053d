//! Finding the server: a typo costs no slot, and what the kernel will not execute frees the one it cost.

use std::env;
use std::fs;
use std::process::Command;

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use crate::support::{Start, World, not_tried};

#[rustfmt::skip]
const NO_SERVER: &[(&[&str], i32, &str)] = &[
    (&["./no-such"], 127, "command not found: ./no-such"),
    (&["./no-such/server"], 127, "command not found: ./no-such/server"),
    (&["./plain"], 126, "cannot execute ./plain: Permission denied (os error 13)"),
    (&["./folder"], 126, "cannot execute ./folder: is a directory"),
    (&["java", "-jar", "folder"], 66, "cannot read the jar folder: it is not a regular file"),
    (&["java", "-jar", "fifo"], 66, "cannot read the jar fifo: it is not a regular file"),
    (&["java", "-jar", "no.jar"], 66, "cannot read the jar no.jar: No such file or directory (os error 2)"),
    (&["--x"], 66, "cannot read the jar HytaleServer.jar: No such file or directory (os error 2)"),
    (&[], 66, "cannot read the jar HytaleServer.jar: No such file or directory (os error 2)"),
];

#[test]
fn a_command_that_cannot_be_started_costs_no_slot() {
    let world = World::new();
    world.write("plain", "exit 0\n");
    fs::create_dir(world.path("folder")).unwrap();
    mkfifo(&world.path("fifo"), Mode::S_IRWXU).unwrap();
    for (command, code, error) in NO_SERVER {
        let start = world.run_with_broker().arg("--").args(*command);
        start.finish().code(*code).says(&format!("error: {error}"));
    }
    for (flag, code) in [("--java", 127), ("--jar", 66)] {
        let start = world.run_with_broker().args([flag, "./no-such"]);
        start.finish().code(code);
    }
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn a_hint_leads_to_where_the_name_was_given() {
    let world = World::new();
    world.program("java", "#!/bin/sh\nexit 0\n");
    for (arguments, hint) in [
        (
            &["--jar", "no.jar"][..],
            "start in the server's folder, or give the jar with --jar",
        ),
        (
            &["--", "./java", "-jar", "no.jar"],
            "start in the server's folder, or name the jar as seen from here",
        ),
        (
            &["--java", "no-java"],
            "install Java, or give its launcher with --java",
        ),
        (
            &["--", "./start.sh"],
            "check the name, the folder that this starts in, and PATH",
        ),
    ] {
        let finished = world.run_with_broker().args(arguments).finish();
        finished.says(&format!("hint: {hint}"));
    }
}

#[test]
fn a_file_that_is_no_program_ends_with_126_and_its_session_is_freed() {
    let world = World::new();
    world.program("program", b"\x7fELF\x02\x01\x01 of another machine\n");
    world
        .run_with_broker()
        .args(["--", "./program"])
        .finish()
        .code(126)
        .says("error: cannot execute ./program: Exec format error (os error 8)");
    world.assert_nothing_left();
}

#[test]
fn a_program_whose_interpreter_is_missing_is_not_called_missing_itself() {
    let world = World::new();
    world.program("nobody", "#!./no-such-shell\nexit 0\n");
    world.program("windows", "#!/bin/sh\r\nexit 0\r\n");
    for program in ["./nobody", "./windows"] {
        let finished = world.run_with_broker().args(["--", program]).finish();
        finished.code(126).says(&format!(
            "error: cannot execute {program}: its interpreter or loader is missing"
        ));
    }
    world.assert_nothing_left();
}

#[test]
fn a_server_is_looked_for_in_the_path_past_what_cannot_be_executed() {
    let world = World::new();
    for folder in ["a", "b"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    world.write("a/server", "exit 3");
    world.program("b/server", "#!/bin/sh\nexit 4\n");
    let start = |path: &str, server| {
        let start = world.run().env("PATH", path).arg("--").arg(server);
        start.arg("--auth-mode=insecure").finish()
    };
    start("./a:./missing:./b", "server").code(4);
    start("./a:./missing", "server")
        .code(126)
        .says("error: cannot execute ./a/server: Permission denied (os error 13)");
    start("./a:./missing:./b", "server-2")
        .code(127)
        .says("error: command not found: server-2");
}

/// Root looks into every folder, but not without these capabilities.
fn as_anybody(start: Start) -> Option<Start> {
    if !geteuid().is_root() {
        return Some(start);
    }
    let without = "--bounding-set=-dac_override,-dac_read_search";
    let tried = Command::new("setpriv").args([without, "true"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        not_tried("a closed folder in PATH, as root without a setpriv(1) that works");
        return None;
    }
    Some(start.under("setpriv", [without]))
}

#[test]
fn a_folder_of_the_path_that_is_closed_to_us_makes_no_typo_a_program() {
    let world = World::new();
    fs::create_dir(world.path("closed")).unwrap();
    world.program("closed/server", "#!/bin/sh\nexit 4\n");
    world.program("server", "#!/bin/sh\nexit 3\n");
    world.set_mode("closed", 0o000);
    let path = env::var("PATH").unwrap();
    for (path, server, code, error) in [
        (
            format!("./closed:{path}"),
            "server",
            127,
            Some("command not found: server"),
        ),
        (format!("./closed:.:{path}"), "server", 3, None),
        (
            path,
            "./closed/server",
            126,
            Some("cannot execute ./closed/server: Permission denied (os error 13)"),
        ),
    ] {
        let start = world.run().env("PATH", path).args(["--", server]);
        let Some(start) = as_anybody(start.arg("--auth-mode=insecure")) else {
            break;
        };
        let finished = start.finish();
        finished.code(code);
        if let Some(error) = error {
            finished.says(&format!("error: {error}"));
        }
    }
    world.set_mode("closed", 0o700);
}
