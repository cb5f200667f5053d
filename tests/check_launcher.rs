//! `check` on what would be started: the command, its Java, jar and assets, and the server's user.

use std::fs;

use nix::sys::signal::Signal::SIGTERM;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, geteuid, mkfifo};

use crate::support::checks::EMPTY_ARCHIVE;
use crate::support::processes::lives;
use crate::support::{World, not_tried, until};

const NO_FILE: &str = "No such file or directory (os error 2)";

#[test]
fn what_cannot_be_started_has_the_exit_code_that_run_has() {
    let world = World::new();
    world.write("plain", "exit 0\n");
    world.write("broken.jar", &EMPTY_ARCHIVE[..20]);
    world.write("whole.jar", EMPTY_ARCHIVE);
    fs::create_dir(world.path("folder")).unwrap();
    world.jdk("#!/bin/sh\n", Some("JAVA_VERSION=\"25\"\n"));
    for (command, code, name, message) in [
        (
            "./no-such",
            127,
            "command",
            "command not found: ./no-such".to_owned(),
        ),
        (
            "./plain",
            126,
            "command",
            "cannot execute ./plain: Permission denied (os error 13)".to_owned(),
        ),
        (
            "jdk/bin/java -jar no.jar",
            66,
            "jar",
            format!("cannot read the jar no.jar: {NO_FILE}"),
        ),
        (
            "jdk/bin/java -jar folder",
            66,
            "jar",
            "cannot read the jar folder: it is not a regular file".to_owned(),
        ),
        (
            "jdk/bin/java -jar whole.jar --assets=no.zip",
            66,
            "assets",
            format!("cannot read the assets no.zip: {NO_FILE}"),
        ),
    ] {
        let words: Vec<_> = command.split(' ').collect();
        let checked = world.check_with_broker().arg("--").args(&words).finish();
        checked.code(code).shows("FAILED", name, &message);
        if name != "assets" {
            let run = world.run_with_broker().arg("--").args(&words).finish();
            run.code(code).says(&format!("error: {message}"));
        }
    }
    // Here Java would be the first to notice.
    let start = world.check_with_broker();
    start
        .args(["--", "jdk/bin/java", "-jar", "broken.jar"])
        .finish()
        .code(66)
        .shows(
            "FAILED",
            "jar",
            "the jar broken.jar is no zip archive, or not all of one",
        );
}

#[test]
fn assets_may_be_a_folder_and_a_file_that_was_cut_short_is_a_warning() {
    let world = World::new();
    fs::create_dir(world.path("assets")).unwrap();
    world.write("Assets.zip", &EMPTY_ARCHIVE[..20]);
    let start = || world.check_with_broker().args(["--", "sh", "--assets"]);
    start()
        .args(["assets", "--assets=Assets.zip"])
        .finish()
        .code(0)
        .shows("ok", "assets", "assets")
        .shows(
            "warning",
            "assets",
            "Assets.zip is no zip archive, or not all of one",
        );
    mkfifo(&world.path("fifo"), Mode::S_IRWXU).unwrap();
    start().arg("fifo").finish().code(66).shows(
        "FAILED",
        "assets",
        "cannot read the assets fifo: it is not a regular file",
    );
}

#[test]
fn the_version_of_java_is_told_and_never_a_failure() {
    let world = World::new();
    world.write("HytaleServer.jar", EMPTY_ARCHIVE);
    let not_wanted = "#!/bin/sh\necho asked >&2; exit 9\n";
    let says = |version: &str| {
        format!(
            "#!/bin/sh\n[ \"$*\" = -version ] || exit 9\necho 'openjdk version \"{version}\" 2026-09-15' >&2\n"
        )
    };
    let old = "Java 17.0.15: the server wants 25, and its jar takes 21 at least";
    for (launcher, release, outcome, message) in [
        (
            not_wanted,
            Some("JAVA_VERSION=\"25.0.1\"\n"),
            "ok",
            "Java 25.0.1",
        ),
        (
            not_wanted,
            Some("A=b\nJAVA_VERSION=\"26\"\n"),
            "ok",
            "Java 26",
        ),
        (
            not_wanted,
            Some("JAVA_VERSION=\"21.0.2\"\n"),
            "warning",
            "Java 21.0.2: the server wants 25",
        ),
        (
            not_wanted,
            Some("JAVA_VERSION=\"17.0.15\"\n"),
            "warning",
            old,
        ),
        (&says("25.0.1"), None, "ok", "Java 25.0.1"),
        (
            &says("17.0.15"),
            Some("IMPLEMENTOR=\"x\"\n"),
            "warning",
            old,
        ),
        (
            &says("1.8.0_412"),
            None,
            "warning",
            "Java 1.8.0_412: the server wants 25, and its jar takes 21 at least",
        ),
    ] {
        let java = world.jdk(launcher, release);
        let start = world.check_with_broker().arg("--java").arg(java);
        start.finish().code(0).shows(outcome, "java", message);
    }
    let java = world.jdk(not_wanted, None);
    let start = world.check_with_broker().arg("--java").arg(&java);
    let java = java.display();
    let message = format!("{java} does not tell its version: it ended with exit status: 9");
    start.finish().code(0).shows("warning", "java", &message);
}

#[test]
fn a_launcher_that_is_asked_for_its_version_sees_no_secret_and_a_script_is_not_asked() {
    let world = World::new();
    world.write("HytaleServer.jar", EMPTY_ARCHIVE);
    let java = world.jdk("#!/bin/sh\nenv >seen\n", None);
    let start = world.check_with_broker().tokens(&world.mint());
    start.arg("--java").arg(java).finish().tells_no_token();
    let seen = fs::read_to_string(world.path("seen")).unwrap();
    assert!(seen.contains("PATH="), "{seen}");
    for secret in ["TOKEN", "eyJ", "HYTALE_ENTRYPOINT"] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    world.program("start.sh", "#!/bin/sh\necho started >asked\n");
    let start = world.check_with_broker().args(["--", "./start.sh"]);
    start.finish().code(0).shows_nothing_of("java");
    assert!(!world.path("asked").exists());
}

#[test]
fn a_stop_ends_a_check_and_what_it_waits_for() {
    let world = World::new();
    let java = world.jdk("#!/bin/sh\necho $$ >pid\nexec sleep 300\n", None);
    let check = world.check_with_broker().arg("--java").arg(java).spawn();
    let asked = || fs::read_to_string(world.path("pid")).unwrap_or_default();
    until("the launcher is asked", || asked().ends_with('\n'));
    check.signal(SIGTERM);
    check.wait().code(143).never_says("ok ");
    let launcher = Pid::from_raw(asked().trim().parse().unwrap());
    until("the launcher is gone", || !lives(launcher));
}

#[test]
fn the_servers_user_is_looked_up_and_a_launcher_is_asked_as_that_user() {
    let world = World::new();
    let start = world.check_with_broker().args(["--user", "nobody-knows"]);
    start.sh("exit 0").finish().code(64).shows(
        "FAILED",
        "user",
        "there is no user nobody-knows in /etc/passwd",
    );
    if !geteuid().is_root() {
        return not_tried("check --user as root");
    }
    world.write("HytaleServer.jar", EMPTY_ARCHIVE);
    for folder in ["", "jdk", "jdk/bin"] {
        let _ = fs::create_dir(world.path(folder));
        world.set_mode(folder, 0o755);
    }
    let says = "#!/bin/sh\necho \"as version \\\"$(id -u).$(id -g).$(id -G)\\\"\" >&2\n";
    let java = world.jdk(says, None);
    let start = world.check_with_broker().arg("--java").arg(java);
    start
        .args(["--user", "12345:54321"])
        .finish()
        .code(0)
        .shows("ok", "user", "the server would run as 12345:54321")
        .shows("ok", "java", "Java 12345.54321.54321");
}
