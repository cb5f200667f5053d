//! Where a token pair comes from: one file a source, and what can go wrong in each.

pub mod broker;
mod env;
pub mod file;

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::config::read::SecretFrom;
use crate::config::tokens::Source;
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::hytale::retry::Policy;
use crate::secret::Secret;
use crate::stop::Stop;
use broker::BrokerError;
use file::FileError;

/// Why a source yields no tokens.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("the {given} token is given, the {missing} token is not")]
    Half {
        given: &'static str,
        missing: &'static str,
    },
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    File(#[from] FileError),
}

impl SourceError {
    pub fn code(&self) -> Code {
        match self {
            Self::Unreadable { .. } => Code::NoInput,
            Self::Half { .. } => Code::Config,
            Self::Broker(error) => error.code(),
            Self::File(error) => error.code(),
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check that the file is there and readable for this user",
            Self::Half { .. } => {
                "the server needs both tokens of one session: give both or neither"
            }
            Self::Broker(error) => error.hint(),
            Self::File(error) => error.hint(),
        }
    }
}

/// The name of a source, as `--source` takes it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Env(_) => "env",
            Self::Broker(_) => "broker",
            Self::File(_) => "file",
        })
    }
}

/// Gets a token pair from one source. Nothing is known yet of its quality.
///
/// # Errors
/// When the source refuses, or has not answered by the policy's deadline.
pub async fn mint(source: &Source, policy: &Policy, stop: &Stop) -> Result<TokenPair, SourceError> {
    match source {
        Source::Env(tokens) => env::mint(tokens),
        Source::Broker(broker) => broker::mint(broker, policy, stop).await,
        Source::File(files) => Ok(file::mint(files, policy, stop).await?),
    }
}

/// The fingerprints of the session tokens that are given from outside: nobody may free those sessions as
/// leftovers, since a server is about to use them again.
pub fn given_fingerprints(sources: &[Source]) -> Vec<String> {
    let given = |source: &Source| match source {
        Source::Env(tokens) => read(tokens.session.as_ref()?).ok(),
        Source::Broker(_) | Source::File(_) => None,
    };
    let tokens = sources.iter().filter_map(given);
    tokens.map(|token| token.fingerprint()).collect()
}

fn read(from: &SecretFrom) -> Result<Secret, SourceError> {
    match from {
        SecretFrom::Variable(secret) => Ok(secret.trimmed()),
        SecretFrom::File(path) => {
            Secret::from_file(path).map_err(|error| SourceError::Unreadable {
                path: path.clone(),
                error,
            })
        }
    }
}
