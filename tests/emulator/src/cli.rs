//! What was typed, and the emulator that is meant by it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use hytale_emulator::{Account, Behaviour, Fault, Options, Secret, Slots};

const LONG_ABOUT: &str = "\
The services that a Hytale server needs, on your own machine: OAuth with device login, account data,
sessions with a slot limit, and a session token broker. For trying out launchers and containers without
an account, and for seeing what they do when a service misbehaves.";

const AFTER_HELP: &str = "\
Durations are written 500ms, 10s, 5m or 2h; a bare number means seconds.

A fault is written path=PATH,fault=KIND and what else it needs:
  latency        ms=N              the answer comes late
  drop-before                      the connection is closed and nothing has been done
  drop-after                       the work is done and the connection closed
  status         status=N          this status, and nothing done; a body=T is its body
  garbage                          200 with a web page, and nothing done
  garbage-after                    200 with a web page, and the work done
  body           body=T            200 with this body, and nothing done
  endless                          200 with a body that never ends
  slow           ms=N              the true answer, a byte every N ms
  redirect       location=URL      302
  huge-headers                     the true answer behind a megabyte of headers
  hang                             no answer, ever
It strikes once, or times=N, or times=always, or with chance=0.3 (and seed=N); method=M narrows it down,
and retry_after=T adds the header. A body=T comes last and may hold commas. Faults on one path are used
up in their order; a latency goes with the next one.

Examples:
  hytale-emulator
  hytale-emulator --account alice=Alice,Bob --account carol --slots 3 --session-ttl 10m
  hytale-emulator --fault path=/game-session/new,fault=status,status=503,times=2,retry_after=1
  hytale-emulator --fault path=/v1/game-session,fault=drop-after,chance=0.3,seed=7";

/// The services that a Hytale server needs, on your own machine
#[derive(Debug, Parser)]
#[command(name = "hytale-emulator", version, long_about = LONG_ABOUT, after_long_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// Where every service is served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8520")]
    listen: SocketAddr,
    /// A second address, for the broker alone
    #[arg(long, value_name = "ADDR")]
    broker_listen: Option<SocketAddr>,
    /// An account and its profiles; repeatable
    ///
    /// Without profiles it has one of its own name. The first account is meant wherever none is named.
    #[arg(
        long = "account",
        value_name = "NAME[=PROFILE,…]",
        default_value = "default"
    )]
    accounts: Vec<AccountArg>,
    /// Concurrent sessions of each account, or `unlimited`
    #[arg(long, value_name = "N", default_value = "100", value_parser = slots)]
    slots: Slots,
    /// The bearer token that the broker asks for, in a file [default: it asks for none]
    #[arg(long, value_name = "FILE")]
    broker_token_file: Option<PathBuf>,
    /// Something that goes wrong; repeatable, see --help
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<Fault>,
    #[command(flatten)]
    times: Times,
    #[command(flatten, next_help_heading = "What nobody knows of the real services")]
    behaviour: Behaviour,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Lifetimes")]
struct Times {
    /// Of a session
    #[arg(long, value_name = "D", default_value = "1h", value_parser = duration)]
    session_ttl: Duration,
    /// Of an access token
    #[arg(long, value_name = "D", default_value = "1h", value_parser = duration)]
    access_ttl: Duration,
    /// Of a refresh token
    #[arg(long, value_name = "D", default_value = "720h", value_parser = duration)]
    refresh_ttl: Duration,
    /// Of a device code
    #[arg(long, value_name = "D", default_value = "15m", value_parser = duration)]
    device_ttl: Duration,
    /// Between two polls for a device login
    #[arg(long, value_name = "D", default_value = "5s", value_parser = duration)]
    device_interval: Duration,
    /// What the broker gives a call upstream, and its own answer
    #[arg(long, value_name = "D", default_value = "30s", value_parser = duration)]
    broker_timeout: Duration,
}

#[derive(Clone, Debug)]
struct AccountArg(Account);

impl Cli {
    /// # Errors
    ///
    /// When the token file cannot be read, or is empty.
    pub(crate) fn options(self) -> Result<Options, String> {
        let broker_token = match self.broker_token_file {
            Some(path) => {
                let read = fs::read_to_string(&path);
                let token = read.map_err(|error| format!("{}: {error}", path.display()))?;
                match token.trim() {
                    "" => return Err(format!("{}: there is no token in it", path.display())),
                    token => Some(Secret::from(token)),
                }
            }
            None => None,
        };
        let accounts = self
            .accounts
            .into_iter()
            .map(|account| account.0.with_slots(self.slots));
        Ok(Options {
            listen: self.listen,
            broker_listen: self.broker_listen,
            accounts: accounts.collect(),
            broker_token,
            broker_timeout: self.times.broker_timeout,
            session_ttl: self.times.session_ttl,
            access_ttl: self.times.access_ttl,
            refresh_ttl: self.times.refresh_ttl,
            device_ttl: self.times.device_ttl,
            device_interval: self.times.device_interval,
            behaviour: self.behaviour,
            faults: self.faults,
            ..Options::default()
        })
    }
}

impl FromStr for AccountArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, profiles) = text.split_once('=').unwrap_or((text, text));
        if name.is_empty() || profiles.split(',').any(str::is_empty) {
            return Err("an account is written NAME or NAME=PROFILE,PROFILE".to_owned());
        }
        Ok(Self(
            Account::named(name).with_profiles(profiles.split(',')),
        ))
    }
}

fn slots(text: &str) -> Result<Slots, String> {
    match text {
        "unlimited" => Ok(Slots::Unlimited),
        number => number
            .parse()
            .map(Slots::Limit)
            .map_err(|_| "a number or `unlimited` is wanted".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("the units are ms, s, m and h".to_owned()),
    };
    let amount: u64 = digits
        .parse()
        .map_err(|_| "a whole number is wanted, such as 90s".to_owned())?;
    Ok(Duration::from_millis(amount.saturating_mul(unit_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_passes_claps_own_checks() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_the_library() {
        let typed = Cli::parse_from(["hytale-emulator", "--listen", "127.0.0.1:0"])
            .options()
            .unwrap();
        assert_eq!(format!("{typed:?}"), format!("{:?}", Options::default()));
    }

    #[test]
    fn every_kind_of_fault_in_the_help_is_understood() {
        let kinds = AFTER_HELP
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        for kind in kinds.filter(|word| *word != "hytale-emulator") {
            let spec = format!("path=/,fault={kind},status=500,location=/,body=x");
            assert!(spec.parse::<Fault>().is_ok(), "{kind}");
        }
    }
}
