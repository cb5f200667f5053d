//! One page for the program and one for each of its commands, as git has them: `man hytale-entrypoint-run`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// Writes the pages into `share/man/man1`, for the folder that is to become `share`.
pub fn write(mut program: Command, share: &Path) -> io::Result<()> {
    let folder = share.join("man/man1");
    fs::create_dir_all(&folder)?;
    program.build();
    let name = program.get_name().to_owned();
    page(program.clone(), &name, &folder)?;
    program
        .get_subcommands()
        .try_for_each(|command| page(command.clone(), &name, &folder))
}

fn page(command: Command, program: &str, folder: &Path) -> io::Result<()> {
    let command = with_short_synopsis(command);
    let man = Man::new(command.clone()).source(program);
    let mut file = File::create(folder.join(man.get_filename()))?;
    man.render_title(&mut file)?;
    // Names of variables are looked for, and copied: none is broken at a line's end.
    let mut layout = Roff::new();
    layout.control("nh", []).control("ad", ["l"]);
    layout.to_writer(&mut file)?;
    man.render_name_section(&mut file)?;
    man.render_synopsis_section(&mut file)?;
    man.render_description_section(&mut file)?;
    man.render_options_section(&mut file)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut file)?;
    }
    let mut rest = Roff::new();
    let notes = command.get_after_long_help();
    if let Some(notes) = notes.or(command.get_after_help()) {
        // The columns of a table stay where they are.
        rest.control("SH", ["NOTES"]).control("nf", []);
        for line in notes.to_string().lines() {
            rest.text([roman(line)]);
        }
        rest.control("fi", []);
    }
    if command
        .get_display_name()
        .is_some_and(|name| name != program)
    {
        rest.control("SH", ["SEE ALSO"])
            .text([roman(format!("{program}(1)"))]);
    }
    rest.to_writer(&mut file)?;
    file.sync_all()
}

/// `[OPTIONS]`, as `--help` has it, where clap's pages list dozens.
fn with_short_synopsis(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    command.override_usage(usage)
}
