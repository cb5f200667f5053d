//! `hytale-emulator`: the emulator behind a command line.

mod cli;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use hytale_emulator::Emulator;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help on a closed pipe is nobody's trouble.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let options = match cli.options() {
        Ok(options) => options,
        Err(error) => return fail(&error),
    };
    match Emulator::start(options) {
        Ok(emulator) => serve(emulator),
        Err(error) => fail(&error),
    }
}

/// Until a signal ends the process: there is nothing to clean up.
fn serve(emulator: Emulator) -> ExitCode {
    let welcome = welcome(emulator.url(), emulator.broker_url());
    // The services are of use even when nobody reads where they are.
    let _ = io::stdout().write_all(welcome.as_bytes());
    emulator.serve();
    fail(&"the server ended by itself")
}

fn welcome(url: &str, broker: &str) -> String {
    format!(
        "\
OAuth, account data, sessions  {url}
session token broker           {broker}

get a token pair:      curl -X POST -d '{{}}' {broker}/v1/game-session
look in:               curl {url}/_emulator/state
                       curl {url}/_emulator/sessions
                       curl {url}/_emulator/requests
let something fail:    curl -d '{{\"path\":\"/game-session/new\",\"fault\":\"status\",\"status\":503}}' {url}/_emulator/faults
confirm device logins: {url}/device
everything else:       curl {url}/_emulator/
"
    )
}

fn fail(error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "hytale-emulator: {error}");
    ExitCode::FAILURE
}
