//! The whole story of `run`: look the server up, open a session for it, start it, look after it, release
//! the session, pass the exit code on.

pub mod open;

use std::mem;

use tracing::info;

use crate::config::Run;
use crate::error::Error;
use crate::exit::{self, Code, Ended};
use crate::hytale::TokenPair;
use crate::ready::{Announcer, last_words};
use crate::server::Launch;
use crate::stop::Stop;
use crate::supervise::output::{Output, Seen};
use crate::supervise::signals::{self, Signals};
use crate::supervise::{Served, adopt_orphans, supervise};

/// Starts a server and looks after it until it has ended. The result is the exit code.
///
/// # Errors
/// When no server was started. No session is left then either.
pub async fn run(mut config: Run, signals: &mut Signals) -> Result<u8, Error> {
    adopt_orphans();
    // They hold secrets that nobody needs once there is a session.
    let sources = mem::take(&mut config.tokens.sources);
    let config = &config;
    let launch = Launch::look_up(&config.server)?;
    let announcer = Announcer::new(&config.status_file);
    let (session, tokens) = open::session(config, sources, signals, &announcer)
        .await?
        .unzip();
    let (stopping, gone) = (Stop::new(), Stop::new());
    let serving = async {
        let served = serve(config, launch, tokens, signals, &stopping, &announcer).await;
        stopping.request();
        gone.request();
        let (mut served, output) = served?;
        served.was_ready |= pass_on(output, signals).await.ready;
        Ok(served)
    };
    let keeping = async {
        if let Some(session) = session {
            session.keep(&stopping, &gone, &announcer).await;
        }
    };
    let (served, ()) = tokio::join!(serving, keeping);
    served.map(|served| exit_code(config, served))
}

async fn serve(
    config: &Run,
    launch: Launch<'_>,
    tokens: Option<TokenPair>,
    signals: &mut Signals,
    stopping: &Stop,
    announcer: &Announcer,
) -> Result<(Served, Option<Output>), Error> {
    if let Some(signal) = signals.ending_now() {
        return Err(Error::Stopped(signal));
    }
    let (server, mut output) = launch.start(tokens, &config.readiness)?;
    let served = supervise(server, &mut output, config, signals, stopping, announcer).await;
    let end = match served.ended {
        Ended::Exited(code) => match exit::meaning(code) {
            Some(meaning) => format!("the server ended with code {code} ({meaning})"),
            None => format!("the server ended with code {code}"),
        },
        Ended::Signaled(signal) => format!("{} ended the server", signals::name(signal)),
    };
    info!("{end}");
    last_words(&end);
    Ok((served, output))
}

/// What the server wrote at last reaches its reader, however slow that is, unless somebody wants us to end now.
async fn pass_on(output: Option<Output>, signals: &mut Signals) -> Seen {
    let Some(mut output) = output else {
        return Seen::default();
    };
    tokio::select! {
        seen = output.finish() => seen,
        _ = signals.ending() => Seen::default(),
    }
}

fn exit_code(config: &Run, served: Served) -> u8 {
    let code = match served.ended.code() {
        code if config.success_exit.contains(&code) => 0,
        code => code,
    };
    match config.readiness.until_ready {
        None => code,
        Some(_) if served.gave_up => Code::NotReady as u8,
        Some(_) if served.was_ready => 0,
        Some(_) => code.max(1),
    }
}
