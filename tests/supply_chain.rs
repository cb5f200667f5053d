//! What the binary is made of: every dependency has a reason, none asks for a newer Rust than we do, and unsafe code has one
//! home. Licences, versions and origins are for cargo-deny, which .ci/run asks (deny.toml).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::support::not_tried;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What cargo knows of every crate in Cargo.lock, ours among them.
fn packages() -> Vec<Value> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let packages = metadata["packages"].as_array().expect("it is a list");
    assert!(packages.len() > 50, "{}", packages.len());
    packages.clone()
}

/// The Cargo.toml of every crate of ours.
fn manifests() -> Vec<PathBuf> {
    let packages = packages();
    let ours = packages
        .iter()
        .filter(|package| package["source"].is_null());
    ours.map(|package| {
        package["manifest_path"]
            .as_str()
            .expect("it is text")
            .into()
    })
    .collect()
}

/// `1.95` and `1.95.0` as numbers that can be compared.
fn version(text: &str) -> Vec<u32> {
    let numbers = text.split('.').map(|number| number.parse());
    let mut numbers: Vec<u32> = numbers
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    numbers.resize(3, 0);
    numbers
}

const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

#[test]
fn every_dependency_says_what_it_is_for() {
    for manifest in manifests() {
        let text = text(&manifest);
        let mut dependencies = 0;
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
                let is_alone = section.contains("dependencies.");
                assert!(!is_alone, "one line a dependency: {section}");
            } else if section.ends_with("dependencies]") && line.contains(" = ") {
                dependencies += 1;
                let reason = line.split_once(" # ").map(|(_, reason)| reason);
                let has_one = reason.is_some_and(|reason| reason.len() > 3);
                assert!(has_one, "{}: {line}", manifest.display());
            }
        }
        assert!(dependencies > 0, "{}", manifest.display());
    }
}

#[test]
fn no_crate_asks_for_a_newer_rust_than_we_do() {
    let mut asked = 0;
    for package in packages() {
        let Some(wanted) = package["rust_version"].as_str() else {
            continue;
        };
        asked += 1;
        let name = &package["name"];
        assert!(version(wanted) <= version(OLDEST), "{name}: {wanted}");
    }
    assert!(asked > 50, "{asked}");
    // With that compiler, every other test shows that we ask for enough ourselves.
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.expect("rustc can be started");
    if !said.starts_with(&format!("rustc {OLDEST}.")) {
        not_tried(&format!(
            "the oldest Rust, {OLDEST}; this is {}",
            said.trim()
        ));
    }
}

#[test]
fn the_oldest_rust_is_the_same_wherever_it_is_named() {
    for (file, words) in [
        ("README.md", format!("With Rust {OLDEST} or later")),
        ("Dockerfile", format!("RUST_IMAGE=rust:{OLDEST}-")),
    ] {
        let text = text(&root().join(file));
        assert!(text.contains(&words), "{file} does not say {words:?}");
    }
}

#[test]
fn unsafe_code_has_one_home() {
    let workspace = text(&root().join("Cargo.toml"));
    let (_, lints) = workspace
        .split_once("\n[workspace.lints.rust]\n")
        .expect("there are lints for all");
    assert!(lints.starts_with("unsafe_code = \"deny\""), "{lints}");
    let mut looked_at = 0;
    for manifest in manifests() {
        let lints = "\n[lints]\nworkspace = true\n";
        assert!(text(&manifest).contains(lints), "{}", manifest.display());
        let folder = manifest.parent().expect("it is in a folder");
        for path in rust_files(folder) {
            looked_at += 1;
            // Written so that this file does not find itself.
            let allows = text(&path).contains(concat!("(unsafe", "_code"));
            let is_home = path == root().join("src/sys.rs");
            assert_eq!(allows, is_home, "{}", path.display());
        }
    }
    assert!(looked_at > 100, "{looked_at}");
}

/// But for those of fuzz/, a workspace of its own, and of whatever was built.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it can be read");
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.expect("it can be read").path()) {
        let is_ours = !["fuzz", "target"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && is_ours {
            files.extend(rust_files(&path));
        } else if path.extension() == Some(OsStr::new("rs")) {
            files.push(path);
        }
    }
    files
}
