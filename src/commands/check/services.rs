//! The session service: whether it answers, and whether its clock and ours agree.

use std::time::{Duration, SystemTime};

use super::report::Check;
use super::{policy, without_tokens};
use crate::config::Run;
use crate::exit::Code;
use crate::hytale::http::Http;
use crate::hytale::jwks::{self, JwksError, LEEWAY, Service};
use crate::stop::Stop;

const SERVICE: &str = "service";
const CLOCK: &str = "clock";

/// Two clocks that are set by somebody differ by less.
const WORTH_A_WORD: Duration = Duration::from_secs(60);

/// Asks for the keys that tokens are signed with, which every server asks for at boot.
pub async fn ask(config: &Run) -> (Option<Service>, Vec<Check>) {
    let url = &config.session.sessions_url;
    match fetch(config).await {
        Ok(service) => {
            let answers = Check::ok(SERVICE, format_args!("{url} answers"));
            let clock = clock(service.date, SystemTime::now());
            (Some(service), vec![answers, clock])
        }
        Err(error) => {
            let hint = "a server asks it for its keys at every boot: check the network, and --sessions-url";
            let code = Code::Unavailable as u8;
            (
                None,
                vec![without_tokens(config, SERVICE, error, hint, code)],
            )
        }
    }
}

async fn fetch(config: &Run) -> Result<Service, JwksError> {
    let http = Http::to(&config.session.sessions_url)?;
    let policy = policy(config);
    let attempt = async || jwks::fetch(&http, policy.left(Duration::MAX)).await;
    policy.run(&Stop::new(), attempt).await
}

fn clock(theirs: Option<SystemTime>, ours: SystemTime) -> Check {
    const HINT: &str = "set this machine's clock: beyond five minutes a server takes no tokens";
    let Some(theirs) = theirs else {
        return Check::ok(CLOCK, "the session service does not tell its time");
    };
    let (apart, way) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    let told = format!(
        "this machine's clock is {}s {way} the session service's",
        apart.as_secs()
    );
    if apart > LEEWAY {
        Check::failed(CLOCK, told, Some(HINT), Code::Refused as u8)
    } else if apart > WORTH_A_WORD {
        Check::warning(CLOCK, told, HINT)
    } else {
        Check::ok(
            CLOCK,
            "this machine's clock and the session service's agree",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute_and_must_not_by_five() {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let text = |theirs| {
            let mut report = super::super::Report::default();
            report.add(clock(theirs, ours));
            report.text()
        };
        let agree = "ok       clock    this machine's clock and the session service's agree";
        for (seconds, begins) in [
            (0, agree),
            (60, agree),
            (61, "warning  clock    this machine's clock is 61s"),
            (300, "warning  clock    this machine's clock is 300s"),
            (301, "FAILED   clock    this machine's clock is 301s"),
        ] {
            let apart = Duration::from_secs(seconds);
            for (theirs, way) in [(ours + apart, " behind "), (ours - apart, " ahead of ")] {
                let text = text(Some(theirs));
                assert!(text.starts_with(begins), "{text}");
                assert!(begins == agree || text.contains(way), "{text}");
            }
        }
        assert!(text(None).starts_with("ok "), "{}", text(None));
    }
}
