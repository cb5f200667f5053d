//! The whole story of `run`: look the server up, open a session for it, start it, look after it, release
//! the session, pass the exit code on.

mod open;

use tracing::info;

use crate::config::Run;
use crate::error::Error;
use crate::exit::Ended;
use crate::hytale::TokenPair;
use crate::server::Launch;
use crate::session::Session;
use crate::stop::Stop;
use crate::supervise::signals::{self, Signals};
use crate::supervise::{adopt_orphans, supervise};

/// Starts a server and looks after it until it has ended. The result is the exit code.
///
/// # Errors
/// When no server was started. No session is left then either.
pub async fn run(config: &Run, signals: &mut Signals) -> Result<u8, Error> {
    adopt_orphans();
    let launch = Launch::look_up(&config.server)?;
    let session = open::session(config, signals).await?;
    let tokens = session.as_ref().map(Session::tokens).cloned();
    let (stopping, gone) = (Stop::new(), Stop::new());
    let serving = async {
        let ended = serve(config, launch, tokens, signals, &stopping).await;
        stopping.request();
        gone.request();
        ended
    };
    let keeping = async {
        if let Some(session) = session {
            session.keep(&stopping, &gone).await;
        }
    };
    let (ended, ()) = tokio::join!(serving, keeping);
    ended.map(|ended| exit_code(config, ended))
}

async fn serve(
    config: &Run,
    launch: Launch<'_>,
    tokens: Option<TokenPair>,
    signals: &mut Signals,
    stopping: &Stop,
) -> Result<Ended, Error> {
    if let Some(signal) = signals.ending_now() {
        return Err(Error::Stopped(signal));
    }
    let server = launch.start(tokens)?;
    let ended = supervise(server, &config.server, signals, stopping).await;
    match ended {
        Ended::Exited(code) => info!("the server ended with code {code}"),
        Ended::Signaled(signal) => info!("{} ended the server", signals::name(signal)),
    }
    Ok(ended)
}

fn exit_code(config: &Run, ended: Ended) -> u8 {
    let code = ended.code();
    match config.success_exit.contains(&code) {
        true => 0,
        false => code,
    }
}
