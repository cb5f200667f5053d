//! A server on a terminal: its console reads, Ctrl-C and its sisters reach it once, and the terminal comes back
//! as it was, however the server ends.

use std::time::Duration;

use hytale_emulator::{Fault, View};
use nix::sys::signal::Signal::{SIGKILL, SIGSTOP, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::support::{DEADLINE, Start, Terminal, World, processes, until};

const MINT: &str = "/v1/game-session";

/// Counts what comes from the keyboard, and tells all at the end.
const COUNTING: &str = r#"
    int=0 quit=0 winch=0
    trap 'int=$((int + 1)); echo "int $int."' INT
    trap 'quit=$((quit + 1)); echo "quit $quit."' QUIT
    trap 'winch=$((winch + 1)); echo "winch $winch: $(stty size </dev/tty)."' WINCH
    trap 'echo "in all $int, $quit, $winch."; exit 3' USR1
    echo ready; idle"#;

/// A script above the entrypoint, in the same process group: it reads a line from the terminal when that is over.
const SCRIPT: &str =
    r#""$@"; code=$?; echo "over: $code."; read line; echo "read: $line."; exit $code"#;

fn below_a_script(start: Start) -> Start {
    start.under("sh", ["-c", SCRIPT, "sh"])
}

/// The places in which an entrypoint can find itself on a terminal, and whether the server gets the foreground.
fn places(start: impl Fn() -> Start) -> Vec<(&'static str, bool, Terminal)> {
    let mut places = vec![
        ("first of its session", true, Terminal::start(start())),
        (
            "below a script",
            true,
            Terminal::start(below_a_script(start())),
        ),
        (
            "with another input",
            false,
            Terminal::start(start().after("exec </dev/null")),
        ),
    ];
    if let Some(terminal) = Terminal::start_as_pid_1(start()) {
        places.push(("PID 1", true, terminal));
    }
    places
}

/// Ends it where a script waits for a line, and where none does.
#[track_caller]
fn ends_with(terminal: Terminal, place: &str, code: i32) -> String {
    if place == "below a script" {
        terminal.shows(&format!("over: {code}."));
        terminal.press("a line\n");
        terminal.shows("read: a line.");
    }
    let closed = terminal.wait();
    closed.code(code).left_the_terminal_as_it_was();
    closed.text
}

#[test]
fn ctrl_c_and_its_sisters_reach_the_server_exactly_once() {
    let world = World::new();
    let start = || {
        let start = world.run().args(["--log-level", "debug"]);
        start.sh_without_tokens(COUNTING)
    };
    for (place, lent, terminal) in places(start) {
        terminal.shows("ready\r\n");
        let (entrypoint, server) = terminal.entrypoint_and_server();
        assert_eq!(terminal.foreground() == Some(server), lent, "{place}");
        for n in 1..=3 {
            terminal.press("\x03");
            terminal.shows(&format!("int {n}."));
            terminal.press("\x1c");
            terminal.shows(&format!("quit {n}."));
            let rows = 20 + n;
            terminal.resize(rows);
            terminal.shows(&format!("winch {n}: {rows} "));
        }
        kill(entrypoint, SIGUSR1).unwrap();
        terminal.shows("in all 3, 3, 3.");
        let text = ends_with(terminal, place, 3);
        // They come from the kernel, or from us, and not from both.
        for signal in ["SIGINT", "SIGQUIT", "SIGWINCH"] {
            let passed_on = text.matches(&format!("passed {signal} on")).count();
            assert_eq!(passed_on, if lent { 0 } else { 3 }, "{signal}, {place}");
        }
    }
}

#[test]
fn a_server_that_ctrl_c_ends_ends_the_wrapper_with_130() {
    let world = World::new();
    for (keys, code) in [("\x03", 130), ("\x1c", 131)] {
        let start = || {
            world
                .run_with_broker()
                .sh("ulimit -c 0; echo ready; exec sleep 60")
        };
        for (place, _, terminal) in places(start) {
            terminal.shows("ready\r\n");
            terminal.press(keys);
            // The script is in the foreground itself when the server is not, and gets its own.
            ends_with(terminal, place, code);
        }
    }
    world.assert_nothing_left();
}

#[test]
fn a_console_reads_what_is_typed() {
    let world = World::new();
    for (place, lent, terminal) in places(|| world.run_with_broker().stand_in()) {
        terminal.shows("Hytale Server Booted!");
        if lent {
            terminal.press("/help\n");
            terminal.shows("Commands: /auth status, /help, /stop");
            terminal.press("/stop\n");
            ends_with(terminal, place, 0);
        } else {
            terminal.press("\x03");
            ends_with(terminal, place, 130);
        }
    }
    world.assert_nothing_left();
}

#[test]
fn ctrl_z_is_undone_where_no_shell_is_above_to_continue_the_server() {
    let world = World::new();
    let server = r#"n=0; trap 'n=$((n + 1)); echo "continued $n."' CONT; trap 'exit 3' INT; echo ready; idle"#;
    for (place, _, terminal) in places(|| world.run().sh_without_tokens(server)) {
        terminal.shows("ready\r\n");
        for n in 1..=3 {
            terminal.press("\x1a");
            terminal.shows(&format!("continued {n}."));
        }
        terminal.press("\x03");
        ends_with(terminal, place, 3);
    }
}

#[test]
fn ctrl_z_before_the_server_is_there_stops_nobody_where_no_shell_is_above() {
    let world = World::new();
    let slow = Fault::on(MINT).latency(Duration::from_millis(500));
    world.emulator.fault(slow.always());
    for (place, start) in [
        ("first of its session", Terminal::start as fn(Start) -> _),
        ("below a script", |start| {
            Terminal::start(below_a_script(start))
        }),
    ] {
        let before = world.emulator.count("POST", MINT);
        let terminal = start(world.run_with_broker().sh("exit 3"));
        let asked = |view: &View<'_>| view.count("POST", MINT) > before;
        assert!(world.emulator.wait_for(asked, DEADLINE));
        terminal.press("\x1a");
        ends_with(terminal, place, 3);
    }
    world.assert_nothing_left();
}

#[test]
fn a_server_whose_own_job_died_with_the_foreground_gets_it_back() {
    let world = World::new();
    // A shell with jobs below the server: its job has the foreground, as under any shell.
    let server =
        r#"sh -m -c 'sleep 60; :' </dev/tty; read line; echo "server read: $line."; exit 4"#;
    for (place, lent, terminal) in places(|| world.run().sh_without_tokens(server)) {
        if !lent {
            continue;
        }
        let (_, server) = terminal.entrypoint_and_server();
        let only_child = |parent| {
            let mut child = None;
            until("there is a child", || {
                child = processes::children(parent).first().copied();
                child.is_some()
            });
            child.unwrap()
        };
        let shell = only_child(server);
        let job = only_child(shell);
        until("the job has the foreground", || {
            terminal.foreground() == Some(job)
        });
        kill(shell, SIGSTOP).unwrap();
        kill(job, SIGKILL).unwrap();
        until("the job has ended", || !processes::lives(job));
        kill(shell, SIGKILL).unwrap();
        terminal.press("a word\n");
        terminal.shows("server read: a word.");
        ends_with(terminal, place, 4);
    }
}

/// Has nothing of the terminal left as it was.
const RAW: &str = "stty raw -echo </dev/tty; echo ready;";

#[test]
fn the_terminal_comes_back_as_it_was_however_the_server_ends() {
    let world = World::new();
    world.program("no-program", "not for this machine");
    let start = |server: &str| world.run().sh_without_tokens(&format!("{RAW} {server}"));
    type End = fn(Pid, Pid);
    let ends: [(&str, i32, End); 4] = [
        ("exit 3", 3, |_, _| {}),
        ("idle", 137, |_, server| kill(server, SIGKILL).unwrap()),
        ("kill -STOP $$", 137, |_, server| {
            until("it is stopped", || {
                processes::stat(server).is_some_and(|stat| stat.state == 'T')
            });
            kill(server, SIGKILL).unwrap();
        }),
        ("exec sleep 60", 143, |entrypoint, _| {
            kill(entrypoint, SIGTERM).unwrap();
        }),
    ];
    for (server, code, end) in ends {
        let start = || start(server);
        let mut terminals = vec![
            ("below a script", Terminal::start(below_a_script(start()))),
            ("first of its session", Terminal::start(start())),
        ];
        terminals.extend(Terminal::start_as_pid_1(start()).map(|terminal| ("PID 1", terminal)));
        for (place, terminal) in terminals {
            terminal.shows("ready");
            if code > 127 {
                let (entrypoint, server) = terminal.entrypoint_and_server();
                end(entrypoint, server);
            }
            ends_with(terminal, place, code);
        }
    }
}

#[test]
fn a_server_that_cannot_be_executed_leaves_the_terminal_alone() {
    let world = World::new();
    world.program("no-program", "not for this machine");
    let start = world
        .run()
        .args(["--", "./no-program", "--auth-mode=insecure"]);
    let terminal = Terminal::start(below_a_script(start));
    ends_with(terminal, "below a script", 126);
}

#[test]
fn a_wrapper_that_is_killed_in_the_foreground_has_its_server_told() {
    let world = World::new();
    let server = "trap 'echo told; exit' TERM; echo ready; idle";
    let terminal = Terminal::start(world.run().sh_without_tokens(server));
    terminal.shows("ready\r\n");
    let (entrypoint, server) = terminal.entrypoint_and_server();
    kill(entrypoint, SIGKILL).unwrap();
    until("the server ends", || !processes::lives(server));
}

#[test]
fn a_terminal_that_goes_away_is_a_hangup_for_the_server() {
    let world = World::new();
    let server = "trap 'exit 3' HUP; echo ready; idle";
    let terminal = Terminal::start(world.run_with_broker().sh(server));
    terminal.shows("ready\r\n");
    let status = terminal.hang_up();
    assert_eq!(status.code(), Some(3));
    world.assert_nothing_left();
}
