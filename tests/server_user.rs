//! `--user`: the server is somebody else, and what is ours stays closed to it.

use std::fs;

use nix::unistd::geteuid;

use crate::support::{Terminal, World, not_tried};

/// Only root may become somebody else.
fn is_root() -> bool {
    let root = geteuid().is_root();
    if !root {
        not_tried("--user: only root can become somebody else");
    }
    root
}

/// A world that others may look into; its state folder is the wrapper's alone all the same.
fn open_world() -> World {
    let world = World::new();
    world.set_mode("", 0o755);
    world
}

const WHO: &str = "echo ids=$(id -u):$(id -g):$(id -G | tr ' ' ,) home=$HOME user=$USER.";

#[track_caller]
fn who(user: &str) -> String {
    let world = open_world();
    let finished = world
        .run()
        .env("HOME", "/root")
        .env("USER", "root")
        .args(["--user", user])
        .sh_without_tokens(WHO)
        .finish();
    finished.code(0);
    finished.stdout.trim_end().to_owned()
}

#[test]
fn the_server_runs_as_a_user_by_name_or_number_with_its_groups_and_home() {
    if !is_root() {
        return;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == "daemon")
        .expect("every system has a daemon");
    let (uid, gid, home) = (entry[2], entry[3], entry[5]);
    let expected = format!("ids={uid}:{gid}:{gid} home={home} user=daemon.");
    assert_eq!(who("daemon"), expected);
    assert_eq!(who(uid), expected);
    assert_eq!(
        who("daemon:12"),
        format!("ids={uid}:12:12 home={home} user=daemon.")
    );
}

#[test]
fn a_number_that_nobody_has_is_a_user_too_and_not_in_the_group_of_root() {
    if !is_root() {
        return;
    }
    assert_eq!(who("31234"), "ids=31234:31234:31234 home=/ user=.");
    assert_eq!(who("31234:31235"), "ids=31234:31235:31235 home=/ user=.");
}

#[test]
fn supplementary_groups_are_those_that_list_the_user() {
    if !is_root() {
        return;
    }
    if !crate::support::machine::has_namespaces() {
        return not_tried("supplementary groups, without a mount namespace");
    }
    let world = open_world();
    let passwd = world.write(
        "passwd",
        "root:x:0:0::/root:/bin/sh\ngamer:x:31000:31001::/srv:/bin/sh\n",
    );
    let group = world.write(
        "group",
        "root:x:0:\ngamer:x:31001:\nworlds:x:31002:other,gamer\naudio:x:31003:other\n",
    );
    let mounts = format!(
        "mount --bind '{}' /etc/passwd; mount --bind '{}' /etc/group",
        passwd.display(),
        group.display()
    );
    let path = std::env::var("PATH").unwrap();
    let finished = world
        .run()
        .args(["--user", "gamer"])
        .sh_without_tokens(WHO)
        .in_namespace(&mounts, &path)
        .finish();
    finished.code(0);
    assert_eq!(
        finished.stdout,
        "ids=31000:31001:31001,31002 home=/srv user=gamer.\n"
    );
}

#[test]
fn the_server_can_read_neither_our_files_nor_our_environment_nor_our_memory() {
    if !is_root() {
        return;
    }
    let world = open_world();
    let script = r#"
        for file in state/leases/*.json state status.json /proc/$PPID/environ /proc/$PPID/mem /proc/$PPID/fd/0; do
            if (: < $file) 2>/dev/null && head -c 1 $file >/dev/null 2>&1; then echo "can read $file"; fi
        done
        ls state >/dev/null 2>&1 && echo "can list the state folder"
        grep -c . /proc/self/environ >/dev/null && echo looked"#;
    let finished = world
        .run_with_broker()
        .args(["--user", "daemon"])
        .sh(script)
        .finish();
    finished.code(0);
    assert_eq!(finished.stdout, "looked\n", "{finished}");
    world.assert_nothing_left();
}

#[test]
fn a_jvm_of_another_user_reads_its_tokens_from_the_memory_file() {
    if !is_root() {
        return;
    }
    let world = open_world();
    let jar = world.path("server.jar");
    fs::copy(crate::support::stand_in_jar(), &jar).unwrap();
    let run = world
        .run_with_broker()
        .args(["--user", "daemon", "--pass-tokens", "argfile"])
        .env("HYTALE_ENTRYPOINT_JAR", &jar)
        .spawn();
    run.line("Tokens accepted");
    run.line("Hytale Server Booted!");
    run.signal(nix::sys::signal::Signal::SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn the_server_of_another_user_opens_its_output_by_name() {
    if !is_root() {
        return;
    }
    let world = open_world();
    let finished = world
        .run()
        .args(["--user", "daemon"])
        .sh_without_tokens("echo by name > /dev/stdout")
        .finish();
    finished.code(0);
    assert_eq!(finished.stdout, "by name\n");
}

#[test]
fn the_server_of_another_user_has_the_terminal() {
    if !is_root() {
        return;
    }
    let world = open_world();
    let start = world.run().args(["--user", "daemon"]).sh_without_tokens(
        "echo at=$(id -un).; read line; echo \"read=$line.\"; (echo by its name > /dev/tty) && exit 5",
    );
    let terminal = Terminal::start(start);
    terminal.shows("at=daemon.");
    terminal.press("hello\n");
    terminal.shows("read=hello.");
    terminal.shows("by its name");
    terminal.wait().code(5);
}

/// Set again after the change of user, which takes it away.
#[test]
fn when_the_wrapper_is_killed_the_server_of_another_user_is_asked_to_stop_as_well() {
    if !is_root() {
        return;
    }
    let world = open_world();
    world.write("told", "");
    world.set_mode("told", 0o666);
    let run = world
        .run()
        .args(["--user", "daemon"])
        // It may not even ask whether the wrapper lives.
        .sh_without_tokens(
            "trap 'echo asked > told; exit' TERM; echo up; for n in 1 2 3 4 5 6 7 8 9; do nap; done",
        )
        .spawn();
    run.line("up");
    run.signal(nix::sys::signal::Signal::SIGKILL);
    crate::support::until("the server is asked to stop", || {
        fs::read_to_string(world.path("told")).unwrap() == "asked\n"
    });
}

#[test]
fn a_user_or_group_that_nobody_knows_is_a_usage_error_before_any_session_is_opened() {
    for (user, error) in [
        (
            "no-such-user",
            "there is no user no-such-user in /etc/passwd",
        ),
        ("4294967295", "there is no user 4294967295 in /etc/passwd"),
        (
            "0:no-such-group",
            "there is no group no-such-group in /etc/group",
        ),
    ] {
        let world = World::new();
        let finished = world
            .run_with_broker()
            .args(["--user", user])
            .sh("exit 0")
            .finish();
        finished.code(64).says(&format!("error: {error}"));
        assert_eq!(world.emulator.count("POST", "/v1/game-session"), 0);
    }
    for user in ["", ":group", "user:", "a:b:c", "two words"] {
        let finished = World::new()
            .run()
            .args(["--user", user])
            .sh_without_tokens("exit 0")
            .finish();
        finished.code(64).says(&format!(
            "error: invalid value '{user}' for option --user: expected USER or USER:GROUP, each a \
             name or a number"
        ));
    }
}

#[test]
fn who_is_not_root_is_told_so() {
    let world = open_world();
    let start = world.run_with_broker().args(["--user", "1"]).sh("exit 0");
    // Without the capabilities, root is as good as anybody.
    let start = if geteuid().is_root() {
        let tried = std::process::Command::new("setpriv")
            .args(["--bounding-set=-all", "true"])
            .status();
        if !tried.is_ok_and(|status| status.success()) {
            return not_tried("--user without capabilities: there is no setpriv that works");
        }
        start.under("setpriv", ["--bounding-set=-setuid,-setgid"])
    } else {
        start
    };
    let finished = start.finish();
    finished
        .code(64)
        .says("hint: start as root (with CAP_SETUID and CAP_SETGID), or without --user");
    assert_eq!(world.emulator.count("POST", "/v1/game-session"), 0);
}
