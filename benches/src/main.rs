//! `cargo measure`: what the entrypoint costs, against what others cost, as a table in Markdown.
//!
//! Everything is measured in turns (A B A B …, then B A B A …), so that whatever else the machine does meets all alike, and told as
//! medians and as the median of the ratios within each turn. Numbers are shown, never judged: no number makes this fail.

mod arena;
mod contender;
mod idle;
mod orphans;
mod output;
mod process;
mod signals;
mod size;
mod stamps;
mod starts;
mod table;
mod turns;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use arena::Arena;
use table::Table;

/// Measure the entrypoint against tini, dumb-init, catatonit, a shell script and cat.
///
/// Builds the static release binary first. Installs what it compares with from Debian's packages where it may (root, apt);
/// what is not to be had is left out, and a note says so.
#[derive(Debug, Parser)]
#[command(name = "cargo measure")]
struct Arguments {
    /// Measure only these
    chapters: Vec<Chapter>,
    /// Take a tenth of the time: rough numbers
    #[arg(long)]
    quick: bool,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Chapter {
    /// The binary's size
    Size,
    /// From start to exec of the server, without and with a broker
    Start,
    /// From kill() to the server's handler
    Signal,
    /// Reaping 10,000 orphans
    Orphans,
    /// 1 GB of output
    Output,
    /// Memory, threads and wake-ups while nothing happens
    Idle,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("cannot measure: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> io::Result<()> {
    let arena = Arena::set_up(arguments.binary.as_deref(), arguments.quick)?;
    let mut table = Table::default();
    let chapters = match arguments.chapters.as_slice() {
        [] => Chapter::value_variants(),
        some => some,
    };
    for chapter in chapters {
        tell(format_args!("measuring: {chapter:?}"));
        match chapter {
            Chapter::Size => size::measure(&arena, &mut table)?,
            Chapter::Start => starts::measure(&arena, &mut table)?,
            Chapter::Signal => signals::measure(&arena, &mut table)?,
            Chapter::Orphans => orphans::measure(&arena, &mut table)?,
            Chapter::Output => output::measure(&arena, &mut table)?,
            Chapter::Idle => idle::measure(&arena, &mut table)?,
        }
    }
    write!(io::stdout(), "{}\n\n{table}", process::machine())
}

/// How far we are, and what was left out. The table alone goes to standard output.
fn tell(words: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{words}");
}
