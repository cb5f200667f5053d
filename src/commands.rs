//! The commands about credentials, one file each, and why they end without doing their job.

pub mod check;
mod health;
mod import;
mod login;
mod logout;
mod release;
mod screen;
mod select;
mod status;

use std::io;
use std::path::PathBuf;
use std::pin::pin;

use nix::libc::c_int;
use thiserror::Error;

use crate::cli::AccountCommand;
use crate::config::Account;
use crate::credentials::store::{Store, StoreError};
use crate::exit::{self, Code};
use crate::hytale::http::HttpError;
use crate::hytale::oauth::OAuthError;
use crate::source::file::FileError;
use crate::stop::Stop;
use crate::supervise::signals::{self, Signals};
pub use health::health;
use status::Form;

#[derive(Debug, Error)]
pub enum CommandError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("there is no place for credentials")]
    NoFile,
    #[error("this command takes one --auth-file at a time")]
    SeveralFiles,
    #[error("there are credentials in {} already", .0.display())]
    Exists(PathBuf),
    #[error("nobody has logged in: there is no {}", .0.display())]
    NoLogin(PathBuf),
    #[error("there is no profile {name} in this account: it has {there}")]
    UnknownProfile { name: String, there: String },
    #[error("the login was denied")]
    Denied,
    #[error("the code has expired before the login was finished")]
    CodeExpired,
    #[error("interrupted by {}", signals::name(*.0))]
    Interrupted(c_int),
    #[error("{0} sessions that were left over could not be freed")]
    Left(usize),
    #[error("cannot use the state folder: {0}")]
    State(io::Error),
    #[error("cannot read the leases: {0}")]
    Leases(io::Error),
}

impl From<HttpError> for CommandError {
    fn from(error: HttpError) -> Self {
        Self::OAuth(error.into())
    }
}

impl CommandError {
    pub fn code(&self) -> u8 {
        let code = match self {
            Self::Store(error) => error.code(),
            Self::OAuth(error) => error.code(),
            Self::File(error) => error.code(),
            Self::SeveralFiles => Code::Usage,
            Self::NoFile | Self::Exists(_) | Self::NoLogin(_) | Self::UnknownProfile { .. } => {
                Code::Config
            }
            Self::Denied => Code::Refused,
            Self::CodeExpired => Code::NoSlot,
            Self::Left(_) => Code::Unavailable,
            Self::Leases(_) | Self::State(_) => Code::NoInput,
            Self::Interrupted(signal) => return exit::after_signal(*signal),
        };
        code as u8
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store(error) => error.hint(),
            Self::OAuth(error) => error.hint(),
            Self::File(error) => error.hint(),
            Self::NoFile => "give --auth-file or --state-dir",
            Self::SeveralFiles => "run it once for each",
            Self::Exists(_) => "log out first, or give another --auth-file",
            Self::NoLogin(_) => "log in with hytale-entrypoint login, or give --auth-file",
            Self::UnknownProfile { .. } => "names are compared as they are written",
            Self::Denied | Self::CodeExpired => "start again with hytale-entrypoint login",
            Self::Left(_) => "their leases stay: try again when the session service answers",
            Self::Leases(_) | Self::State(_) => {
                "check that the state folder is readable for this user"
            }
            Self::Interrupted(_) => {
                "whatever was finished is stored: hytale-entrypoint status shows it"
            }
        }
    }
}

/// Runs a command until it is done or a signal comes. What must not be cut in two is finished first.
///
/// # Errors
/// When the command did not do its job.
pub async fn run(
    command: &AccountCommand,
    account: &Account,
    signals: &mut Signals,
) -> Result<(), CommandError> {
    let stop = Stop::new();
    let work = async {
        match command {
            AccountCommand::Login { .. } => login::login(account, &stop).await,
            AccountCommand::Import { file, .. } => import::import(account, file).await,
            AccountCommand::Status { json: false, .. } => status::status(account, Form::Text).await,
            AccountCommand::Status { json: true, .. } => status::status(account, Form::Json).await,
            AccountCommand::Select { profile, .. } => select::select(account, profile, &stop).await,
            AccountCommand::Release { .. } => release::release(account).await,
            AccountCommand::Logout { .. } => logout::logout(account).await,
        }
    };
    let mut work = pin!(work);
    let signal = tokio::select! {
        done = &mut work => return done,
        signal = signals.ending() => signal,
    };
    stop.request();
    tokio::select! {
        _ = &mut work => {}
        () = stop.all_finished() => {}
    }
    Err(CommandError::Interrupted(signal))
}

/// The one credential file that a command is about.
fn only_store(account: &Account) -> Result<Store, CommandError> {
    let mut stores = account.credentials.stores();
    match (stores.next(), stores.next()) {
        (Some(store), None) => Ok(store),
        (Some(_), Some(_)) => Err(CommandError::SeveralFiles),
        (None, _) => Err(CommandError::NoFile),
    }
}
