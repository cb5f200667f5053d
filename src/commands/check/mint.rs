//! A session, opened as `run` would open it, looked at as the server would look at it, and freed.

use jiff::Timestamp;

use super::report::Check;
use super::sources::{NOT_TAKEN, Used};
use super::{Known, without_tokens};
use crate::config::Run;
use crate::config::session::Release;
use crate::config::tokens::Source;
use crate::error::Error;
use crate::exit::Code;
use crate::run::open;
use crate::session::Slot;
use crate::supervise::signals::Signals;

const NAME: &str = "session";

/// # Errors
/// After a stop signal. No session is left then.
pub async fn mint(
    mut config: Run,
    known: &Known,
    signals: &mut Signals,
) -> Result<Vec<Check>, Error> {
    // Whoever frees the session of tokens that were given has used them up.
    if known.used == Used::Given {
        return Ok(vec![Check::ok(
            NAME,
            "none was opened: the server would get the tokens of env",
        )]);
    }
    config
        .tokens
        .sources
        .retain(|source| !matches!(source, Source::Env(_)));
    if config.tokens.sources.is_empty() {
        return Ok(Vec::new());
    }
    // Nobody else will ever free this one.
    config.session.release = Release::Always;
    let (session, tokens) = match open::any(&config, &config.tokens.sources, signals).await {
        Ok(opened) => opened,
        Err(error @ (Error::NoTokens(_) | Error::NoSource)) => {
            let hint = error.hint().unwrap_or_default();
            let code = error.code();
            return Ok(vec![without_tokens(&config, NAME, error, hint, code)]);
        }
        Err(error) => return Err(error),
    };
    let source = session.status().source;
    let url = &config.session.sessions_url;
    let verified = known
        .service
        .as_ref()
        .map(|service| service.keys.verify(&tokens, url, Timestamp::now()));
    // Signals wait meanwhile.
    let slot = session.release().await;
    if let Some(signal) = signals.ending_now() {
        return Err(Error::Stopped(signal));
    }
    let mut checks = vec![match verified {
        Some(Ok(())) => Check::ok(
            NAME,
            format_args!("{source} opened one, and a server would take its tokens"),
        ),
        Some(Err(error)) => Check::failed(NAME, error, Some(NOT_TAKEN), Code::Refused as u8),
        None => Check::warning(
            NAME,
            format_args!(
                "{source} opened one; whether a server would take its tokens is not known"
            ),
            "the session service did not show the keys that they are signed with",
        ),
    }];
    checks.push(match slot {
        Slot::Free => Check::ok(NAME, "it was freed again"),
        Slot::Taken => Check::warning(
            NAME,
            "it could not be freed again",
            "hytale-entrypoint release, or the next start, frees what is left over",
        ),
    });
    Ok(checks)
}
