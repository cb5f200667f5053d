//! The example unit as systemd's own tools see it; `systemd.rs` has a real systemd run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::support::{World, not_tried};

/// In tenths, as `systemd-analyze` wants it: 12 is what the unit has. The network and a JIT compiler's memory are most of what is left.
const EXPOSURE: &str = "12";

/// Where the unit's program is on a machine that has it installed.
const PROGRAM: &str = "/usr/local/bin/hytale-entrypoint";

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hytale.service")
}

/// What `systemd-analyze` says, if there is one.
fn analyze(arguments: &[&str], unit: &Path) -> Option<Output> {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg("--no-pager")
        .arg(unit)
        .output();
    if output.is_err() {
        not_tried("what systemd-analyze says of the unit; it comes with systemd");
    }
    output.ok()
}

/// All that it says about our unit; what it finds in this machine's own units is not our business.
fn complaints(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = said.lines().filter(|line| line.contains("hytale"));
    lines.map(str::to_owned).collect()
}

/// The unit in the world's folder, with the program where this machine has it.
fn installed(world: &World, text: &str) -> PathBuf {
    let program = env!("CARGO_BIN_EXE_hytale-entrypoint");
    assert!(text.contains(PROGRAM), "{text}");
    world.write("hytale.service", text.replace(PROGRAM, program))
}

#[test]
fn the_unit_passes_systemd_analyze_verify() {
    let world = World::new();
    let text = fs::read_to_string(unit()).expect("there is an example");
    let Some(verified) = analyze(&["verify"], &installed(&world, &text)) else {
        return;
    };
    assert_eq!(complaints(&verified), Vec::<String>::new());
}

#[test]
fn its_lines_for_a_key_and_a_broker_pass_as_well() {
    let world = World::new();
    let text = fs::read_to_string(unit()).expect("there is an example");
    let (mut switched_on, mut lines) = (0, Vec::new());
    for line in text.lines() {
        let directive = ["#LoadCredential=", "#Environment="];
        let off = directive.iter().any(|name| line.starts_with(name));
        switched_on += usize::from(off);
        lines.push(if off { &line[1..] } else { line });
    }
    assert_eq!(switched_on, 3, "a key, a broker and its token");
    let Some(verified) = analyze(&["verify"], &installed(&world, &lines.join("\n"))) else {
        return;
    };
    assert_eq!(complaints(&verified), Vec::<String>::new());
}

#[test]
fn a_unit_with_a_mistake_does_not_pass() {
    let world = World::new();
    let text = fs::read_to_string(unit()).expect("there is an example");
    let wrong = text.replace("KillMode=mixed", "KillMode=mxied");
    let Some(verified) = analyze(&["verify"], &installed(&world, &wrong)) else {
        return;
    };
    assert!(!complaints(&verified).is_empty(), "{verified:?}");
}

#[test]
fn the_unit_is_as_closed_as_a_jvm_allows() {
    let threshold = format!("--threshold={EXPOSURE}");
    let Some(scored) = analyze(&["security", "--offline=yes", &threshold], &unit()) else {
        return;
    };
    let table = String::from_utf8_lossy(&scored.stdout);
    assert!(table.contains("Overall exposure level"), "{scored:?}");
    assert!(scored.status.success(), "{table}");
}
