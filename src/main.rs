//! The entrypoint for Hytale dedicated servers, and how it is built.
//!
//! The data flows one way: `config → source → session (lease written) → server → release (lease struck) →
//! exit code`. [`run`] tells that story on one screen; read it first. This file only translates: arguments in,
//! exit code out.
//!
//! 1. [`cli`] says what may be typed; [`config`] makes it, with the environment, one checked configuration.
//! 2. [`source`] gets a token pair: from the environment, from a broker, or with a login that [`credentials`] keeps.
//!    [`hytale`] speaks to the services.
//! 3. [`session`] holds the slot that the pair stands for. Its [`lease`] is on disk before anything else is done with it.
//! 4. [`server`] looks for the program before a slot is spent on it, and starts it with the tokens.
//! 5. [`supervise`] does the work of PID 1 until the server is gone; [`ready`] tells whoever wants to know how it is.
//! 6. [`session`] frees the slot and strikes the lease, however the server ended, and [`exit`] has the code for that.
//!
//! A process that is killed between 3 and 6 leaves its lease, and the next start frees that slot.
//! The other commands, one file each in [`commands`], look after the login and ask the same modules.
//!
//! # Floors
//!
//! A module uses its own floor and those below, and none above:
//!
//! 1. `main`
//! 2. [`run`], [`commands`], [`mod@error`]
//! 3. [`session`], [`source`], [`server`]: none knows another, [`run`] hands values along
//! 4. [`supervise`], [`hytale`], [`credentials`], [`lease`], [`config`]
//! 5. [`cli`], [`mistake`], [`ready`], [`stop`], [`exit`], [`mod@log`], [`secret`], [`atomic`], [`sys`]
//!
//! # What holds everywhere
//!
//! - Before the server lives we may fail, each error with its exit code and a hint ([`mod@error`]). From then on we only warn.
//! - Who opens, closes, in the same function; nothing calls `process::exit`, which would skip that.
//! - A token, key or code is a [`secret::Secret`]: it cannot print itself, and is wiped when dropped.
//! - A file is whole or not there, and for its owner alone ([`atomic`]).
//! - A signal is blocked from the first instruction on and read in one loop ([`supervise::signals`]); none is lost.
//! - Unsafe code has one home, [`sys`].

#[cfg(not(target_os = "linux"))]
compile_error!(
    "hytale-entrypoint runs on Linux only: it does the work of PID 1 with Linux's own means"
);

mod atomic;
mod cli;
mod commands;
mod config;
mod credentials;
mod error;
mod exit;
mod hytale;
mod lease;
mod log;
mod mistake;
mod ready;
mod run;
mod secret;
mod server;
mod session;
mod source;
mod stop;
mod supervise;
mod sys;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use nix::sys::prctl;

use cli::{Cli, Command};
use config::read::ProcessEnvironment;
use error::{Error, USAGE_HINT};
use exit::Code;
use mistake::Mistake;
use supervise::signals::Blocked;

fn main() -> ExitCode {
    // Before anything else: from here on no signal is lost, and nobody of the same user reads our memory.
    let signals = Blocked::new();
    let _ = prctl::set_dumpable(false);
    sys::keep_files_private();

    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_parsed(error),
    };
    let ended = signals
        .map_err(Error::from)
        .and_then(|signals| start(cli.command, signals));
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tracing::error!(hint = error.hint(), "{error}");
            ExitCode::from(error.code())
        }
    }
}

/// Help and version are errors to clap, but not to the person who asked. Help for whoever typed nothing is both.
fn not_parsed(error: clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return match error.use_stderr() {
            true => Code::Usage.into(),
            false => ExitCode::SUCCESS,
        };
    }
    let typed = mistake::logging(env::args_os().skip(1));
    // A mistake in how to log is for when nothing else is wrong.
    let (log, _) = config::log(&typed, &ProcessEnvironment);
    log::start(log);
    let mistake = Mistake::from(error);
    tracing::error!(
        hint = mistake.tips.as_deref().unwrap_or(USAGE_HINT),
        "{mistake}"
    );
    Code::Usage.into()
}

fn start(command: Command, signals: Blocked) -> Result<u8, Error> {
    let environment = ProcessEnvironment;
    let (log, log_is_right) = config::log(command.shared(), &environment);
    log::start(log);
    log_is_right?;
    in_runtime(async {
        let mut signals = signals.read()?;
        match command {
            Command::Run(args) => {
                let ended = match config::run(&args, &environment) {
                    Ok(config) => {
                        environment.forget_secrets();
                        run::run(config, &mut signals).await
                    }
                    Err(error) => Err(error.into()),
                };
                ended.inspect_err(|error| ready::last_words(&error.to_string()))
            }
            Command::Health { shared } => {
                let file = config::status_file(&shared, &environment)?;
                Ok(commands::health(&file))
            }
            Command::Check(args) => {
                let config = config::run(&args.run, &environment);
                environment.forget_secrets();
                commands::check::check(&args, config, &mut signals).await
            }
            Command::Account(command) => {
                let account = config::account(command.shared(), &environment)?;
                environment.forget_secrets();
                commands::run(&command, &account, &mut signals).await?;
                Ok(0)
            }
        }
    })
}

/// One thread; another one only while a name is being resolved.
fn in_runtime<T>(story: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .thread_keep_alive(Duration::from_millis(100))
        .build_local(tokio::runtime::LocalOptions::default())?;
    let ended = runtime.block_on(story);
    // Nobody waits for a name that is still being resolved, or for a line that nobody types.
    runtime.shutdown_background();
    ended
}
