//! What goes wrong, where, and how often: faults are queued for a path and use themselves up.

pub(crate) mod queue;
mod site;
pub(crate) mod spec;

use std::time::Duration;

pub use site::FaultSite;

/// Something that is to go wrong on a path. Once, if nothing else is said.
///
/// ```
/// # use hytale_emulator::Fault;
/// Fault::on("/game-session").method("DELETE").drop_after().times(2);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    site: FaultSite,
    kind: Kind,
    body: Option<String>,
    retry_after: Option<String>,
    times: Times,
    chance: Option<Chance>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Latency(Duration),
    DropBefore,
    DropAfter,
    Status(u16),
    Garbage,
    GarbageAfter,
    Endless,
    Slow(Duration),
    Redirect(String),
    HugeHeaders,
    Hang,
    Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Left(u32),
    Always,
}

#[derive(Clone, Debug)]
struct Chance {
    probability: f64,
    random: u64,
}

impl Fault {
    /// A fault on this path, whatever the method.
    pub fn on(path: &str) -> FaultSite {
        FaultSite {
            path: path.to_owned(),
            method: None,
        }
    }

    /// It strikes the next `n` requests that reach it.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.times = Times::Left(n);
        self
    }

    /// It strikes until the faults are cleared.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = Times::Always;
        self
    }

    /// It strikes with this probability, 0 to 1, the same requests for the same seed, and always;
    /// a `times` that follows counts the hits.
    #[must_use]
    pub fn chance(mut self, probability: f64, seed: u64) -> Self {
        self.times = Times::Always;
        self.chance = Some(Chance {
            probability,
            random: seed,
        });
        self
    }

    /// The answer carries this `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Self {
        self.retry_after = Some(value.to_owned());
        self
    }

    /// The body of a status, of garbage or of a redirect.
    #[must_use]
    pub fn with_body(mut self, text: &str) -> Self {
        self.body = Some(text.to_owned());
        self
    }

    /// The word for it in the request log and in a `--fault`.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Latency(_) => "latency",
            Kind::DropBefore => "drop-before",
            Kind::DropAfter => "drop-after",
            Kind::Status(_) => "status",
            Kind::Garbage => "garbage",
            Kind::GarbageAfter => "garbage-after",
            Kind::Endless => "endless",
            Kind::Slow(_) => "slow",
            Kind::Redirect(_) => "redirect",
            Kind::HugeHeaders => "huge-headers",
            Kind::Hang => "hang",
            Kind::Body => "body",
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(crate) fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    pub(crate) fn retry_after_value(&self) -> Option<&str> {
        self.retry_after.as_deref()
    }
}
