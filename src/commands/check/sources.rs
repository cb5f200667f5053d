//! The sources of tokens, each looked at as far as that costs nothing: no slot, no refresh token.

use jiff::Timestamp;

use super::report::Check;
use super::{credentials, policy, without_tokens};
use crate::config::Run;
use crate::config::tokens::{Broker, Source};
use crate::error::{Error, Refusal};
use crate::exit::Code;
use crate::hytale::jwks::Service;
use crate::session::Sessions;
use crate::source::{self, broker};
use crate::stop::Stop;

/// What the server does with tokens that it does not take.
pub const NOT_TAKEN: &str = "with these the server would end with code 2: check what the source hands out, and --sessions-url";

/// Which source `run` would come to use, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// Tokens that somebody else obtained.
    Given,
    /// A source that opens sessions; or none.
    Another,
}

/// What was found of a source, or of one file of it.
pub enum Found {
    /// `run` would use it, or go no further than this.
    Settled(Check),
    /// `run` would try the next.
    Refused(Refused),
    /// What else is to be said.
    Besides(Check),
}

pub struct Refused {
    pub name: &'static str,
    pub message: String,
    pub hint: &'static str,
    pub code: Code,
}

pub async fn look(config: &Run, service: Option<&Service>) -> (Vec<Check>, Used) {
    let mut all = Vec::new();
    let mut used = None;
    for source in &config.tokens.sources {
        let found = match source {
            Source::Env(_) => vec![given(config, source, service).await],
            Source::Broker(broker) => vec![ask(config, broker).await],
            Source::File(files) => credentials::look(files, &policy(config)).await,
        };
        if found.iter().any(|found| matches!(found, Found::Settled(_))) {
            used.get_or_insert(source);
        }
        all.extend(found);
    }
    if config.tokens.sources.is_empty() {
        all.push(Found::Refused(Refused {
            name: "tokens",
            message: Error::NoSource.to_string(),
            hint: Error::NoSource.hint().unwrap_or_default(),
            code: Code::Config,
        }));
    }
    let checks = grade(config, all, used.is_some());
    match used {
        Some(Source::Env(_)) => (checks, Used::Given),
        _ => (checks, Used::Another),
    }
}

/// A refusal is a failure only where no other source helps; and then the code is the one that `run` would choose.
fn grade(config: &Run, all: Vec<Found>, another_helps: bool) -> Vec<Check> {
    let refused = || {
        all.iter().filter_map(|found| match found {
            Found::Refused(refused) => Some(refused.code),
            Found::Settled(_) | Found::Besides(_) => None,
        })
    };
    let decisive = refused().find(|code| code.restart_helps());
    let decisive = decisive.or_else(|| refused().next());
    let check = |found| match (found, decisive) {
        (Found::Settled(check) | Found::Besides(check), _) => check,
        (Found::Refused(refused), Some(code)) if !another_helps => {
            let Refused {
                name,
                message,
                hint,
                ..
            } = refused;
            without_tokens(config, name, message, hint, code as u8)
        }
        (Found::Refused(refused), _) => Check::warning(refused.name, refused.message, refused.hint),
    };
    all.into_iter().map(check).collect()
}

/// Tokens that came with the start: whether they are there, and good; and whether the server would take them.
async fn given(config: &Run, source: &Source, service: Option<&Service>) -> Found {
    const NAME: &str = "env";
    let refused = |refusal: Refusal| {
        Found::Refused(Refused {
            name: NAME,
            message: refusal.to_string(),
            hint: refusal.hint(),
            code: refusal.code(),
        })
    };
    // It reads them, and asks nobody.
    let tokens = match source::mint(source, &policy(config), &Stop::new()).await {
        Ok(tokens) => tokens,
        Err(error) => return refused(error.into()),
    };
    if let Err(error) = Sessions::would_take(&config.session, &tokens, config.tokens.min_life) {
        return refused(error.into());
    }
    let url = &config.session.sessions_url;
    let verified = service.map(|service| service.keys.verify(&tokens, url, Timestamp::now()));
    Found::Settled(match verified {
        Some(Ok(())) => Check::ok(NAME, "both tokens are there, and a server would take them"),
        None => Check::ok(NAME, "both tokens are there, and have not expired"),
        // No other source is tried then: only the server finds out.
        Some(Err(error)) => Check::failed(NAME, error, Some(NOT_TAKEN), Code::Refused as u8),
    })
}

async fn ask(config: &Run, broker: &Broker) -> Found {
    const NAME: &str = "broker";
    match broker::health(broker, &policy(config), &Stop::new()).await {
        Ok(()) => Found::Settled(Check::ok(
            NAME,
            format_args!("{} answers; --mint shows what it hands out", broker.url),
        )),
        Err(error) => Found::Refused(Refused {
            name: NAME,
            message: error.to_string(),
            hint: error.hint(),
            code: error.code(),
        }),
    }
}
