//! A fault as it is written down: a JSON object for the control API, `key=value,…` for `--fault`; the same keys in both.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Fault, FaultSite, Kind, Times};

/// A drip that outlasts every sensible timeout for a token, and still shows that bytes arrive.
const PACE_MS: u64 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    path: String,
    method: Option<String>,
    fault: Name,
    times: Option<Value>,
    chance: Option<f64>,
    seed: Option<u64>,
    ms: Option<u64>,
    status: Option<u16>,
    retry_after: Option<Value>,
    location: Option<String>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Name {
    Latency,
    DropBefore,
    DropAfter,
    Status,
    Garbage,
    GarbageAfter,
    Endless,
    Slow,
    Redirect,
    HugeHeaders,
    Hang,
    Body,
}

impl TryFrom<Value> for Fault {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let spec: Spec = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let kind = spec.kind()?;
        let mut fault = FaultSite {
            path: spec.path,
            method: spec.method,
        }
        .with(kind);
        fault.body = spec.body;
        fault.retry_after = spec.retry_after.map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        });
        if let Some(probability) = spec.chance {
            if !(0.0..=1.0).contains(&probability) {
                return Err("`chance` is a probability, from 0 to 1".to_owned());
            }
            fault = fault.chance(probability, spec.seed.unwrap_or(0));
        }
        if let Some(times) = spec.times {
            fault.times = match times.as_u64().map(u32::try_from) {
                Some(Ok(n)) => Times::Left(n),
                None if times == "always" => Times::Always,
                _ => return Err("`times` is a number or `always`".to_owned()),
            };
        }
        Ok(fault)
    }
}

impl Spec {
    fn kind(&self) -> Result<Kind, String> {
        let ms = |default| Duration::from_millis(self.ms.unwrap_or(default));
        Ok(match self.fault {
            Name::Latency => Kind::Latency(ms(1000)),
            Name::DropBefore => Kind::DropBefore,
            Name::DropAfter => Kind::DropAfter,
            Name::Status => match self.status {
                Some(code @ 200..=599) => Kind::Status(code),
                _ => return Err("a status fault needs `status`, from 200 to 599".to_owned()),
            },
            Name::Garbage => Kind::Garbage,
            Name::GarbageAfter => Kind::GarbageAfter,
            Name::Endless => Kind::Endless,
            Name::Slow => Kind::Slow(ms(PACE_MS)),
            Name::Redirect => Kind::Redirect(
                self.location
                    .clone()
                    .ok_or("a redirect fault needs `location`")?,
            ),
            Name::HugeHeaders => Kind::HugeHeaders,
            Name::Hang => Kind::Hang,
            Name::Body if self.body.is_none() => return Err("a body fault needs `body`".to_owned()),
            Name::Body => Kind::Body,
        })
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut spec = Map::new();
        let mut rest = Some(text);
        while let Some(text) = rest {
            // A body may hold commas, so it is all that follows.
            let (part, more) = match text.split_once(',') {
                Some((part, more)) if !part.starts_with("body=") => (part, Some(more)),
                _ => (text, None),
            };
            rest = more;
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not key=value"))?;
            // A key tells whether it is meant as a number; a body of digits is still text.
            let number = match key {
                "times" | "chance" | "seed" | "ms" | "status" => value.parse().ok(),
                _ => None,
            };
            spec.insert(
                key.to_owned(),
                number.map_or_else(|| value.into(), Value::Number),
            );
        }
        Self::try_from(Value::Object(spec))
    }
}
