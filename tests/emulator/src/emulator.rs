//! The handle that a test holds: starts the server on a thread of its own, asks it things, stops it when dropped.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;

use crate::account::Account;
use crate::behaviour::Behaviour;
use crate::fault::Fault;
use crate::mint::Mint;
use crate::options::Options;
use crate::server::{self, Surface};
use crate::state::Shared;
use crate::state::devices::Verdict;
use crate::state::grants::OAuthTokens;
use crate::state::requests::RequestRecord;
use crate::state::sessions::SessionRecord;
use crate::token::{ForgeOptions, TokenPair};
use crate::view::View;

/// A running emulator.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    broker_url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Listens, and serves from a thread of its own.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on.
    pub fn start(options: Options) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (listener, broker_listener) = runtime.block_on(async {
            Ok::<_, io::Error>((
                server::bind(options.listen)?,
                options.broker_listen.map(server::bind).transpose()?,
            ))
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        let broker_url = match &broker_listener {
            Some(listener) => format!("http://{}", listener.local_addr()?),
            None => url.clone(),
        };
        let shared = Arc::new(Shared::new(options, url));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("hytale-emulator".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    if let Some(listener) = broker_listener {
                        tokio::spawn(server::serve(
                            listener,
                            Surface::Broker,
                            Arc::clone(&serving),
                        ));
                    }
                    tokio::spawn(server::serve(listener, Surface::Everything, serving));
                    // A sender that was dropped means the same as one that spoke.
                    let _ = stopped.await;
                });
            })?;
        Ok(Self {
            shared,
            broker_url,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`, for every service.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The broker's URL: its own listener's where there is one.
    pub fn broker_url(&self) -> &str {
        &self.broker_url
    }

    /// The accounts it was started with.
    pub fn accounts(&self) -> &[Account] {
        &self.shared.options.accounts
    }

    /// Every session there ever was.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        self.shared.look(|view| view.sessions())
    }

    /// The slots taken, over all accounts.
    pub fn live(&self) -> usize {
        self.shared.look(|view| view.live())
    }

    /// The slots that an account has taken.
    pub fn live_of(&self, account: &str) -> usize {
        self.shared.look(|view| view.live_of(account))
    }

    /// Every request that came over the wire, in order.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.look(|view| view.requests())
    }

    /// Every request that the broker sent upstream, in order.
    pub fn broker_requests(&self) -> Vec<RequestRecord> {
        self.shared.look(|view| view.broker_requests())
    }

    /// How many requests of this kind came over the wire.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.shared.look(|view| view.count(method, path))
    }

    /// How often a refresh token was used that had been replaced.
    pub fn incidents(&self) -> usize {
        self.shared.look(|view| view.incidents())
    }

    /// The user codes that wait for a decision.
    pub fn user_codes(&self) -> Vec<String> {
        self.shared.look(|view| view.user_codes())
    }

    /// Waits until something holds, looking after every change; whether it did before the time was up.
    pub fn wait_for(&self, met: impl FnMut(&View<'_>) -> bool, timeout: Duration) -> bool {
        self.shared.wait_for(met, timeout)
    }

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
        let options = &self.shared.options;
        assert!(
            options.account(account).is_some(),
            "there is no account `{account}`"
        );
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
    pub fn approve_as(&self, user_code: &str, account: &str) -> bool {
        self.shared.decide(user_code, Verdict::Approve(account))
    }

    /// Denies a device login; whether there was one with this code.
    pub fn deny(&self, user_code: &str) -> bool {
        self.shared.decide(user_code, Verdict::Deny)
    }

    /// Serves until the process ends.
    pub fn serve(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
