//! The handle that a test holds: starts the server on a thread of its own, sees what it does, stops it when dropped.

mod levers;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;

use crate::account::Account;
use crate::options::Options;
use crate::server::{self, Surface};
use crate::state::Shared;
use crate::state::requests::RequestRecord;
use crate::state::sessions::SessionRecord;
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
                server::listen(options.listen)?,
                options.broker_listen.map(server::listen).transpose()?,
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
