//! `status`: credentials, profiles and leases, for people and for programs; never a token.

mod text;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::CommandError;
use super::screen::Screen;
use crate::config::Account;
use crate::credentials::store::{Store, StoreError};
use crate::hytale::accounts::{self, Profile};
use crate::hytale::http::Http;
use crate::lease::{Found, Held, StateDir};

/// How long the account service may take to tell the profiles' names.
const ATTEMPT: Duration = Duration::from_secs(5);

/// What `status --json` prints.
#[derive(Debug, Serialize)]
struct Status {
    version: u32,
    credentials: Vec<CredentialFile>,
    leases: Vec<Lease>,
}

#[derive(Debug, Serialize)]
struct CredentialFile {
    path: PathBuf,
    /// `null` when the file is in order.
    error: Option<String>,
    /// Which key opened it.
    key: Option<String>,
    logged_in: bool,
    access_token_expires_at: Option<Timestamp>,
    selected: Vec<Uuid>,
    /// `null` when the service was not asked or did not answer.
    profiles: Option<Vec<Named>>,
}

#[derive(Debug, Serialize)]
struct Named {
    uuid: Uuid,
    username: String,
}

#[derive(Debug, Serialize)]
struct Lease {
    id: String,
    /// Whether a living process looks after it.
    held: bool,
    /// Whether it cannot be read.
    damaged: bool,
    source: Option<String>,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

/// How the status is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// # Errors
/// After everything was shown: for the first credential file that is not in order.
pub async fn status(account: &Account, form: Form) -> Result<(), CommandError> {
    let mut first_error = None;
    let mut credentials = Vec::new();
    for store in account.credentials.stores().filter(Store::exists) {
        let file = match look(account, &store).await {
            Ok(file) => file,
            Err(error) => {
                let file = CredentialFile::broken(&store, &error);
                first_error.get_or_insert(error);
                file
            }
        };
        credentials.push(file);
    }
    let leases = match &account.state_dir {
        Some(path) => StateDir::look(path),
        None => Ok(Vec::new()),
    };
    let mut first_error = first_error.map(CommandError::from);
    let leases = leases.unwrap_or_else(|error| {
        first_error.get_or_insert(CommandError::Leases(error));
        Vec::new()
    });
    let mut leases: Vec<_> = leases.into_iter().map(Lease::from).collect();
    // From the oldest to the newest, and last those of which nothing is known.
    leases.sort_by(|a, b| {
        let key = |lease: &Lease| (lease.created_at.is_none(), lease.created_at);
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    let status = Status {
        version: 1,
        credentials,
        leases,
    };
    let screen = Screen::new();
    match form {
        Form::Text => screen.say(text::page(&status, Timestamp::now())),
        Form::Json => screen.say(serde_json::to_string_pretty(&status).unwrap_or_default()),
    }
    first_error.map_or(Ok(()), Err)
}

async fn look(account: &Account, store: &Store) -> Result<CredentialFile, StoreError> {
    let credentials = store.read()?;
    let mut profiles = None;
    if let Some(token) = credentials.access_token()
        && credentials
            .expires_at()
            .is_some_and(|at| at > Timestamp::now())
        && let Ok(http) = Http::to(&account.credentials.account_data_url)
    {
        profiles = accounts::profiles(&http, &token, ATTEMPT).await.ok();
    }
    Ok(CredentialFile {
        path: store.path().to_owned(),
        error: None,
        key: credentials.opened_with().map(ToString::to_string),
        logged_in: credentials.refresh_token().is_some(),
        access_token_expires_at: credentials.expires_at(),
        selected: credentials.profiles(),
        profiles: profiles.map(|profiles| profiles.into_iter().map(Named::from).collect()),
    })
}

impl CredentialFile {
    fn broken(store: &Store, error: &StoreError) -> Self {
        Self {
            path: store.path().to_owned(),
            error: Some(error.to_string()),
            key: None,
            logged_in: false,
            access_token_expires_at: None,
            selected: Vec::new(),
            profiles: None,
        }
    }
}

impl From<Profile> for Named {
    fn from(profile: Profile) -> Self {
        Self {
            uuid: profile.uuid,
            username: profile.username,
        }
    }
}

impl From<Found> for Lease {
    fn from(found: Found) -> Self {
        let id = found.path.file_stem().unwrap_or_default();
        Self {
            id: id.to_string_lossy().into_owned(),
            held: found.held == Held::ByAProcess,
            damaged: found.record.is_none(),
            created_at: found.record.as_ref().map(|record| record.created_at),
            expires_at: found.record.as_ref().map(|record| record.expires_at),
            source: found.record.map(|record| record.source),
        }
    }
}
