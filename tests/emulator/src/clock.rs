//! The services' idea of the time. Tests move it forward instead of waiting.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: Duration,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        after(Timestamp::now(), self.ahead)
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }
}

/// That much later, or the end of time.
pub(crate) fn after(start: Timestamp, wait: Duration) -> Timestamp {
    start.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// How long from one to the other; nothing when it has passed.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> Duration {
    end.duration_since(start).try_into().unwrap_or_default()
}

/// RFC 3339 with nine fractional digits, as the session service writes it.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// As a `Date` header has it; nothing for a time that no such header can tell.
pub(crate) fn http_date(time: Timestamp) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .unwrap_or_default()
}
