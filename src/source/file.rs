//! Credential files as a source: one login, a new session at every start. Several profiles, and several files,
//! are a pool: each start begins one further, and where one is refused the next is tried.

pub mod access;
mod turn;

use std::time::Duration;

use thiserror::Error;
use tracing::{info, warn};
use uuid::Uuid;

use crate::config::tokens::CredentialFiles;
use crate::credentials::Credentials;
use crate::credentials::store::{Store, StoreError};
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::hytale::accounts::{AccountError, Profile};
use crate::hytale::http::{Http, HttpError};
use crate::hytale::oauth::OAuthError;
use crate::hytale::retry::Policy;
use crate::hytale::sessions::{self, CreateError};
use crate::secret::Secret;
use crate::stop::Stop;
use access::Access;
use turn::Turn;

/// How long one request for a session may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// Why a credential file yields no tokens.
#[derive(Debug, Error)]
pub enum FileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error("the credential file {0} holds no login")]
    NoLogin(String),
    #[error("several profiles and none selected: {}", list(.0))]
    NoneSelected(Vec<Profile>),
    #[error("the account has no profile")]
    NoProfile,
    /// Nobody sees this one: the stop itself is what is told.
    #[error("stopped before a session was asked for")]
    Stopped,
}

impl From<HttpError> for FileError {
    fn from(error: HttpError) -> Self {
        Self::Create(error.into())
    }
}

/// Profiles by name and number, for people.
pub fn list(profiles: &[Profile]) -> String {
    let words: Vec<_> = profiles
        .iter()
        .map(|profile| format!("{} ({})", profile.username, profile.uuid))
        .collect();
    words.join(", ")
}

impl FileError {
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::OAuth(error) => error.code(),
            Self::Account(AccountError::Refused { .. }) => Code::Refused,
            Self::Account(_) => Code::Unavailable,
            Self::Create(error) => match error {
                CreateError::Http(_) | CreateError::Trouble { .. } | CreateError::NoPair => {
                    Code::Unavailable
                }
                CreateError::NoSlot { .. } => Code::NoSlot,
                CreateError::UnknownProfile { .. } => Code::Config,
                CreateError::AccessToken { .. } | CreateError::Refused { .. } => Code::Refused,
            },
            Self::NoLogin(_) => Code::Refused,
            Self::Stopped => Code::Unavailable,
            Self::NoneSelected(_) | Self::NoProfile => Code::Config,
        }
    }

    /// Whether another profile of the same account may fare better.
    fn is_of_one_profile(&self) -> bool {
        matches!(
            self,
            Self::Create(
                CreateError::NoSlot { .. }
                    | CreateError::UnknownProfile { .. }
                    | CreateError::Refused { .. }
            )
        )
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store(error) => error.hint(),
            Self::OAuth(error) => error.hint(),
            Self::Create(CreateError::NoSlot { .. }) => {
                "stop a server of this account, or wait until a session that nobody freed expires (an hour)"
            }
            Self::Create(CreateError::UnknownProfile { .. }) => {
                "see the account's profiles with hytale-entrypoint status, and choose with select or --profile"
            }
            Self::NoneSelected(_) => {
                "choose once with hytale-entrypoint select NAME, or at every start with --profile UUID"
            }
            Self::NoProfile => "make a profile in the game first",
            Self::NoLogin(_)
            | Self::Create(CreateError::AccessToken { .. } | CreateError::Refused { .. })
            | Self::Account(AccountError::Refused { .. }) => {
                "log in again: hytale-entrypoint login"
            }
            Self::Create(_) | Self::Account(_) | Self::Stopped => {
                "check the network; a later try may succeed"
            }
        }
    }
}

/// # Errors
/// When no profile of no file yields tokens: the failure that a restart may cure, else the first.
pub async fn mint(
    config: &CredentialFiles,
    policy: &Policy,
    stop: &Stop,
) -> Result<TokenPair, FileError> {
    let stores: Vec<Store> = config.credentials.stores().collect();
    let pool = Pool {
        config,
        policy,
        stop,
        turn: Turn::new(config.state_dir.as_deref()),
    };
    let mut failures = Vec::new();
    for store in pool.turn.order(&stores, 1) {
        match pool.mint_from(store, stores.len()).await {
            Ok(tokens) => return Ok(tokens),
            Err(error) => failures.push((store.path(), error)),
        }
        if stop.is_requested() {
            break;
        }
    }
    let restart_helps = |(_, error): &(_, FileError)| error.code().restart_helps();
    let decisive = failures.iter().position(restart_helps).unwrap_or(0);
    let (_, error) = failures.swap_remove(decisive);
    for (path, error) in failures {
        warn!("{}: {error}", path.display());
    }
    Err(error)
}

/// The profiles that a person named, for this start or once for all.
pub fn chosen(config: &CredentialFiles, credentials: &Credentials) -> Vec<Uuid> {
    match config.profiles.is_empty() {
        true => credentials.profiles(),
        false => config.profiles.clone(),
    }
}

/// The profile of an account for which nobody named one.
///
/// # Errors
/// When that is not plain.
pub fn only(mut profiles: Vec<Profile>) -> Result<Profile, FileError> {
    match profiles.len() {
        0 => Err(FileError::NoProfile),
        1 => Ok(profiles.remove(0)),
        _ => Err(FileError::NoneSelected(profiles)),
    }
}

/// What all files and profiles of a pool have in common.
struct Pool<'a> {
    config: &'a CredentialFiles,
    policy: &'a Policy,
    stop: &'a Stop,
    turn: Turn<'a>,
}

impl Pool<'_> {
    /// Tries one file's profiles, beginning with the one whose turn it is.
    async fn mint_from(&self, store: &Store, files: usize) -> Result<TokenPair, FileError> {
        let http = Http::to(&self.config.sessions_url)?;
        let oauth_url = &self.config.credentials.oauth_url;
        let mut access = Access::read(store, oauth_url, self.policy, self.stop)?;
        access.change_key().await;
        let profiles = self.profiles(&mut access).await?;
        let mut first = None;
        for &profile in self.turn.order(&profiles, files) {
            match self.session(&http, &mut access, profile).await {
                Ok(tokens) => return Ok(tokens),
                Err(error) if error.is_of_one_profile() && !self.stop.is_requested() => {
                    info!("profile {profile}: {error}");
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first.unwrap_or(FileError::NoProfile))
    }

    /// The profiles to try: those that were named, else selected, else the account's only one.
    async fn profiles(&self, access: &mut Access<'_>) -> Result<Vec<Uuid>, FileError> {
        let chosen = chosen(self.config, access.credentials());
        if !chosen.is_empty() {
            return Ok(chosen);
        }
        let http = Http::to(&self.config.credentials.account_data_url)?;
        let only = only(access.profiles(&http).await?)?;
        access.remember(only.uuid).await;
        Ok(vec![only.uuid])
    }

    async fn session(
        &self,
        http: &Http,
        access: &mut Access<'_>,
        profile: Uuid,
    ) -> Result<TokenPair, FileError> {
        let create = async |token: &Secret| {
            let attempt =
                async || sessions::create(http, token, profile, self.policy.left(ATTEMPT)).await;
            self.policy.run(self.stop, attempt).await
        };
        let token = access.token().await?;
        if self.stop.is_requested() {
            return Err(FileError::Stopped);
        }
        match create(&token).await {
            // It looked good, and was revoked: once, another one is tried.
            Err(CreateError::AccessToken { .. }) if !self.stop.is_requested() => {
                let token = access.instead_of(&token).await?;
                Ok(create(&token).await?)
            }
            created => Ok(created?),
        }
    }
}
