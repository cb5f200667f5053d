//! Whatever the examples name is there: variables, commands, options. That they work is shown elsewhere, each where it belongs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::support::World;

/// The examples, and what else is copied from: each file and its text.
fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = fs::read_dir(root.join("examples")).expect("there are examples");
    let mut paths: Vec<PathBuf> = examples.flatten().map(|entry| entry.path()).collect();
    assert!(paths.len() >= 3, "{paths:?}");
    paths.extend(["README.md", "Dockerfile"].map(|name| root.join(name)));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("it is text");
        (path, text)
    };
    paths
        .into_iter()
        .filter(|path| path.is_file())
        .map(read)
        .collect()
}

fn help(command: &str) -> Option<String> {
    let help = World::new().entrypoint().args([command, "--help"]).finish();
    help.status.success().then_some(help.stdout)
}

/// The words that begin so and go on with what a name may hold; but for `${…}`, which is for whoever reads the file.
fn names<'a>(text: &'a str, begin: &str, more: fn(char) -> bool) -> BTreeSet<&'a str> {
    text.match_indices(begin)
        .filter(|(at, _)| !text[..*at].ends_with("${"))
        .map(|(at, _)| &text[at..])
        .map(|rest| rest.split(|c| !more(c)).next().unwrap_or_default())
        .collect()
}

fn variables(text: &str) -> BTreeSet<&str> {
    names(text, "HYTALE_", |c| c.is_ascii_uppercase() || c == '_')
}

#[test]
fn every_variable_in_an_example_is_one_that_the_entrypoint_knows() {
    let help = help("run").expect("there is help");
    let known = variables(&help);
    assert!(known.contains("HYTALE_AUTH_KEY"), "{known:?}");
    for (path, text) in files() {
        // These are for the tests themselves.
        let given = variables(&text).into_iter();
        let unknown: Vec<&str> = given
            .filter(|name| !known.contains(name) && !name.starts_with("HYTALE_ENTRYPOINT_TEST_"))
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
}

/// The command lines of the entrypoint in a text: a command and its options, up to the server's own.
fn command_lines(text: &str) -> Vec<(String, Vec<String>)> {
    let bare = |word: &str| {
        word.trim_matches(|c| "`'\"[]{}(),;.".contains(c))
            .to_owned()
    };
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<String> = line.split_whitespace().map(bare).collect();
        for (at, word) in words.iter().enumerate() {
            // `docker run --entrypoint hytale-entrypoint IMAGE` goes on with something else.
            let is_program = (word == "hytale-entrypoint"
                || word.ends_with("/bin/hytale-entrypoint"))
                && (at == 0 || words[at - 1] != "--entrypoint");
            let command = words.get(at + 1).filter(|_| is_program);
            let Some(command) = command.filter(|next| next.starts_with(char::is_lowercase)) else {
                continue;
            };
            let options = words[at + 2..].iter().take_while(|word| *word != "--");
            let options = options.filter(|word| word.starts_with("--")).cloned();
            found.push((command.clone(), options.collect()));
        }
    }
    found
}

#[test]
fn every_command_and_option_in_an_example_is_there() {
    let mut seen = BTreeSet::new();
    for (path, text) in files() {
        for (command, options) in command_lines(&text) {
            let Some(help) = help(&command) else {
                panic!("{}: no command {command:?}", path.display());
            };
            let known = names(&help, "--", |c| c.is_ascii_lowercase() || c == '-');
            for option in options {
                assert!(
                    known.contains(option.as_str()),
                    "{}: {command} {option}",
                    path.display()
                );
            }
            seen.insert(command);
        }
    }
    for command in ["run", "login", "health"] {
        assert!(seen.contains(command), "{seen:?}");
    }
}
