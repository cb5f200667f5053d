//! Opening a session: the sources in their order, until one yields tokens that a server can live with, or a
//! stop signal comes.

use std::pin::pin;
use std::time::Duration;

use nix::libc::c_int;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::config::Run;
use crate::config::tokens::{OnNoToken, Source};
use crate::error::{Error, NoTokens, Refusal};
use crate::exit::Code;
use crate::hytale::TokenPair;
use crate::hytale::retry::Policy;
use crate::lease::StateDir;
use crate::ready::Announcer;
use crate::session::sweep::{self, Swept};
use crate::session::{self, Session, Sessions};
use crate::source;
use crate::stop::Stop;
use crate::supervise::signals::{Signals, name};

/// A session, and what the server is given of it, which is nothing that we keep.
pub type Opened<'a> = (Session<'a>, TokenPair);

/// Opens a session, where the server wants one and there is one to be had.
///
/// # Errors
/// When there is none and the server must not start without; or after a stop signal.
pub async fn session<'a>(
    config: &'a Run,
    sources: Vec<Source>,
    signals: &mut Signals,
    announcer: &Announcer,
) -> Result<Option<Opened<'a>>, Error> {
    if !config.server.command.wants_tokens() {
        info!("this server authenticates nobody, so it gets no tokens");
        return Ok(None);
    }
    announcer.obtaining();
    match any(config, &sources, signals).await {
        Err(error @ (Error::NoSource | Error::NoTokens(_)))
            if config.tokens.on_no_token == OnNoToken::Start =>
        {
            warn!("{error}; the server starts without");
            Ok(None)
        }
        opened => opened.map(|(session, tokens)| {
            announcer.opened(session.status());
            Some((session, tokens))
        }),
    }
}

/// Opens a session with the first of these sources that yields tokens.
///
/// # Errors
/// When there is none; or after a stop signal.
pub async fn any<'a>(
    config: &'a Run,
    sources: &[Source],
    signals: &mut Signals,
) -> Result<Opened<'a>, Error> {
    let stop = Stop::new();
    let mut opening = pin!(from_any(config, sources, &stop));
    tokio::select! {
        opened = &mut opening => opened,
        signal = signals.ending() => {
            stop.request();
            info!("{} came before the server was started: only what is under way is finished", name(signal));
            Err(stopped(signal, last_answer(opening, config.session.release_after, &stop).await).await)
        }
    }
}

/// What comes of the request under way. A login that is being renewed is waited for as long as it takes: its
/// refresh token may be spent already.
async fn last_answer<T>(
    opening: impl Future<Output = T>,
    patience: Duration,
    stop: &Stop,
) -> Option<T> {
    let enough = async {
        sleep(patience).await;
        stop.all_finished().await;
    };
    tokio::select! {
        biased;
        answer = opening => Some(answer),
        () = enough => None,
    }
}

/// A session that arrives after the signal is not for us any more.
async fn stopped(signal: c_int, answer: Option<Result<Opened<'_>, Error>>) -> Error {
    match answer {
        Some(Ok((session, _))) => {
            session.release().await;
        }
        Some(Err(_)) => {}
        None => {
            warn!("the request under way was not answered: if it opened a session, that stays open")
        }
    }
    Error::Stopped(signal)
}

async fn from_any<'a>(
    config: &'a Run,
    sources: &[Source],
    stop: &Stop,
) -> Result<Opened<'a>, Error> {
    if sources.is_empty() {
        return Err(Error::NoSource);
    }
    let sessions = Sessions::new(&config.session);
    let mut opening = Opening {
        config,
        stop,
        policy: Policy {
            deadline: Instant::now() + config.tokens.timeout,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
        },
        sweep: sessions.state().map(|state| sweep(state, sources)),
        sessions,
    };
    let mut refusals: Vec<(String, Refusal)> = Vec::new();
    for source in sources {
        if stop.is_requested() {
            break;
        }
        if let Some((last, refusal)) = refusals.last() {
            warn!("{last}: {refusal}; trying {source}");
        }
        match opening.from(source).await {
            Ok(opened) => {
                info!("session opened, source {source}");
                return Ok(opened);
            }
            Err(refusal) => refusals.push((source.to_string(), refusal)),
        }
    }
    Err(NoTokens(refusals).into())
}

/// Frees what killed processes have left, beside everything else and for as long as we live.
fn sweep(state: &StateDir, sources: &[Source]) -> JoinHandle<Swept> {
    let given = source::given_fingerprints(sources);
    spawn_local(sweep::sweep(state.clone(), given))
}

/// What all attempts have in common.
struct Opening<'a, 's> {
    config: &'a Run,
    stop: &'s Stop,
    policy: Policy,
    sessions: Sessions<'a>,
    /// Until somebody has waited for it.
    sweep: Option<JoinHandle<Swept>>,
}

impl<'a> Opening<'a, '_> {
    /// A session from one source. Where all slots are taken, some may be our own leftovers: once those are
    /// freed, it is tried again.
    async fn from(&mut self, source: &Source) -> Result<Opened<'a>, Refusal> {
        match self.once(source).await {
            Err(refusal) if refusal.code() == Code::NoSlot && !self.stop.is_requested() => {
                if let Some(sweep) = self.sweep.take() {
                    info!("{source}: {refusal}; trying again once our leftovers are freed");
                    tokio::select! {
                        _ = sweep => {}
                        () = self.stop.requested() => return Err(refusal),
                    }
                }
                self.once(source).await
            }
            opened => opened,
        }
    }

    async fn once(&self, source: &Source) -> Result<Opened<'a>, Refusal> {
        // Before the request, so that its answer is on disk the moment it comes.
        let blank = self.sessions.blank();
        let tokens = source::mint(source, &self.policy, self.stop).await?;
        let session = self.sessions.open(&tokens, source.to_string(), blank)?;
        match session::check(&tokens, self.config.tokens.min_life) {
            Ok(()) => Ok((session, tokens)),
            Err(error) => {
                session.release().await;
                Err(error.into())
            }
        }
    }
}
