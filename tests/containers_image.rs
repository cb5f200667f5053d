//! What the image is: a binary that needs nothing else, a user who may do nothing else, and no secret to be seen.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::containers::{BOOTED, STATE, Yard};

const VERSION: &str = concat!("hytale-entrypoint ", env!("CARGO_PKG_VERSION"));

/// A program header that names an interpreter: the dynamic linker.
const PT_INTERP: u32 = 3;

/// What a container of the image with the binary alone would hold, as a tar.
#[track_caller]
fn export(yard: &Yard) -> Vec<u8> {
    let label = yard.label();
    let container = yard.asked(["create", "--label", &label, yard.binary_image]);
    let output = yard.docker(["export", &container]).output();
    output.expect("there is a docker").stdout
}

/// What tar(1) makes of an archive.
#[track_caller]
fn tar(options: &[&str], archive: &[u8]) -> Vec<u8> {
    let mut tar = Command::new("tar")
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a tar");
    let mut input = tar.stdin.take().expect("it is a pipe");
    std::thread::scope(|scope| {
        // It may have read enough before the end.
        scope.spawn(move || input.write_all(archive));
        tar.wait_with_output().expect("it is our child").stdout
    })
}

/// The kinds of the program headers of a 64-bit little-endian ELF file.
fn program_headers(elf: &[u8]) -> Vec<u32> {
    let number = |at: usize, bytes: usize| {
        let field = elf[at..at + bytes].iter().rev();
        field.fold(0, |number, &byte| number << 8 | usize::from(byte))
    };
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01", "what this test can read");
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count)
        .map(|header| u32::try_from(number(table + header * size, 4)).expect("four bytes"))
        .collect()
}

#[test]
fn the_binary_image_holds_the_binary_alone() {
    let Some(yard) = Yard::open() else { return };
    let list = tar(&["--list", "--verbose"], &export(&yard));
    let list = String::from_utf8_lossy(&list);
    // The engine adds places to mount something on: folders and empty files.
    let files: Vec<_> = list
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns[0].starts_with('-') && columns[2] != "0")
        .map(|columns| columns[5])
        .collect();
    assert_eq!(files, ["hytale-entrypoint"], "{list}");
}

#[test]
fn the_binary_is_static_and_does_its_work_where_there_is_nothing_else() {
    let Some(yard) = Yard::open() else { return };
    let binary = tar(
        &["--extract", "--to-stdout", "hytale-entrypoint"],
        &export(&yard),
    );
    assert!(!program_headers(&binary).contains(&PT_INTERP));

    let said = yard.asked([
        "run",
        "--rm",
        "--network",
        "none",
        "--label",
        &yard.label(),
        yard.binary_image,
        "--version",
    ]);
    assert_eq!(said, VERSION);
    // It is also the only program that can be the server there.
    let server = yard
        .bare_container()
        .image(yard.binary_image)
        .broker()
        .server(["run", "--", "/hytale-entrypoint", "--version"])
        .spawn();
    let finished = server.wait();
    finished.code(0).says("session released");
    assert_eq!(finished.stdout.trim(), VERSION);
    yard.world.assert_nothing_left();
}

#[test]
fn the_image_says_what_it_is() {
    let Some(yard) = Yard::open() else { return };
    let label = |name| {
        let field = format!("index .Config.Labels \"org.opencontainers.image.{name}\"");
        yard.inspect(yard.image, &field)
    };
    assert_eq!(label("title"), "hytale-entrypoint");
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(label("source"), env!("CARGO_PKG_REPOSITORY"));
    assert_ne!(label("description"), "");
    assert_eq!(yard.inspect(yard.image, ".Config.User"), "1000:1000");
    assert_eq!(yard.inspect(yard.image, ".Config.StopSignal"), "SIGTERM");
}

#[test]
fn a_read_only_container_without_capabilities_needs_only_a_tmp() {
    let Some(yard) = Yard::open() else { return };
    let server = yard
        .container_with_broker()
        .options(["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"])
        .options(["--security-opt", "no-new-privileges"])
        .spawn();
    server.until_ready();
    server.is_told("stop");
    let finished = server.wait();
    finished
        .code(143)
        .says("session released")
        .never_says("warning:");
    yard.world.assert_nothing_left();
}

#[test]
fn any_user_will_do_who_can_write_the_state_folder() {
    let Some(yard) = Yard::open() else { return };
    let volume = yard.volume("state");
    let label = yard.label();
    // The engine gives an empty volume the image's owner, unless it is told not to.
    let state = format!("{volume}:{STATE}:nocopy");
    let chown = ["--entrypoint", "chown", yard.image, "123456", STATE];
    let run = ["run", "--network", "none", "--label", &label];
    let as_root = ["--user", "0", "--volume", &state];
    yard.asked(run.iter().chain(&as_root).chain(&chown));

    // As OpenShift does it: a number that no file names, in root's group.
    let server = yard
        .bare_container()
        .game()
        .broker()
        .options(["--volume", &state, "--user", "123456:0"])
        .options(["--read-only", "--tmpfs", "/tmp"])
        .spawn();
    server.until_ready();
    assert_eq!(server.sh("id -u"), "123456");
    assert_eq!(server.sh(&format!("ls {STATE}/leases | wc -l")), "1");
    server.is_told("stop");
    server
        .wait()
        .code(143)
        .says("session released")
        .never_says("warning:");
    yard.world.assert_nothing_left();
}

#[test]
fn the_engine_shows_nobody_a_token() {
    let Some(yard) = Yard::open() else { return };
    let server = yard.container_with_broker().spawn();
    server.line(BOOTED);
    let name = server.name().to_owned();
    // Every token has this in common.
    const TOKEN: &str = "eyJ";
    assert!(
        server
            .sh(&format!("cat {STATE}/leases/*.json"))
            .contains(TOKEN)
    );
    let top = yard.asked(["top", &name]);
    assert!(
        top.contains("HytaleServer.jar") || top.contains("@/proc/self/fd/"),
        "{top}"
    );
    assert!(!top.contains(TOKEN), "{top}");
    server.is_told("stop");
    server.wait().code(143).never_says(TOKEN);
    let record = yard.asked(["inspect", &name]);
    assert!(
        record.contains("HYTALE_SESSION_TOKEN_BROKER_URL"),
        "{record}"
    );
    assert!(!record.contains(TOKEN), "{record}");
}

#[test]
fn docker_logs_have_the_servers_output_as_it_was() {
    let Some(yard) = Yard::open() else { return };
    // Colours, a line that is longer than what an engine writes at once, and a last one without an end.
    let server = r"printf '\033[1;32mgreen\033[0m\r\n\t\303\274ber\n'; head -c 40000 /dev/zero | tr '\0' x; printf '\nend'";
    let name = yard.container_with_broker().sh(server).detach();
    yard.until_inspected(&name, ".State.Status", "exited");
    let logs = yard
        .docker(["logs", &name])
        .output()
        .expect("there is a docker");
    let expected = format!(
        "\x1b[1;32mgreen\x1b[0m\r\n\t\u{fc}ber\n{}\nend",
        "x".repeat(40000)
    );
    assert_eq!(String::from_utf8_lossy(&logs.stdout), expected);
    let ours = String::from_utf8_lossy(&logs.stderr);
    assert!(ours.contains("session released"), "{ours}");
    assert!(
        ours.lines()
            .all(|line| line.starts_with("hytale-entrypoint: ")),
        "{ours}"
    );
}
