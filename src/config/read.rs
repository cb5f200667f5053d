//! Reading one setting: the flag if it was typed, else its variable, else nothing. A mistake is reported
//! with the name that the person used.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::values::{Kind, PATH};
use crate::secret::Secret;
use crate::sys;

/// Where variables come from. The real one is the process's environment; tests bring their own.
pub trait Environment {
    fn variable(&self, name: &str) -> Option<OsString>;
}

/// The environment this process was started with.
#[derive(Debug)]
pub struct ProcessEnvironment;

/// The variables that hold a secret itself.
const SECRETS: [&str; 4] = [
    "HYTALE_AUTH_KEY",
    "HYTALE_SERVER_IDENTITY_TOKEN",
    "HYTALE_SERVER_SESSION_TOKEN",
    "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN",
];

impl ProcessEnvironment {
    /// Empties the secret ones. What is configured has been read by then, and none of them is for the server.
    pub fn forget_secrets(&self) {
        sys::empty_variables(&SECRETS);
    }
}

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

/// A flag or variable that cannot be used; exit code 64.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UsageError {
    #[error("invalid value '{value}' for {name}: expected {expected}")]
    Value {
        name: Name,
        value: String,
        expected: &'static str,
    },
    #[error("{name} is not UTF-8 text")]
    NotText { name: Name },
    #[error(
        "the command already holds {0}: give the tokens as HYTALE_SERVER_SESSION_TOKEN and \
         HYTALE_SERVER_IDENTITY_TOKEN, or as files, so that they stay out of ps and their session is freed"
    )]
    TokenInCommand(&'static str),
    #[error("{0}")]
    Conflict(&'static str),
}

/// The name that a person would look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Flag(&'static str),
    Variable(&'static str),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "option {name}"),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// A secret as it was given: itself, or where it is to be read.
#[derive(Clone, Debug)]
pub enum SecretFrom {
    Variable(Secret),
    File(PathBuf),
}

/// A setting's two names, and what was typed for the flag.
pub struct Setting<'a> {
    pub flag: &'static str,
    pub typed: Option<&'a String>,
    pub variable: &'static str,
}

/// Reads settings against one environment.
pub struct Reader<'e, E>(pub &'e E);

impl<E: Environment> Reader<'_, E> {
    /// A variable's text; an empty one counts as unset.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn variable(&self, name: &'static str) -> Result<Option<String>, UsageError> {
        match self.0.variable(name) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => value
                .into_string()
                .map(Some)
                .map_err(|_| UsageError::NotText {
                    name: Name::Variable(name),
                }),
        }
    }

    /// # Errors
    /// When the variable is not UTF-8.
    fn text(&self, setting: &Setting<'_>) -> Result<Option<(Name, String)>, UsageError> {
        match setting.typed {
            Some(text) => Ok(Some((Name::Flag(setting.flag), text.clone()))),
            None => {
                let text = self.variable(setting.variable)?;
                Ok(text.map(|text| (Name::Variable(setting.variable), text)))
            }
        }
    }

    /// # Errors
    /// When what was given is not of this kind.
    pub fn parse<T>(&self, setting: &Setting<'_>, kind: &Kind<T>) -> Result<Option<T>, UsageError> {
        let given = self.text(setting)?;
        given
            .map(|(name, text)| parse(name, &text, kind))
            .transpose()
    }

    /// Like [`Reader::parse`], for a variable that has no flag.
    ///
    /// # Errors
    /// When what was given is not of this kind.
    pub fn parse_variable<T>(
        &self,
        name: &'static str,
        kind: &Kind<T>,
    ) -> Result<Option<T>, UsageError> {
        let text = self.variable(name)?;
        text.map(|text| parse(Name::Variable(name), &text, kind))
            .transpose()
    }

    /// # Errors
    /// When what was given is empty, or not UTF-8.
    pub fn path(&self, setting: &Setting<'_>) -> Result<Option<PathBuf>, UsageError> {
        self.parse(setting, &PATH)
    }

    /// A secret's file, else the systemd credential of that name, else the variable that holds it.
    ///
    /// # Errors
    /// When the name of the file is empty, or a variable is not UTF-8.
    pub fn secret(
        &self,
        file: &Setting<'_>,
        credential: &str,
        variable: &'static str,
    ) -> Result<Option<SecretFrom>, UsageError> {
        if let Some(path) = self.path(file)? {
            return Ok(Some(SecretFrom::File(path)));
        }
        if let Some(folder) = self.variable("CREDENTIALS_DIRECTORY")? {
            let path = PathBuf::from(folder).join(credential);
            // One that we may not look at is an error in time, and no reason to go on without.
            if !matches!(path.try_exists(), Ok(false)) {
                return Ok(Some(SecretFrom::File(path)));
            }
        }
        let value = self.variable(variable)?.map(Secret::new);
        Ok(value.map(SecretFrom::Variable))
    }
}

fn parse<T>(name: Name, text: &str, kind: &Kind<T>) -> Result<T, UsageError> {
    (kind.parse)(text).ok_or_else(|| UsageError::Value {
        name,
        // Somebody's password may stand before the @ of a URL.
        value: match text.rfind('@') {
            Some(at) => format!("[redacted]{}", &text[at..]),
            None => text.to_owned(),
        },
        expected: kind.expected,
    })
}
