//! Where tokens come from, and how long and how hard to try.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use uuid::Uuid;

use super::credentials::{self, Credentials, Named};
use super::read::{Environment, Reader, SecretFrom, Setting, UsageError};
use super::session;
use super::values::{self, DURATION, Kind, NAME, TRUTH};
use crate::cli::RunArgs;

#[derive(Debug)]
pub struct Tokens {
    /// In the order they are tried; only sources that are configured.
    pub sources: Vec<Source>,
    /// For all attempts of all sources together.
    pub timeout: Duration,
    pub min_life: Duration,
    pub on_no_token: OnNoToken,
}

#[derive(Debug)]
pub enum Source {
    Env(EnvTokens),
    Broker(Broker),
    File(Box<CredentialFiles>),
}

/// Credentials to mint new sessions with.
#[derive(Debug)]
pub struct CredentialFiles {
    pub credentials: Credentials,
    /// For every file, in order; empty: those that are selected in each.
    pub profiles: Vec<Uuid>,
    pub sessions_url: Url,
    /// Where the turn of a pool is remembered.
    pub state_dir: Option<PathBuf>,
}

/// Tokens that came with the start. At least one is there; that both are is for the source to ask.
#[derive(Debug)]
pub struct EnvTokens {
    pub session: Option<SecretFrom>,
    pub identity: Option<SecretFrom>,
}

#[derive(Debug)]
pub struct Broker {
    pub url: Url,
    pub bearer: Option<SecretFrom>,
    pub account: Option<String>,
    pub profiles: Vec<Uuid>,
    /// For one attempt.
    pub timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNoToken {
    Fail,
    Start,
}

const ON_NO_TOKEN: Kind<OnNoToken> = Kind {
    parse: |text| {
        values::choice(
            text,
            &[("fail", OnNoToken::Fail), ("start", OnNoToken::Start)],
        )
    },
    expected: "fail or start",
};

#[derive(Clone, Copy)]
enum SourceName {
    Env,
    Broker,
    File,
}

const SOURCES: Kind<Vec<SourceName>> = Kind {
    parse: |text| values::list(text, source_name),
    expected: "env, broker and file, separated by commas",
};

fn source_name(text: &str) -> Option<SourceName> {
    let names = [
        ("env", SourceName::Env),
        ("broker", SourceName::Broker),
        ("file", SourceName::File),
    ];
    values::choice(text, &names)
}

const PROFILES: Kind<Vec<Uuid>> = Kind {
    parse: |text| values::list(text, |item| Uuid::try_parse(item).ok()),
    expected: "profile UUIDs, separated by commas",
};

/// A broker may well be `http://broker:8080` on a private network.
const BROKER_URL: Kind<Url> = Kind {
    parse: |text| values::url(text).filter(|url| matches!(url.scheme(), "http" | "https")),
    expected: "an http or https URL without user, query or fragment",
};

/// # Errors
/// For the first flag or variable that cannot be used.
pub fn read<E: Environment>(args: &RunArgs, reader: &Reader<'_, E>) -> Result<Tokens, UsageError> {
    let source = Setting {
        flag: "--source",
        typed: args.source.as_ref(),
        variable: "HYTALE_ENTRYPOINT_SOURCE",
    };
    let names = reader.parse(&source, &SOURCES)?;
    let names =
        names.unwrap_or_else(|| vec![SourceName::Env, SourceName::Broker, SourceName::File]);
    // All are read, whichever are wanted: a mistake is one even where nothing would come of it.
    let mut env = env_tokens(args, reader)?.map(Source::Env);
    let mut broker = broker(args, reader)?.map(Source::Broker);
    let mut file = credential_files(args, reader)?.map(Source::File);
    let sources = names
        .into_iter()
        .filter_map(|name| match name {
            SourceName::Env => env.take(),
            SourceName::Broker => broker.take(),
            SourceName::File => file.take(),
        })
        .collect();
    let timeout = Setting {
        flag: "--token-timeout",
        typed: args.token_timeout.as_ref(),
        variable: "HYTALE_ENTRYPOINT_TOKEN_TIMEOUT",
    };
    let min_life = Setting {
        flag: "--min-token-life",
        typed: args.min_token_life.as_ref(),
        variable: "HYTALE_ENTRYPOINT_MIN_TOKEN_LIFE",
    };
    Ok(Tokens {
        sources,
        timeout: reader
            .parse(&timeout, &DURATION)?
            .unwrap_or(Duration::from_secs(60)),
        min_life: reader
            .parse(&min_life, &DURATION)?
            .unwrap_or(Duration::from_secs(5 * 60)),
        on_no_token: on_no_token(args, reader)?,
    })
}

fn env_tokens<E: Environment>(
    args: &RunArgs,
    reader: &Reader<'_, E>,
) -> Result<Option<EnvTokens>, UsageError> {
    let session_file = Setting {
        flag: "--session-token-file",
        typed: args.session_token_file.as_ref(),
        variable: "HYTALE_SERVER_SESSION_TOKEN_FILE",
    };
    let identity_file = Setting {
        flag: "--identity-token-file",
        typed: args.identity_token_file.as_ref(),
        variable: "HYTALE_SERVER_IDENTITY_TOKEN_FILE",
    };
    let tokens = EnvTokens {
        session: reader.secret(
            &session_file,
            "hytale.session-token",
            "HYTALE_SERVER_SESSION_TOKEN",
        )?,
        identity: reader.secret(
            &identity_file,
            "hytale.identity-token",
            "HYTALE_SERVER_IDENTITY_TOKEN",
        )?,
    };
    let given = tokens.session.is_some() || tokens.identity.is_some();
    Ok(given.then_some(tokens))
}

fn broker<E: Environment>(
    args: &RunArgs,
    reader: &Reader<'_, E>,
) -> Result<Option<Broker>, UsageError> {
    let url = Setting {
        flag: "--broker-url",
        typed: args.broker_url.as_ref(),
        variable: "HYTALE_SESSION_TOKEN_BROKER_URL",
    };
    let bearer_file = Setting {
        flag: "--broker-token-file",
        typed: args.broker_token_file.as_ref(),
        variable: "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN_SRC",
    };
    let account = Setting {
        flag: "--broker-account",
        typed: args.broker_account.as_ref(),
        variable: "HYTALE_SESSION_TOKEN_BROKER_ACCOUNT",
    };
    let timeout = Setting {
        flag: "--broker-timeout",
        typed: args.broker_timeout.as_ref(),
        variable: "HYTALE_SESSION_TOKEN_BROKER_TIMEOUT_SECONDS",
    };
    let enabled = reader.parse_variable("HYTALE_SESSION_TOKEN_BROKER_ENABLED", &TRUTH)?;
    // A flag wins over every variable, so also over the one that switches the broker off.
    let switched_off = enabled == Some(false) && url.typed.is_none();
    let url = reader.parse(&url, &BROKER_URL)?;
    let bearer = reader.secret(
        &bearer_file,
        "hytale.broker-token",
        "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN",
    )?;
    let account = reader.parse(&account, &NAME)?;
    let profiles = profiles(args, reader)?;
    let timeout = reader
        .parse(&timeout, &DURATION)?
        .unwrap_or(Duration::from_secs(35));
    let broker = url.filter(|_| !switched_off).map(|url| Broker {
        url,
        bearer,
        account,
        profiles,
        timeout,
    });
    Ok(broker)
}

fn credential_files<E: Environment>(
    args: &RunArgs,
    reader: &Reader<'_, E>,
) -> Result<Option<Box<CredentialFiles>>, UsageError> {
    let credentials = credentials::read(&args.shared, reader)?;
    let there = |path: &PathBuf| path.symlink_metadata().is_ok();
    if credentials.named == Named::ByDefault && !credentials.files.iter().any(there) {
        return Ok(None);
    }
    Ok(Some(Box::new(CredentialFiles {
        credentials,
        profiles: profiles(args, reader)?,
        sessions_url: session::sessions_url(&args.shared, reader)?,
        state_dir: session::state_dir(&args.shared, reader)?,
    })))
}

/// The profiles that a person names, for every source that can choose.
fn profiles<E: Environment>(
    args: &RunArgs,
    reader: &Reader<'_, E>,
) -> Result<Vec<Uuid>, UsageError> {
    let setting = Setting {
        flag: "--profile",
        typed: args.profile.as_ref(),
        variable: "HYTALE_SESSION_TOKEN_BROKER_PROFILE_UUIDS",
    };
    Ok(reader.parse(&setting, &PROFILES)?.unwrap_or_default())
}

fn on_no_token<E: Environment>(
    args: &RunArgs,
    reader: &Reader<'_, E>,
) -> Result<OnNoToken, UsageError> {
    let setting = Setting {
        flag: "--on-no-token",
        typed: args.on_no_token.as_ref(),
        variable: "HYTALE_ENTRYPOINT_ON_NO_TOKEN",
    };
    let fail_on_error =
        reader.parse_variable("HYTALE_SESSION_TOKEN_BROKER_FAIL_ON_ERROR", &TRUTH)?;
    let fallback = match fail_on_error {
        Some(false) => OnNoToken::Start,
        Some(true) | None => OnNoToken::Fail,
    };
    Ok(reader.parse(&setting, &ON_NO_TOKEN)?.unwrap_or(fallback))
}
