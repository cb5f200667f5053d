//! A server as a job of a shell: Ctrl-Z, `fg`, `bg`, `&` and `kill %1` do what they do with any other program.

use nix::sys::signal::Signal::{SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1};
use nix::sys::signal::kill;

use crate::support::{DEADLINE, Shell, World, processes, until};
use std::time::Duration;

use hytale_emulator::Fault;

/// Tells what happens to it, and ends with 3 on Ctrl-C.
const TELLING: &str = r#"
    cont=0
    trap 'echo "got INT."; exit 3' INT
    trap 'cont=$((cont + 1)); echo "continued $cont."' CONT
    trap 'echo "alive."' USR1
    echo ready; idle"#;

/// Repeats lines from its console, but for the one that ends it.
const READING: &str = r#"
    echo ready
    while read line && [ "$line" != end ]; do echo "read: $line."; done; exit 4"#;

fn shells(world: &World, server: &str) -> Vec<Shell> {
    Shell::each(world, || world.run().sh_without_tokens(server))
}

/// One that tells, in the foreground.
#[track_caller]
fn ends_on_ctrl_c(shell: Shell) {
    shell.terminal.press("\x03");
    shell.prompt();
    shell.code(3);
    assert_eq!(shell.terminal.text().matches("got INT.").count(), 1);
    shell.leave();
}

#[test]
fn ctrl_z_stops_server_and_wrapper_and_fg_continues_both() {
    let world = World::new();
    for shell in shells(&world, TELLING) {
        shell.types("./it");
        shell.terminal.shows("ready\r\n");
        let both = shell.terminal.entrypoint_and_server();
        for n in 1..=3 {
            shell.terminal.press("\x1a");
            shell.prompt();
            shell.until_stopped(both, true);
            shell.does("jobs");
            shell.terminal.shows_times("Stopped", n);
            shell.types("fg");
            shell.terminal.shows(&format!("continued {n}."));
            shell.until_stopped(both, false);
            assert_eq!(shell.terminal.foreground(), Some(both.1));
        }
        ends_on_ctrl_c(shell);
    }
}

#[test]
fn bg_lets_it_run_while_the_shell_has_the_terminal_and_fg_brings_it_back() {
    let world = World::new();
    for shell in shells(&world, TELLING) {
        shell.types("./it");
        shell.terminal.shows("ready\r\n");
        let both = shell.terminal.entrypoint_and_server();
        for n in 1..=2 {
            shell.terminal.press("\x1a");
            shell.prompt();
            shell.does("bg");
            shell.terminal.shows("continued");
            shell.until_stopped(both, false);
            // The key is the shell's now.
            shell.terminal.press("\x03");
            shell.prompt();
            kill(both.0, SIGUSR1).unwrap();
            shell.terminal.shows_times("alive.", n);
            shell.types("fg");
            shell.gives_the_terminal_away();
        }
        ends_on_ctrl_c(shell);
    }
}

#[test]
fn a_job_in_the_background_reads_its_console_once_it_is_in_the_foreground() {
    let world = World::new();
    for shell in shells(&world, READING) {
        shell.does("./it &");
        let both = shell.terminal.entrypoint_and_server();
        // It wants to read, as `cat &` does.
        shell.until_stopped(both, true);
        shell.types("fg");
        shell.types("one");
        shell.terminal.shows("read: one.");
        shell.terminal.press("\x1a");
        shell.prompt();
        shell.does("bg");
        shell.until_stopped(both, true);
        shell.types("fg");
        shell.types("two");
        shell.terminal.shows("read: two.");
        shell.types("end");
        shell.prompt();
        shell.code(4);
        shell.leave();
    }
}

#[test]
fn in_the_background_it_takes_nothing_from_the_shell() {
    let world = World::new();
    for shell in shells(&world, TELLING) {
        shell.does("./it &");
        shell.terminal.shows("ready\r\n");
        let both = shell.terminal.entrypoint_and_server();
        shell.does("echo still here");
        shell.terminal.press("\x03");
        shell.prompt();
        kill(both.0, SIGUSR1).unwrap();
        shell.terminal.shows("alive.");
        shell.types("fg");
        shell.gives_the_terminal_away();
        shell.terminal.press("\x1a");
        shell.prompt();
        shell.until_stopped(both, true);
        shell.types("fg");
        shell.gives_the_terminal_away();
        ends_on_ctrl_c(shell);
    }
}

#[test]
fn a_server_that_ends_in_the_background_leaves_the_terminal_to_the_shell() {
    let world = World::new();
    for shell in shells(&world, "echo ready; idle") {
        shell.types("./it");
        shell.terminal.shows("ready\r\n");
        let (entrypoint, server) = shell.terminal.entrypoint_and_server();
        shell.terminal.press("\x1a");
        shell.prompt();
        let settings = shell.terminal.settings();
        shell.does("bg");
        kill(server, SIGKILL).unwrap();
        shell.does("wait %1");
        shell.code(137);
        assert!(!processes::lives(entrypoint));
        assert_eq!(shell.terminal.settings(), settings);
        shell.leave();
    }
}

#[test]
fn kill_of_a_stopped_job_ends_it_with_143() {
    let world = World::new();
    for shell in Shell::each(&world, || {
        world.run_with_broker().sh("echo ready; exec sleep 60")
    }) {
        shell.types("./it");
        shell.terminal.shows("ready\r\n");
        let (entrypoint, _) = shell.terminal.entrypoint_and_server();
        shell.terminal.press("\x1a");
        shell.prompt();
        // Some shells send the second by themselves: what is stopped hears nothing.
        shell.does("kill %1; kill -CONT %1");
        until("it ends", || !processes::lives(entrypoint));
        // What the shell says of a job that has ended, once a key is pressed.
        shell.does("");
        shell.terminal.shows("143");
        shell.leave();
        world.assert_nothing_left();
    }
}

#[test]
fn the_job_stops_as_a_whole_below_a_script_and_in_a_pipeline() {
    let world = World::new();
    for line in [
        "sh -c './it; echo over.'",
        "./it | cat",
        "(./it; echo over.) | cat",
    ] {
        for shell in shells(&world, TELLING) {
            shell.types(line);
            shell.terminal.shows("ready\r\n");
            let both = shell.terminal.entrypoint_and_server();
            shell.terminal.press("\x1a");
            shell.prompt();
            shell.until_stopped(both, true);
            shell.types("fg");
            shell.terminal.shows("continued 1.");
            shell.terminal.press("\x03");
            shell.prompt();
            assert_eq!(shell.terminal.text().matches("got INT.").count(), 1);
            shell.leave();
        }
    }
}

#[test]
fn a_stop_by_any_signal_to_either_is_a_stop_of_the_job() {
    let world = World::new();
    for shell in shells(&world, TELLING) {
        shell.types("./it");
        shell.terminal.shows("ready\r\n");
        let both = shell.terminal.entrypoint_and_server();
        let stops = [
            (both.0, SIGTSTP),
            (both.1, SIGTSTP),
            (both.1, SIGSTOP),
            (both.0, SIGTTIN),
            (both.0, SIGTTOU),
        ];
        for (n, (whom, signal)) in stops.into_iter().enumerate() {
            kill(whom, signal).unwrap();
            shell.prompt();
            shell.until_stopped(both, true);
            shell.types("fg");
            shell.terminal.shows(&format!("continued {}.", n + 1));
            shell.until_stopped(both, false);
        }
        shell.terminal.press("\x03");
        shell.prompt();
        shell.code(3);
        shell.leave();
    }
}

#[test]
fn while_it_is_stopped_the_terminal_is_as_the_shell_had_it_and_then_as_the_server_had_it() {
    let world = World::new();
    let server = r#"
        stty -icanon -echo; echo ready
        kill -TSTP $$
        case $(stty -a) in *" -icanon "*" -echo "*) echo "as I left it.";; *) stty -a;; esac
        exit 5"#;
    for shell in shells(&world, server) {
        let settings = shell.terminal.settings();
        shell.types("./it");
        shell.prompt();
        assert_eq!(shell.terminal.settings(), settings);
        shell.types("fg");
        shell.terminal.shows("as I left it.");
        shell.prompt();
        shell.code(5);
        assert_eq!(shell.terminal.settings(), settings);
        shell.leave();
    }
}

#[test]
fn ctrl_z_before_the_server_is_there_stops_the_wrapper_alone() {
    let world = World::new();
    world.emulator.fault(
        Fault::on("/v1/game-session")
            .latency(Duration::from_secs(1))
            .always(),
    );
    for shell in Shell::each(&world, || world.run_with_broker().sh("echo ready; exit 3")) {
        let before = world.emulator.count("POST", "/v1/game-session");
        shell.types("./it");
        let asked =
            |view: &hytale_emulator::View<'_>| view.count("POST", "/v1/game-session") > before;
        assert!(world.emulator.wait_for(asked, DEADLINE));
        shell.terminal.press("\x1a");
        shell.prompt();
        shell.types("fg");
        shell.prompt();
        shell.code(3);
        shell.leave();
        world.assert_nothing_left();
    }
}

#[test]
fn a_jvm_that_was_stopped_and_continued_reads_its_console() {
    let world = World::new();
    for shell in Shell::each(&world, || world.run_with_broker().stand_in()) {
        shell.types("./it");
        shell.terminal.shows("Hytale Server Booted!");
        let both = shell.terminal.entrypoint_and_server();
        shell.terminal.press("\x1a");
        shell.prompt();
        shell.until_stopped(both, true);
        shell.types("fg");
        shell.gives_the_terminal_away();
        shell.types("/help");
        shell.terminal.shows("Commands: /auth status, /help, /stop");
        shell.types("/stop");
        shell.prompt();
        shell.code(0);
        shell.leave();
        world.assert_nothing_left();
    }
}

#[test]
fn where_the_background_may_not_write_the_job_is_stopped_until_it_has_the_foreground() {
    let world = World::new();
    for shell in shells(&world, "echo written; exit 6") {
        let settings = shell.terminal.settings();
        shell.does("stty tostop");
        shell.does("./it &");
        let both = shell.terminal.entrypoint_and_server();
        shell.until_stopped(both, true);
        assert!(!shell.terminal.text().contains("written"));
        shell.types("fg");
        shell.prompt();
        shell.terminal.shows("written\r\n");
        shell.code(6);
        shell.does("stty -tostop");
        assert_eq!(shell.terminal.settings(), settings);
        shell.leave();
    }
}

#[test]
fn a_stopped_server_whose_wrapper_is_killed_ends() {
    let world = World::new();
    for shell in shells(&world, "echo ready; idle") {
        shell.types("./it");
        shell.terminal.shows("ready\r\n");
        let both = shell.terminal.entrypoint_and_server();
        shell.terminal.press("\x1a");
        shell.prompt();
        shell.until_stopped(both, true);
        kill(both.0, SIGKILL).unwrap();
        until("the server ends", || !processes::lives(both.1));
        shell.does("");
        shell.leave();
    }
}
