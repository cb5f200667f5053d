//! The words of `-h` and `--help`, held by files in tests/fixtures/help, so that a change of them is seen and read.
//! `HYTALE_ENTRYPOINT_TEST_WRITE=1 cargo test --test promises help` writes the files anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::support::World;

/// Every command, as the overview lists them.
pub fn commands(world: &World) -> Vec<String> {
    let overview = world.entrypoint().arg("-h").finish().stdout;
    let lines = overview.lines().skip_while(|line| *line != "Commands:");
    let commands: Vec<_> = lines
        .skip(1)
        .map_while(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    assert!(commands.contains(&"run".to_owned()), "{overview}");
    commands
}

/// The files, and what should stand in them.
fn pages(world: &World) -> Vec<(String, String)> {
    let page = |words: &[&str]| {
        let finished = world.entrypoint().args(words).finish();
        finished.code(0);
        assert_eq!(finished.stderr, "");
        // The version changes with every release, and no word with it.
        assert!(!finished.stdout.contains(env!("CARGO_PKG_VERSION")));
        finished.stdout
    };
    let mut pages = vec![
        ("hytale-entrypoint.txt".to_owned(), page(&["--help"])),
        ("hytale-entrypoint.short.txt".to_owned(), page(&["-h"])),
    ];
    for command in commands(world) {
        pages.push((format!("{command}.txt"), page(&[&command, "--help"])));
        pages.push((format!("{command}.short.txt"), page(&[&command, "-h"])));
        assert_eq!(page(&["help", &command]), page(&[&command, "--help"]));
    }
    pages
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/help")
}

#[test]
fn help_is_word_for_word_what_was_read_and_agreed_to() {
    let pages = pages(&World::new());
    if env::var_os("HYTALE_ENTRYPOINT_TEST_WRITE").is_some() {
        let _ = fs::remove_dir_all(folder());
        fs::create_dir_all(folder()).expect("the checkout can be written");
        for (name, page) in &pages {
            fs::write(folder().join(name), page).expect("the checkout can be written");
        }
    }
    let anew = "HYTALE_ENTRYPOINT_TEST_WRITE=1 cargo test --test promises help writes it anew";
    for (name, page) in &pages {
        let agreed = fs::read_to_string(folder().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}; {anew}"));
        assert_eq!(*page, agreed, "{name} is another; {anew}");
    }
    let names: BTreeSet<_> = pages.iter().map(|(name, _)| name.clone()).collect();
    let there: BTreeSet<_> = fs::read_dir(folder())
        .expect("it is there")
        .map(|entry| entry.expect("it is readable").file_name())
        .map(|name| name.into_string().expect("it is text"))
        .collect();
    assert_eq!(there, names, "no page is of a command that is gone");
}

#[test]
fn every_option_says_what_it_is_for_and_no_line_of_the_short_help_is_endless() {
    let world = World::new();
    for command in commands(&world) {
        let page = world.entrypoint().args([&command, "-h"]).finish().stdout;
        let mut lines = page.lines().peekable();
        while let Some(line) = lines.next() {
            assert!(line.len() <= 150, "{command}: {line}");
            if let Some(flag) = line.trim_start().strip_prefix("--") {
                // Where flags are long, the words stand below them.
                let below = lines.peek().map(|next| next.trim_start());
                let below = below.filter(|next| !next.starts_with('-'));
                let words = flag.split_once("  ").map(|(_, words)| words.trim());
                let words = words.or(below).unwrap_or_default();
                assert!(!words.is_empty(), "{command}: --{flag}");
            }
        }
    }
}
