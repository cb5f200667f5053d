//! The server: found before a session is opened, started with its tokens once one is.

pub mod argfile;
pub mod environment;
pub mod program;
pub mod second_session;
pub mod user;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, stdout};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tracing::debug;

use crate::config::command::Named;
use crate::config::readiness::{Readiness, Watch};
use crate::config::server::{PassTokens, Server as Config};
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::secret;
use crate::supervise::Child;
use crate::supervise::output::Output;
use crate::supervise::terminal::Terminal;
use crate::sys::{self, ChildSetup, Image, SpawnError};
use user::{User, UserError};

/// Why the server cannot be started.
#[derive(Debug, Error)]
pub enum LaunchError {
    #[error("command not found: {}", program.display())]
    NotFound { program: OsString, named: Named },
    #[error("cannot execute {}: {error}", program.display())]
    CannotExecute { program: PathBuf, error: io::Error },
    #[error("cannot execute {}: its interpreter or loader is missing", .0.display())]
    NoInterpreter(PathBuf),
    #[error("cannot read the jar {}: {error}", jar.display())]
    Jar {
        jar: PathBuf,
        named: Named,
        error: io::Error,
    },
    #[error("cannot make the argument file: {0}")]
    Argfile(io::Error),
    #[error("cannot watch the server's output: {0}")]
    Output(io::Error),
    #[error(transparent)]
    User(#[from] UserError),
    #[error("cannot become the server's user: {0}")]
    Become(io::Error),
}

impl LaunchError {
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::NotFound,
            Self::CannotExecute { .. } | Self::NoInterpreter(_) => Code::CannotExecute,
            Self::Jar { .. } => Code::NoInput,
            Self::User(_) => Code::Usage,
            Self::Become(_) => Code::CannotExecute,
            Self::Argfile(_) | Self::Output(_) => Code::Software,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound { named, .. } => match named {
                Named::InTheCommand => "check the name, the folder that this starts in, and PATH",
                Named::BySettings => "install Java, or give its launcher with --java",
            },
            Self::CannotExecute { .. } => {
                "check that it is a program for this machine, or a script with #!, and may be executed"
            }
            Self::NoInterpreter(_) => {
                "a script's first line names a program that is not here (with Windows line ends it never is), or the \
                 program was built for another C library: musl instead of glibc, or the reverse"
            }
            Self::Jar { named, .. } => match named {
                Named::InTheCommand => {
                    "start in the server's folder, or name the jar as seen from here"
                }
                Named::BySettings => "start in the server's folder, or give the jar with --jar",
            },
            Self::Argfile(_) => "use --pass-tokens env",
            Self::Output(_) => "use --watch-output off",
            Self::User(UserError::NotRoot(_)) => {
                "start as root (with CAP_SETUID and CAP_SETGID), or without --user"
            }
            Self::User(_) => "give a number, or add it to the system or the image",
            Self::Become(_) => "a user namespace may not have that user, or not allow the change",
        }
    }
}

/// A server that can be started, as far as that can be known without starting it.
#[derive(Debug)]
pub struct Launch<'a> {
    config: &'a Config,
    program: PathBuf,
    user: Option<User>,
}

impl<'a> Launch<'a> {
    /// Looks for the program, the jar and the user, so that a typo costs no session slot.
    ///
    /// # Errors
    /// When one of them is missing or cannot be used.
    pub fn look_up(config: &'a Config) -> Result<Self, LaunchError> {
        let program = program::find(&config.command)?;
        if let Some(jar) = config.command.jar() {
            open_jar(jar, config.command.named())?;
        }
        let user = config.user.as_ref().map(User::find).transpose()?;
        Ok(Self {
            config,
            program,
            user,
        })
    }

    /// Starts the server in a process group of its own.
    ///
    /// # Errors
    /// When the kernel will not execute it.
    pub fn start(
        self,
        tokens: Option<TokenPair>,
        readiness: &Readiness,
    ) -> Result<(Child, Option<Output>), LaunchError> {
        if tokens.is_some() {
            second_session::warn();
        }
        let command = &self.config.command;
        let mut arguments = vec![command.program().to_owned()];
        let mut environment: Vec<_> = environment::for_server(self.user.as_ref()).collect();
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
        let (output, stdout) = match is_watched(readiness.watch) {
            true => Output::watch(&readiness.ready_line)
                .map(|(output, stdout)| (Some(output), Some(stdout)))
                .map_err(LaunchError::Output)?,
            false => (None, None),
        };
        if let Some(user) = &self.user {
            // It may open them by name: `/dev/stdout`, and the launcher its argument file.
            let files = [
                stdout.as_ref().map(AsFd::as_fd),
                argfile.as_ref().map(AsFd::as_fd),
            ];
            user.give(files.into_iter().flatten());
        }
        let program = |error: io::Error| match error.kind() {
            // The kernel says so of what the file names, too.
            io::ErrorKind::NotFound if self.program.exists() => {
                LaunchError::NoInterpreter(self.program.clone())
            }
            _ => LaunchError::CannotExecute {
                program: self.program.clone(),
                error,
            },
        };
        let setup = ChildSetup {
            image: Image::new(&self.program, arguments, environment).map_err(program)?,
            keep: argfile.as_ref().map(AsRawFd::as_raw_fd),
            terminal: terminal.as_ref().and_then(Terminal::to_lend),
            stdout: stdout.as_ref().map(AsRawFd::as_raw_fd),
            user: self.user.as_ref().map(|user| user.identity.clone()),
        };
        let pid = sys::spawn(&setup).map_err(|error| match error {
            SpawnError::User(error) => LaunchError::Become(error),
            SpawnError::Execute(error) => program(error),
        })?;
        debug!("server started as process {pid}");
        let child = Child {
            pid,
            argfile,
            terminal: terminal.map(|terminal| terminal.lent_to(pid)),
        };
        Ok((child, output))
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

/// A server on a terminal owns it, and would write other things into a pipe.
fn is_watched(watch: Watch) -> bool {
    match watch {
        Watch::Auto => !stdout().is_terminal(),
        Watch::Always => true,
        Watch::Off => false,
    }
}

/// # Errors
/// When there is no such file, or it cannot be read.
pub fn open_jar(jar: &Path, named: Named) -> Result<File, LaunchError> {
    // A FIFO would hold us up before anybody hears a signal.
    secret::open_regular(jar).map_err(|error| LaunchError::Jar {
        jar: jar.to_owned(),
        named,
        error,
    })
}

fn token_arguments(tokens: &TokenPair) -> [OsString; 4] {
    [
        "--session-token".into(),
        tokens.session.expose_secret().into(),
        "--identity-token".into(),
        tokens.identity.expose_secret().into(),
    ]
}
