//! What the wrapper says: one line an event, on stderr, as text or JSON.
//!
//! A subscriber of our own: it takes the wrapper's events only, so that no library can talk about the
//! requests it sends, and it never lets a reader who has stopped reading stop PID 1.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use nix::libc::PIPE_BUF;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

/// How long a pipe that has just become full may hold the wrapper up, in milliseconds.
const PATIENCE: u16 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// How to log, and from which level on.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub format: Format,
    pub level: Level,
}

/// Sends every event of the wrapper to stderr, as the settings say.
pub fn start(settings: Settings) {
    // It fails when a subscriber is there already, and nobody else sets one.
    let _ = tracing::subscriber::set_global_default(Stderr(settings));
}

struct Stderr(Settings);

impl Subscriber for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0.level
            && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
            && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match self.0.format {
            Format::Text => text(*event.metadata().level(), &fields),
            Format::Json => json(*event.metadata().level(), fields),
        };
        write(&line);
    }

    // The wrapper has no spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.rest
                .insert(field.name().to_owned(), format!("{value:?}").into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.rest.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.rest.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.rest.insert(field.name().to_owned(), value.into());
    }
}

fn text(level: Level, fields: &Fields) -> String {
    let mut line = String::from("hytale-entrypoint: ");
    match level {
        Level::ERROR => line.push_str("error: "),
        Level::WARN => line.push_str("warning: "),
        Level::INFO => {}
        _ => line.push_str("debug: "),
    }
    line.push_str(&printable(&fields.message));
    let mut hint = None;
    for (name, value) in &fields.rest {
        let value = match value {
            Value::String(text) => printable(text),
            other => other.to_string(),
        };
        if name == "hint" {
            hint = Some(value);
        } else {
            let _ = write!(line, " {name}={value}");
        }
    }
    if let Some(hint) = hint {
        let _ = write!(line, "\nhytale-entrypoint: hint: {hint}");
    }
    line.push('\n');
    line
}

/// Written member by member: a map would sort them, and people read logs from the left.
fn json(level: Level, fields: Fields) -> String {
    let level = level.as_str().to_ascii_lowercase();
    let first = [
        ("time", Timestamp::now().to_string().into()),
        ("level", level.into()),
        ("message", fields.message.into()),
    ];
    let rest = fields
        .rest
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()));
    let members: Vec<String> = first
        .into_iter()
        .chain(rest)
        .map(|(name, value): (_, Value)| format!("{}:{value}", Value::from(name)))
        .collect();
    format!("{{{}}}\n", members.join(","))
}

/// A broker's words reach the log: they may not start lines of their own or steer a terminal.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// One `write` a line, so that lines of several processes do not mix. A reader who stopped reading costs
/// a second, and then every line until there is room again: the server's life matters more than our words about it.
fn write(line: &str) {
    /// Whether the last line found no room.
    static FULL: AtomicBool = AtomicBool::new(false);
    let stderr = io::stderr();
    // A pipe has room for so much at least when it has room at all. Only a longer line is cut.
    for part in line.as_bytes().chunks(PIPE_BUF) {
        let patience = match FULL.load(Ordering::Relaxed) {
            true => PollTimeout::ZERO,
            false => PollTimeout::from(PATIENCE),
        };
        let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
        let has_room = poll(&mut ready, patience).is_ok_and(|n| n > 0);
        FULL.store(!has_room, Ordering::Relaxed);
        if !has_room || (&stderr).write_all(part).is_err() {
            return;
        }
    }
}
