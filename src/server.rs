//! The server: found before a session is opened, started with its tokens once one is.

mod argfile;
mod environment;
mod program;
mod second_session;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use thiserror::Error;
use tracing::debug;

use crate::config::server::{PassTokens, Server as Config};
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::supervise::Child;
use crate::supervise::terminal::Terminal;
use crate::sys::{self, ChildSetup, Image};

/// Why the server cannot be started.
#[derive(Debug, Error)]
pub enum LaunchError {
    #[error("command not found: {}", .0.display())]
    NotFound(OsString),
    #[error("cannot execute {}: {error}", program.display())]
    CannotExecute { program: PathBuf, error: io::Error },
    #[error("cannot read the jar {}: {error}", jar.display())]
    Jar { jar: PathBuf, error: io::Error },
    #[error("cannot make the argument file: {0}")]
    Argfile(io::Error),
}

impl LaunchError {
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound(_) => Code::NotFound,
            Self::CannotExecute { .. } => Code::CannotExecute,
            Self::Jar { .. } => Code::NoInput,
            Self::Argfile(_) => Code::Software,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "check the name and PATH, or give the launcher with --java",
            Self::CannotExecute { .. } => {
                "check that it is a program for this machine, or a script with #!, and may be executed"
            }
            Self::Jar { .. } => "start in the server's folder, or give the jar with --jar",
            Self::Argfile(_) => "use --pass-tokens env",
        }
    }
}

/// A server that can be started, as far as that can be known without starting it.
#[derive(Debug)]
pub struct Launch<'a> {
    config: &'a Config,
    program: PathBuf,
}

impl<'a> Launch<'a> {
    /// Looks for the program and the jar, so that a typo costs no session slot.
    ///
    /// # Errors
    /// When one of them is missing or cannot be used.
    pub fn look_up(config: &'a Config) -> Result<Self, LaunchError> {
        let program = program::find(config.command.program())?;
        if let Some(jar) = config.command.jar() {
            let file = File::open(jar).and_then(|file| file.metadata());
            let error = match file {
                Ok(file) if file.is_file() => None,
                Ok(_) => Some(io::Error::other("it is not a file")),
                Err(error) => Some(error),
            };
            if let Some(error) = error {
                return Err(LaunchError::Jar {
                    jar: jar.to_owned(),
                    error,
                });
            }
        }
        Ok(Self { config, program })
    }

    /// Starts the server in a process group of its own.
    ///
    /// # Errors
    /// When the kernel will not execute it.
    pub fn start(self, tokens: Option<TokenPair>) -> Result<Child, LaunchError> {
        if tokens.is_some() {
            second_session::warn();
        }
        let command = &self.config.command;
        let mut arguments = vec![command.program().to_owned()];
        let mut environment: Vec<_> = environment::for_server().collect();
        let mut argfile = None;
        match (&tokens, self.pass_tokens()) {
            (None, _) => arguments.extend_from_slice(command.arguments()),
            (Some(tokens), PassTokens::Argfile) => {
                let (launcher, rest) = command.split_at_jar().unwrap_or_default();
                let rest = rest.iter().cloned().chain(token_arguments(tokens));
                let file = argfile::create(rest).map_err(LaunchError::Argfile)?;
                arguments.extend_from_slice(launcher);
                arguments.push(argfile::option(&file));
                argfile = Some(file);
            }
            (Some(tokens), PassTokens::Env) => {
                arguments.extend_from_slice(command.arguments());
                environment.extend(environment::tokens(tokens));
            }
            (Some(tokens), PassTokens::Args | PassTokens::Auto) => {
                arguments.extend_from_slice(command.arguments());
                arguments.extend(token_arguments(tokens));
            }
        }
        let terminal = Terminal::of_ours();
        let cannot_execute = |error| LaunchError::CannotExecute {
            program: self.program.clone(),
            error,
        };
        let setup = ChildSetup {
            image: Image::new(&self.program, arguments, environment).map_err(cannot_execute)?,
            keep: argfile.as_ref().map(AsRawFd::as_raw_fd),
            terminal: terminal.as_ref().map(Terminal::as_raw_fd),
        };
        let pid = sys::spawn(&setup).map_err(cannot_execute)?;
        debug!("server started as process {pid}");
        Ok(Child {
            pid,
            argfile,
            terminal: terminal.map(|terminal| terminal.lent_to(pid)),
        })
    }

    /// What `auto` means for this command.
    fn pass_tokens(&self) -> PassTokens {
        match self.config.pass_tokens {
            PassTokens::Auto if !self.config.command.is_named_java() => PassTokens::Args,
            PassTokens::Auto if self.config.command.jar().is_none() => PassTokens::Args,
            PassTokens::Auto if program::executes_itself_again(&self.program) => PassTokens::Env,
            PassTokens::Auto => PassTokens::Argfile,
            other => other,
        }
    }
}

fn token_arguments(tokens: &TokenPair) -> [OsString; 4] {
    [
        "--session-token".into(),
        tokens.session.expose_secret().into(),
        "--identity-token".into(),
        tokens.identity.expose_secret().into(),
    ]
}
