//! `check`: everything that would fail at `run`, found without starting anything. With `--mint` a session is
//! opened as `run` would open it, looked at as the server would look at it, and freed.

mod archive;
mod credentials;
mod java;
mod launcher;
mod mint;
mod report;
mod services;
mod sources;
mod state;

use std::time::Duration;

use tokio::time::Instant;

use super::screen::Screen;
use crate::cli::CheckArgs;
use crate::config::Run;
use crate::config::read::UsageError;
use crate::config::tokens::OnNoToken;
use crate::error::Error;
use crate::hytale::jwks::Service;
use crate::hytale::retry::Policy;
use crate::server::second_session;
use crate::supervise::signals::Signals;
use report::{Check, Report};
use sources::Used;

/// How long each service may take to answer, attempts together.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints what it found. The result is the exit code that `run` would end with, 0 when it would not fail.
///
/// # Errors
/// After a stop signal. No session is left then.
pub async fn check(
    args: &CheckArgs,
    config: Result<Run, UsageError>,
    signals: &mut Signals,
) -> Result<u8, Error> {
    let mut report = Report::default();
    match config {
        // Nothing else can be known then.
        Err(error) => {
            let error = Error::from(error);
            report.add(Check::failed("options", &error, error.hint(), error.code()));
        }
        Ok(config) => {
            report.add(Check::ok(
                "options",
                "every option and variable can be used",
            ));
            let known = tokio::select! {
                known = look(&config, &mut report) => known,
                signal = signals.ending() => return Err(Error::Stopped(signal)),
            };
            if let Some(known) = known.filter(|_| args.mint) {
                report.extend(mint::mint(config, &known, signals).await?);
            }
        }
    }
    let screen = Screen::new();
    match args.json {
        true => screen.say(report.json()),
        false => screen.say(report.text()),
    }
    Ok(report.exit_code())
}

/// What is known of a start with tokens when nothing was opened yet.
#[derive(Debug)]
struct Known {
    /// None where the session service does not answer.
    service: Option<Service>,
    used: Used,
}

/// In the order in which `run` would come upon it. `None` for a server that wants no tokens.
async fn look(config: &Run, report: &mut Report) -> Option<Known> {
    report.extend(launcher::look(&config.server).await);
    report.add(state::look(&config.session));
    if !config.server.command.wants_tokens() {
        report.add(Check::ok(
            "tokens",
            "this server authenticates nobody, so it gets none",
        ));
        return None;
    }
    if let Some(found) = second_session::look() {
        report.add(Check::warning("config", found, second_session::HINT));
    }
    let (service, of_service) = services::ask(config).await;
    let (of_sources, used) = sources::look(config, service.as_ref()).await;
    report.extend(of_sources);
    report.extend(of_service);
    Some(Known { service, used })
}

/// How hard a service is asked: `run` would go on for longer, but nobody waits for that here.
fn policy(config: &Run) -> Policy {
    Policy {
        deadline: Instant::now() + config.tokens.timeout.min(PATIENCE),
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(4),
    }
}

/// A failure of tokens, or what it means to a server that may start without.
fn without_tokens(
    config: &Run,
    name: &'static str,
    error: impl ToString,
    hint: &'static str,
    code: u8,
) -> Check {
    match config.tokens.on_no_token {
        OnNoToken::Fail => Check::failed(name, error, Some(hint), code),
        OnNoToken::Start => Check::warning(name, error, hint),
    }
}
