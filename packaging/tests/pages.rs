//! What is promised about the man pages and completions, asked of the tools that read them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// What `hytale-entrypoint-pages` writes.
fn share() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    let written = Command::new(env!("CARGO_BIN_EXE_hytale-entrypoint-pages"))
        .arg(folder.path())
        .output()
        .expect("it can be started");
    assert!(written.status.success(), "{written:?}");
    folder
}

/// Runs a tool; without it the test says so, past the harness that hides what a passing test has said.
fn tool(name: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(name).args(arguments).output();
    match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let _ = writeln!(io::stderr(), "NOT TRIED: {name}, which is not installed");
            None
        }
        output => Some(output.expect("the tool can be started")),
    }
}

/// What a shell says to a script that ought to be silent about errors.
#[track_caller]
fn shell(name: &str, arguments: &[&str]) -> Option<String> {
    let output = tool(name, arguments)?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn path(share: &Path, name: &str) -> String {
    share.join(name).display().to_string()
}

/// The commands, from the program's own page.
fn commands(share: &Path) -> Vec<String> {
    let page = fs::read_to_string(share.join("man/man1/hytale-entrypoint.1"));
    let page = page
        .expect("there is a page of the program")
        .replace('\\', "");
    let names = page.lines().filter_map(|line| {
        let name = line.strip_prefix("hytale-entrypoint-")?;
        Some(name.strip_suffix("(1)")?.to_owned())
    });
    names.collect()
}

#[test]
fn every_command_has_a_man_page_that_groff_takes_without_a_warning() {
    let share = share();
    let commands = commands(share.path());
    assert!(
        commands.iter().any(|command| command == "run"),
        "{commands:?}"
    );
    let names = commands
        .iter()
        .map(|command| format!("hytale-entrypoint-{command}"));
    for name in names.chain(["hytale-entrypoint".to_owned()]) {
        let page = path(share.path(), &format!("man/man1/{name}.1"));
        assert!(Path::new(&page).is_file(), "{page}");
        let Some(read) = tool("groff", &["-man", "-ww", "-Tutf8", "-z", &page]) else {
            return;
        };
        assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
    }
}

#[test]
fn the_page_of_run_tells_options_variables_and_exit_codes() {
    let share = share();
    let page = path(share.path(), "man/man1/hytale-entrypoint-run.1");
    let Some(text) = shell("groff", &["-man", "-Tascii", "-P-cbou", &page]) else {
        return;
    };
    for words in [
        "hytale-entrypoint run [OPTIONS] [--] [COMMAND [ARG]...]",
        "--broker-url <URL>",
        "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN_SRC",
        "   75  no session slot free",
    ] {
        assert!(text.contains(words), "no {words:?} in\n{text}");
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let share = share();
    let script = path(
        share.path(),
        "bash-completion/completions/hytale-entrypoint",
    );
    let Some(_) = shell("bash", &["-n", &script]) else {
        return;
    };
    for (typed, offered) in [
        ("ru", "run"),
        ("run --st", "--stop-timeout --state-dir"),
        ("run --signal-scope ", "group child"),
        ("run --pass-tokens ", "auto argfile args env"),
        ("status --log-level ", "error warn info debug"),
        ("status --j", "--json"),
    ] {
        // As bash does it: the words, the number of the last one, and a call with it and the one before.
        let ask = format!(
            "source '{script}'
             function=$(complete -p hytale-entrypoint | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
             typed='{typed}'; read -ra COMP_WORDS <<< \"hytale-entrypoint $typed\"
             [[ $typed == *' ' ]] && COMP_WORDS+=('')
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
             $function hytale-entrypoint \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
             echo \"${{COMPREPLY[@]}}\""
        );
        let said = shell("bash", &["--norc", "-c", &ask]).expect("it was there");
        let said: Vec<&str> = said.split_whitespace().collect();
        let all = offered.split(' ').all(|word| said.contains(&word));
        assert!(all, "{typed:?} gives {said:?}");
    }
}

#[test]
fn zsh_takes_its_completions() {
    let share = share();
    let script = path(share.path(), "zsh/site-functions/_hytale-entrypoint");
    shell("zsh", &["-n", &script]);
}

#[test]
fn fish_completes_commands_options_and_values() {
    let share = share();
    let script = path(
        share.path(),
        "fish/vendor_completions.d/hytale-entrypoint.fish",
    );
    for (typed, offered) in [
        ("ru", "run\t"),
        ("run --stop", "--stop-timeout\tKill the server when"),
        ("run --signal-scope ", "group"),
    ] {
        let ask = format!("source '{script}'; complete -C 'hytale-entrypoint {typed}'");
        let Some(said) = shell("fish", &["--no-config", "-c", &ask]) else {
            return;
        };
        assert!(
            said.lines().any(|line| line.starts_with(offered)),
            "{typed:?} gives {said}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_hytale-entrypoint-pages"))
        .arg("/proc/none")
        .output()
        .expect("it can be started");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("hytale-entrypoint-pages: "), "{said}");
}
