//! `hytale-entrypoint-pages FOLDER`: the man pages and shell completions of `hytale-entrypoint`, laid out in FOLDER as `/usr/share` wants
//! them. They are made from the very file that the binary's command line is made from, and outside of it: it is to stay small.

#[path = "../../src/cli.rs"]
#[expect(
    dead_code,
    reason = "only its shape matters here, nobody types anything"
)]
mod cli;
mod completions;
mod man;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        return fail("usage: hytale-entrypoint-pages FOLDER");
    };
    match write(&PathBuf::from(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("hytale-entrypoint-pages: {error}")),
    }
}

fn write(folder: &Path) -> io::Result<()> {
    let command = cli::Cli::command().disable_help_subcommand(true);
    man::write(command.clone(), folder)?;
    completions::write(command, folder)
}

fn fail(why: &str) -> ExitCode {
    // Nobody may be listening.
    let _ = writeln!(io::stderr(), "{why}");
    ExitCode::FAILURE
}
