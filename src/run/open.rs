//! Opening a session: the sources in their order, until one yields tokens that a server can live with, or a
//! stop signal comes.

use std::pin::pin;
use std::time::Duration;

use nix::libc::c_int;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::config::Run;
use crate::config::tokens::{OnNoToken, Source};
use crate::error::{Error, NoTokens, Refusal};
use crate::hytale::retry::Policy;
use crate::session::{Session, Sessions};
use crate::source;
use crate::stop::Stop;
use crate::supervise::signals::{Signals, name};

/// How long a request that is under way may go on after a stop signal: its answer may be a session.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// Opens a session, where the server wants one and there is one to be had.
///
/// # Errors
/// When there is none and the server must not start without; or after a stop signal.
pub async fn session<'a>(
    config: &'a Run,
    signals: &mut Signals,
) -> Result<Option<Session<'a>>, Error> {
    if !config.server.command.wants_tokens() {
        info!("this server authenticates nobody, so it gets no tokens");
        return Ok(None);
    }
    let stop = Stop::new();
    let mut opening = pin!(from_any(config, &stop));
    let opened = tokio::select! {
        opened = &mut opening => opened,
        signal = signals.ending() => {
            stop.request();
            return Err(stopped(signal, last_answer(opening, &stop).await).await);
        }
    };
    match opened {
        Err(error) if config.tokens.on_no_token == OnNoToken::Start => {
            warn!("{error}; the server starts without");
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

/// What comes of the request under way. A login that is being renewed is waited for as long as it takes: its
/// refresh token may be spent already.
async fn last_answer<T>(opening: impl Future<Output = T>, stop: &Stop) -> Option<T> {
    let enough = async {
        sleep(LAST_ANSWER).await;
        stop.all_finished().await;
    };
    tokio::select! {
        answer = opening => Some(answer),
        () = enough => None,
    }
}

/// A session that arrives after the signal is not for us any more.
async fn stopped(signal: c_int, answer: Option<Result<Session<'_>, Error>>) -> Error {
    info!("{} came before the server was started", name(signal));
    match answer {
        Some(Ok(session)) => session.release().await,
        Some(Err(_)) => {}
        None => {
            warn!("the request under way was not answered: if it opened a session, that stays open")
        }
    }
    Error::Stopped(signal)
}

async fn from_any<'a>(config: &'a Run, stop: &Stop) -> Result<Session<'a>, Error> {
    if config.tokens.sources.is_empty() {
        return Err(Error::NoSource);
    }
    let sessions = Sessions::new(&config.session);
    let policy = Policy {
        deadline: Instant::now() + config.tokens.timeout,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(10),
    };
    let mut refusals: Vec<(String, Refusal)> = Vec::new();
    for source in &config.tokens.sources {
        if stop.is_requested() {
            break;
        }
        if let Some((last, refusal)) = refusals.last() {
            warn!("{last}: {refusal}; trying {source}");
        }
        match from_one(source, config, &sessions, &policy, stop).await {
            Ok(session) => {
                info!("session opened, source {source}");
                return Ok(session);
            }
            Err(refusal) => refusals.push((source.to_string(), refusal)),
        }
    }
    Err(NoTokens(refusals).into())
}

async fn from_one<'a>(
    source: &Source,
    config: &Run,
    sessions: &Sessions<'a>,
    policy: &Policy,
    stop: &Stop,
) -> Result<Session<'a>, Refusal> {
    let tokens = source::mint(source, policy, stop).await?;
    let session = sessions.open(tokens, source.to_string())?;
    match session.check(config.tokens.min_life) {
        Ok(()) => Ok(session),
        Err(error) => {
            session.release().await;
            Err(error.into())
        }
    }
}
