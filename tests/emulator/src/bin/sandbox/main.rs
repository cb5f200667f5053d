//! `cargo sandbox`: the real wrapper at work on this machine alone, between emulated services and a stand-in server, with a
//! commentary. Nothing in the commentary is canned: it tells what was seen to happen, and says so when a promise was broken.

mod evidence;
mod setup;
mod stage;
mod wrapper;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hytale_emulator::{Emulator, Options};

use setup::Setup;
use stage::Stage;
use wrapper::{Heard, Wrapper};

/// See hytale-entrypoint at work: it gets a session, starts a server, and gives the session back.
#[derive(Debug, Parser)]
#[command(name = "cargo sandbox")]
struct Arguments {
    /// Stop by itself once everything has been shown, and fail when a promise was broken.
    #[arg(long)]
    once: bool,
}

/// What the broker wants to hear from the wrapper, and the server must never see.
const BROKER_PASSWORD: &str = "sandbox-broker-password";

/// Docker's, of a container that was stopped: 128 + SIGTERM.
const STOPPED: i32 = 143;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut stage = Stage::new();
    match (play(&arguments, &mut stage), stage.broken_promises()) {
        (Ok(()), 0) => return ExitCode::SUCCESS,
        (Ok(()), broken) => stage.say(format_args!("Promises broken: {broken}")),
        (Err(error), _) => stage.say(format_args!("The sandbox cannot go on: {error}")),
    }
    ExitCode::FAILURE
}

fn play(arguments: &Arguments, stage: &mut Stage) -> io::Result<()> {
    stage.say("hytale-entrypoint gets a session for a Hytale server, starts it, and gives the session back");
    stage.say("Building it, and a stand-in for the server: a minute the first time");
    let setup = Setup::make()?;
    let emulator = Emulator::start(Options {
        broker_token: Some(BROKER_PASSWORD.into()),
        ..Options::default()
    })?;
    stage.say(format_args!(
        "The Hytale services and a token broker are emulated at {}",
        emulator.url()
    ));
    stage.say(format_args!(
        "Starting: HYTALE_SESSION_TOKEN_BROKER_URL={} hytale-entrypoint run",
        emulator.broker_url()
    ));

    let mut wrapper = Wrapper::start(&setup, &emulator)?;
    let mut ready = false;
    loop {
        // A tick, because a request makes no line.
        let heard = wrapper.hear(Duration::from_millis(50));
        stage.tell_requests(&emulator);
        match heard {
            Heard::Nothing => {}
            Heard::Wrapper(line) => stage.line("wrapper", &line),
            Heard::Server(line) => {
                stage.line(" server", &line);
                if line.contains("Hytale Server Booted!") {
                    ready = true;
                    evidence::while_it_runs(stage, &emulator, &setup)?;
                    stop_or_invite(arguments, stage, &wrapper)?;
                }
            }
            Heard::End => break,
        }
    }
    let code = wrapper.wait()?;
    stage.tell_requests(&emulator);
    stage.say(format_args!(
        "The server is gone, and so is the wrapper, with the server's exit code: {code}"
    ));
    stage.promise(ready, "the server was up");
    evidence::when_it_is_over(stage, &emulator, &setup)?;
    if arguments.once {
        stage.promise(
            code == STOPPED,
            "the exit code is that of a server that was asked to stop, 143",
        );
    }
    Ok(())
}

fn stop_or_invite(arguments: &Arguments, stage: &mut Stage, wrapper: &Wrapper) -> io::Result<()> {
    if arguments.once {
        stage.say("Sending SIGTERM to the wrapper, as `docker stop` does");
        return wrapper.terminate();
    }
    stage.say("Your turn: type `/auth status` or `stop` to the server, or press Ctrl-C");
    Ok(())
}
