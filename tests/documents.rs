//! What entrypoint.md, README.md and the rest say is so: options, variables, defaults, exit codes, links.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::World;
use crate::support::markdown::{literals, prose, table, text};

/// An option, as a document or `--help` has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Described {
    variables: BTreeSet<String>,
    /// Words that a person can choose between; empty for a value of another kind.
    words: BTreeSet<String>,
    default: Option<String>,
}

/// Defaults that are no value but words, for which a table has other ones than a terminal.
#[rustfmt::skip]
const IN_WORDS: &[(&str, &str, &str)] = &[
    ("--auth-file", "<state-dir>/auth.enc", "auth.enc in the state folder"),
    ("--auth-key-file", "see [the credential file](#the-credential-file)", "the machine's hardware id, else auth.key beside the credentials"),
    ("--stop-timeout", "none: never kills", "never"),
    ("--status-file",
        "status.json in $RUNTIME_DIRECTORY, else in /run/hytale-entrypoint for root, else in $XDG_RUNTIME_DIR/hytale-entrypoint, \
         else in /tmp/hytale-entrypoint-<uid>",
        "status.json in $RUNTIME_DIRECTORY, else in hytale-entrypoint in /run for root, else in $XDG_RUNTIME_DIR, \
         else in /tmp/hytale-entrypoint-UID"),
];

fn variables(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
        .filter(|word| word.starts_with("HYTALE_"))
        .map(str::to_owned)
        .collect()
}

fn words(value: &str) -> BTreeSet<String> {
    match value.split_once('|') {
        Some(_) => value.split('|').map(str::to_owned).collect(),
        None => BTreeSet::new(),
    }
}

/// The options as `run --help` has them.
fn in_help() -> BTreeMap<String, Described> {
    let help = World::new().entrypoint().args(["run", "--help"]).finish();
    let mut found: BTreeMap<String, Described> = BTreeMap::new();
    let mut option = None;
    for line in help.stdout.lines() {
        let line = line.trim();
        if let Some((flag, value)) = line
            .strip_prefix("--")
            .map(|_| line.split_once(' ').unwrap_or((line, "")))
        {
            let described = Described {
                words: words(value.trim_matches(['<', '>'])),
                ..Described::default()
            };
            found.insert(flag.to_owned(), described);
            option = Some(flag.to_owned());
        } else if let Some(option) = option.as_ref().filter(|_| line.starts_with("[env: ")) {
            let described = found.get_mut(option).expect("it was just seen");
            described.variables = variables(line);
            let default = line.split_once("[default: ").map(|(_, default)| default);
            described.default = default.map(|text| text.trim_end_matches(']').to_owned());
        }
    }
    found
}

/// The same from the table.
fn in_the_table() -> BTreeMap<String, Described> {
    let mut found = BTreeMap::new();
    for row in table("entrypoint.md", "## Options and variables") {
        let [options, named, defaults] = row.as_slice() else {
            panic!("{row:?}");
        };
        let options = literals(options);
        // One row may hold two options, with two variables and two defaults.
        let share = |cell: &str, n: usize| match options.len() {
            1 => cell.to_owned(),
            _ => literals(cell)[n].to_owned(),
        };
        for (n, option) in options.iter().enumerate() {
            let (flag, value) = option.split_once(' ').unwrap_or((option, ""));
            let described = Described {
                variables: variables(&share(named, n)),
                words: words(value),
                default: match share(defaults, n) {
                    none if none == "none" => None,
                    default => Some(default),
                },
            };
            let other = found.insert(flag.to_owned(), described);
            assert_eq!(other, None, "{flag} stands there twice");
        }
    }
    found
}

#[test]
fn the_table_of_options_is_what_help_says() {
    let (help, table) = (in_help(), in_the_table());
    let flags = |of: &BTreeMap<String, Described>| of.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(flags(&table), flags(&help));
    assert!(help.len() > 30, "{help:?}");
    for (flag, told) in &table {
        let known = &help[flag];
        assert_eq!(told.variables, known.variables, "{flag}");
        assert_eq!(told.words, known.words, "{flag}");
        let (default, known) = (told.default.as_deref(), known.default.as_deref());
        if let Some((_, in_table, in_help)) = IN_WORDS.iter().find(|(name, ..)| name == flag) {
            let bare = default.map(|text| text.replace('`', ""));
            assert_eq!(bare.as_deref(), Some(*in_table), "{flag}");
            assert_eq!(known, Some(*in_help), "{flag}");
            continue;
        }
        // "none" is the default of an option that has none, in the table or in help.
        let known = known.filter(|known| *known != "none");
        // A remark may follow the value.
        let value = default.map(|text| match literals(text).as_slice() {
            [first, ..] if text.starts_with('`') && !first.starts_with('$') => (*first).to_owned(),
            _ => text.replace('`', ""),
        });
        assert_eq!(value.as_deref(), known, "{flag}");
    }
}

/// The codes that the program itself knows, by name, from the one place where they are.
fn codes() -> BTreeMap<String, u8> {
    let source = text("src/exit.rs");
    let (_, list) = source.split_once("pub enum Code {").expect("it is there");
    let (list, _) = list.split_once("\n}").expect("it ends");
    let pairs = list
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "));
    let codes: BTreeMap<_, _> = pairs
        .map(|(name, code)| (name.to_owned(), code.parse().expect("it is a code")))
        .collect();
    assert!(codes.len() >= 10, "{codes:?}");
    codes
}

/// The wrapper's own rows in the table: the codes in each, and its last column.
fn rows_of_codes() -> Vec<(BTreeSet<u8>, String)> {
    let rows = table("entrypoint.md", "## Exit codes").into_iter();
    rows.filter(|row| !row[0].contains('n'))
        .map(|row| {
            let codes = row[0]
                .split(", ")
                .map(|code| code.parse().expect("it is a code"));
            (codes.collect(), row[2].clone())
        })
        .collect()
}

#[test]
fn the_exit_codes_are_the_same_in_the_program_its_help_and_its_reference() {
    let known: BTreeSet<u8> = codes().into_values().collect();
    let told: BTreeSet<u8> = rows_of_codes()
        .into_iter()
        .flat_map(|(codes, _)| codes)
        .collect();
    assert_eq!(told, known);
    let help = World::new().entrypoint().args(["run", "--help"]).finish();
    let (_, table) = help
        .stdout
        .split_once("\nExit codes: ")
        .expect("it has them");
    let numbers = table.split(|c: char| c.is_whitespace() || c == ',');
    let in_help: BTreeSet<u8> = numbers.filter_map(|word| word.parse().ok()).collect();
    assert_eq!(in_help, known);
}

#[test]
fn what_a_restart_cures_is_the_same_in_the_program_its_reference_and_the_unit() {
    let source = text("src/exit.rs");
    let codes = codes();
    let (_, cured) = source.split_once("matches!(self, ").expect("it is there");
    let (cured, _) = cured.split_once(')').expect("it ends");
    let cured: BTreeSet<u8> = cured
        .split(" | ")
        .map(|name| codes[name.trim_start_matches("Self::")])
        .collect();
    let with = |answers: &[&str]| -> BTreeSet<u8> {
        let rows = rows_of_codes().into_iter();
        rows.filter(|(_, answer)| answers.iter().any(|a| answer.starts_with(a)))
            .flat_map(|(codes, _)| codes)
            .collect()
    };
    assert_eq!(with(&["yes", "later"]), cured);
    let unit = text("examples/hytale.service");
    let (_, line) = unit
        .split_once("\nRestartPreventExitStatus=")
        .expect("it is there");
    let kept_down = line.lines().next().unwrap_or_default().split(' ');
    let kept_down: BTreeSet<u8> = kept_down
        .map(|code| code.parse().expect("a code"))
        .collect();
    // A smoke test is no service.
    let mut hopeless = with(&["no"]);
    hopeless.remove(&codes["NotReady"]);
    assert_eq!(kept_down, hopeless);
}

#[test]
fn what_is_typed_starts_what_the_reference_says() {
    let world = World::new();
    fs::create_dir(world.path("bin")).expect("there is room");
    let say = "#!/bin/sh\necho started=${0##*/} \"$@\".\n";
    world.program("bin/java", say);
    world.program("start.sh", say);
    world.write("HytaleServer.jar", "");
    let path = std::env::var("PATH").expect("there is a PATH");
    let path = format!("{}:{path}", world.path("bin").display());
    let rows = table("entrypoint.md", "## Commands");
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let typed: Vec<_> = literals(&row[0])[0].split(' ').collect();
        let started = match literals(&row[1]).as_slice() {
            [started] => (*started).to_owned(),
            _ => {
                assert_eq!(row[1], "as typed");
                let command = typed.iter().skip_while(|word| **word != "--").skip(1);
                command.copied().collect::<Vec<_>>().join(" ")
            }
        };
        let start = world.entrypoint().args(&typed).env("PATH", &path);
        let start = start.env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            world.emulator.broker_url(),
        );
        let finished = start.env("HYTALE_ENTRYPOINT_PASS_TOKENS", "env").finish();
        finished.code(0);
        let started = started.trim_start_matches("./");
        assert_eq!(
            finished.stdout.trim_end(),
            format!(
                "started={started}{}.",
                if started.contains(' ') { "" } else { " " }
            )
        );
    }
}

fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(documents(&path));
        } else if path.extension() == Some(OsStr::new("md")) {
            found.push(path);
        }
    }
    found
}

/// What a heading is called in a link: lower case, words with dashes between, nothing else.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_link_inside_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut followed = 0;
    for document in documents(root) {
        let name = document.strip_prefix(root).expect("it is below");
        let text = prose(&name.to_string_lossy());
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split(')').next().unwrap_or_default();
            if link.contains("://") {
                continue;
            }
            followed += 1;
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.parent().expect("it is in a folder").join(file),
            };
            assert!(target.exists(), "{}: {link}", name.display());
            if !part.is_empty() {
                let target = target.canonicalize().expect("it is there");
                let target = target.strip_prefix(root.canonicalize().expect("so is this"));
                let text = prose(&target.expect("it is ours").to_string_lossy());
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let is_there = headings.any(|heading| anchor(heading) == part);
                assert!(is_there, "{}: {link}", name.display());
            }
        }
    }
    assert!(followed > 15, "{followed}");
}

#[test]
fn the_changelog_has_the_form_that_it_names() {
    let text = text("CHANGELOG.md");
    let headings: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headings[..2], ["# Changelog", "## [Unreleased]"]);
    for heading in &headings[2..] {
        let kind = heading.strip_prefix("### ");
        let version = heading
            .strip_prefix("## [")
            .and_then(|v| v.split_once("] - "));
        let is_right = match (kind, version) {
            (Some(kind), _) => [
                "Added",
                "Changed",
                "Deprecated",
                "Removed",
                "Fixed",
                "Security",
            ]
            .contains(&kind),
            (None, Some((version, date))) => {
                version.split('.').count() == 3 && date.parse::<jiff::civil::Date>().is_ok()
            }
            (None, None) => false,
        };
        assert!(is_right, "{heading}");
    }
}
