//! `/dev/termination-log`, where Kubernetes looks for the reason of an end: one line, in a file that somebody made.

use hytale_emulator::Fault;

use crate::support::machine::has_namespaces;
use crate::support::{Finished, Start, World, not_tried};

/// Runs it with a `/dev` of its own in which there is what `make` makes, and looks at the place afterwards. `None`
/// where there cannot be one.
fn with(start: Start, make: &str) -> Option<(Finished, String)> {
    if !has_namespaces() {
        not_tried("the termination message, which takes a /dev of one's own: root and unshare(1)");
        return None;
    }
    let script = format!(
        "dev=$(mktemp -d); mount -t tmpfs tmpfs $dev
        for name in null zero full random urandom; do
            : >$dev/$name; mount --bind /dev/$name $dev/$name
        done
        ln -s /proc/self/fd $dev/fd
        mount --rbind $dev /dev
        {make}
        code=0; \"$@\" || code=$?
        echo; echo the log:; timeout 1 cat /dev/termination-log 2>&1 || :
        umount -l /dev; umount -l $dev; rmdir $dev; exit $code"
    );
    let finished = start.around(&script).finish();
    let (_, log) = finished.stdout.split_once("\nthe log:\n").expect("it went");
    let log = log.to_owned();
    Some((finished, log))
}

const EMPTY: &str = "echo what was there before >/dev/termination-log";

#[test]
fn the_end_of_the_server_is_the_reason() {
    let world = World::new();
    for (end, code, reason) in [
        ("exit 0", 0, "the server ended with code 0\n"),
        (
            "exit 7",
            7,
            "the server ended with code 7 (assets are missing)\n",
        ),
        ("exit 100", 100, "the server ended with code 100\n"),
        ("kill -KILL $$", 137, "SIGKILL ended the server\n"),
    ] {
        let start = world.run().sh_without_tokens(end);
        let Some((finished, log)) = with(start, EMPTY) else {
            return;
        };
        finished.code(code);
        assert_eq!(log, reason);
    }
}

#[test]
fn an_error_of_ours_is_the_reason_in_one_line() {
    let world = World::new();
    let hostile = "a\nb\u{1b}[2J";
    let refused = Fault::on("/v1/game-session").status(401).with_body(hostile);
    world.emulator.fault(refused.always());
    let broker = world.run_with_broker().sh("exit 3");
    let typo = world.run().args(["--ready-timeout", "soon"]).sh("exit 3");
    let nothing = world.run().sh("exit 3");
    let missing = world
        .run()
        .args(["--", "./no-such", "--auth-mode=insecure"]);
    for (start, code, reason) in [
        (
            typo,
            64,
            "invalid value 'soon' for option --ready-timeout: expected a duration such as 500ms, 10s or 5m",
        ),
        (nothing, 78, "no source of session tokens is configured"),
        (missing, 127, "command not found: ./no-such"),
        (broker, 77, r"a\nb\u{1b}[2J"),
    ] {
        let Some((finished, log)) = with(start, EMPTY) else {
            return;
        };
        finished.code(code);
        assert!(log.contains(reason), "{log:?}");
        assert_eq!(log.matches('\n').count(), 1, "{log:?}");
        assert!(!log.contains('\u{1b}'), "{log:?}");
        assert!(finished.stderr.contains(log.trim_end()), "{finished}");
    }
}

#[test]
fn where_nobody_has_made_a_file_none_is_made() {
    let world = World::new();
    let start = world.run().sh_without_tokens("exit 3");
    let Some((finished, log)) = with(start, "") else {
        return;
    };
    finished.code(3).never_says("warning");
    assert!(log.contains("No such file"), "{log}");
}

#[test]
fn what_is_no_file_is_left_alone() {
    let world = World::new();
    let target = world.write("target", "theirs\n");
    let link = format!("ln -s '{}' /dev/termination-log", target.display());
    for (make, log) in [
        (&link[..], "theirs\n"),
        // Nobody reads it, and nobody waits for that.
        ("mkfifo /dev/termination-log", ""),
        (
            "mkdir /dev/termination-log",
            "cat: /dev/termination-log: Is a directory\n",
        ),
    ] {
        let start = world.run().sh_without_tokens("exit 3");
        let Some((finished, after)) = with(start, make) else {
            return;
        };
        finished.code(3).never_says("warning");
        assert_eq!(after, log, "{make}");
    }
}
