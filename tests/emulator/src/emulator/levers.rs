//! What a test can do to a running emulator.

use std::time::Duration;

use super::Emulator;
use crate::behaviour::Behaviour;
use crate::fault::Fault;
use crate::mint::Mint;
use crate::state::devices::Verdict;
use crate::state::grants::OAuthTokens;
use crate::token::{ForgeOptions, TokenPair};

impl Emulator {
    /// Queues a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.change(|state| state.faults.push(fault));
    }

    /// Forgets every fault that has not struck yet.
    pub fn clear_faults(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// Sets the switches.
    pub fn set(&self, behaviour: Behaviour) {
        self.shared.change(|state| state.behaviour = behaviour);
    }

    /// Moves the services' clock forward: tokens, sessions and codes expire, and no test has to wait for it.
    pub fn advance(&self, by: Duration) {
        self.shared.change(|state| state.clock.advance(by));
    }

    /// Opens a session without asking for a slot, as for tokens that come from the environment.
    ///
    /// # Panics
    ///
    /// When there is no such account or profile.
    pub fn mint(&self, mint: &Mint) -> TokenPair {
        mint.open(&self.shared)
            .expect("a mint names an account and a profile that exist")
    }

    /// Signs tokens that no session stands behind.
    pub fn forge(&self, options: &ForgeOptions) -> TokenPair {
        self.shared
            .change(|state| self.shared.key.forge(options, state.clock.now()))
    }

    /// Logs an account in.
    ///
    /// # Panics
    ///
    /// When there is no such account.
    pub fn authorize(&self, account: &str) -> OAuthTokens {
        self.must_know(account);
        let options = &self.shared.options;
        self.shared
            .change(|state| state.grants.begin(account, options, state.clock.now()))
    }

    /// Ends all logins of an account.
    pub fn revoke(&self, account: &str) {
        self.shared.change(|state| state.grants.revoke(account));
    }

    /// Ends an account's access tokens before their time; the refresh tokens stay good.
    pub fn revoke_access(&self, account: &str) {
        self.shared
            .change(|state| state.grants.revoke_access(account));
    }

    /// Approves a device login for the first account; whether there was one with this code.
    pub fn approve(&self, user_code: &str) -> bool {
        self.accounts()
            .first()
            .is_some_and(|account| self.approve_as(user_code, &account.name))
    }

    /// Approves a device login for an account; whether there was one with this code.
    ///
    /// # Panics
    ///
    /// When there is no such account.
    pub fn approve_as(&self, user_code: &str, account: &str) -> bool {
        self.must_know(account);
        self.shared.decide(user_code, Verdict::Approve(account))
    }

    /// Denies a device login; whether there was one with this code.
    pub fn deny(&self, user_code: &str) -> bool {
        self.shared.decide(user_code, Verdict::Deny)
    }

    /// A misspelt account would be a login that nothing accepts.
    fn must_know(&self, account: &str) {
        assert!(
            self.shared.options.account(account).is_some(),
            "there is no account `{account}`"
        );
    }
}
