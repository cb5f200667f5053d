//! Completions for bash, zsh and fish. An option's value is completed from the name that `--help` gives it: `fail|start` are two words,
//! `FILE` is a file.

use std::fs;
use std::io;
use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

/// Where each shell looks, below `/usr/share` and `/usr/local/share`.
const PLACES: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/hytale-entrypoint"),
    (Shell::Zsh, "zsh/site-functions/_hytale-entrypoint"),
    (
        Shell::Fish,
        "fish/vendor_completions.d/hytale-entrypoint.fish",
    ),
];

pub fn write(program: Command, share: &Path) -> io::Result<()> {
    let name = program.get_name().to_owned();
    let mut program = program.mut_subcommands(|command| command.mut_args(with_values));
    for (shell, place) in PLACES {
        let path = share.join(place);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut program, &name, &mut script);
        fs::write(path, mended(script))?;
    }
    Ok(())
}

/// clap_complete sets one word for "we are in `run`" and asks for another one when the program's name holds a dash
/// (clap-rs/clap#6421), so that bash completes no command's options. Both are made equal; `tests/pages.rs` asks a bash.
fn mended(script: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&script);
    text.replace("hytale__subcmd__entrypoint", "hytale__entrypoint")
        .into_bytes()
}

fn with_values(arg: Arg) -> Arg {
    let Some([name]) = arg.get_value_names() else {
        return arg;
    };
    if !arg.get_action().takes_values() {
        return arg;
    }
    let words: Vec<String> = name.split('|').map(str::to_owned).collect();
    if words.len() > 1 {
        return arg.value_parser(PossibleValuesParser::new(words));
    }
    let hint = match name.as_str() {
        "FILE" | "PATH" => ValueHint::FilePath,
        "DIR" => ValueHint::DirPath,
        "URL" => ValueHint::Url,
        "USER[:GROUP]" => ValueHint::Username,
        "COMMAND" => ValueHint::CommandWithArguments,
        // No value is better than the files of this folder.
        _ => ValueHint::Other,
    };
    arg.value_hint(hint)
}
