//! Sessions that come from nowhere, for tests of tokens in the environment.

use std::time::Duration;

use crate::state::Shared;
use crate::token::TokenPair;

/// Which session to open. The default: the first profile of the first account, for the usual time.
#[derive(Clone, Debug, Default)]
pub struct Mint {
    /// An account's name.
    pub account: Option<String>,
    /// A profile's UUID or name.
    pub profile: Option<String>,
    /// How long the session lives.
    pub lifetime: Option<Duration>,
}

impl Mint {
    /// Opens the session, whether a slot is free or not.
    pub(crate) fn open(&self, shared: &Shared) -> Result<TokenPair, String> {
        let options = &shared.options;
        let account = options.account_or_first(self.account.as_deref())?;
        let mut profiles = account.profiles.iter();
        let profile = match &self.profile {
            Some(wanted) => profiles
                .find(|profile| {
                    profile.uuid.eq_ignore_ascii_case(wanted) || profile.username == *wanted
                })
                .ok_or_else(|| format!("account `{}` has no profile `{wanted}`", account.name))?,
            None => profiles
                .next()
                .ok_or_else(|| format!("account `{}` has no profile", account.name))?,
        };
        let lifetime = self.lifetime.unwrap_or(options.session_ttl);
        Ok(shared.change(|state| shared.open_session(state, account, profile, lifetime)))
    }
}
