//! The status as a page for people.

use std::fmt::Write;

use jiff::Timestamp;
use uuid::Uuid;

use super::{CredentialFile, Lease, Status};
use crate::log::printable;

pub fn page(status: &Status, now: Timestamp) -> String {
    let mut page = String::new();
    if status.credentials.is_empty() {
        page.push_str("No credentials: log in with hytale-entrypoint login\n");
    }
    for file in &status.credentials {
        credentials(file, now, &mut page);
    }
    page.push_str(match status.leases.is_empty() {
        true => "No leases",
        false => "Leases",
    });
    for lease in &status.leases {
        let _ = write!(page, "\n  {}", line(lease, now));
    }
    page
}

fn credentials(file: &CredentialFile, now: Timestamp, page: &mut String) {
    let _ = writeln!(page, "Credentials {}", file.path.display());
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(page, "  {name:<13} {value}");
    };
    if let Some(error) = &file.error {
        return row("error", error);
    }
    row("key", file.key.as_deref().unwrap_or("none"));
    row(
        "logged in",
        match file.logged_in {
            true => "yes",
            false => "no refresh token: log in again",
        },
    );
    row(
        "access token",
        &match file.access_token_expires_at {
            Some(at) if at > now => format!("expires in {}", span(now, at)),
            Some(at) => format!("expired {} ago, renewed at the next start", span(at, now)),
            None => "none, renewed at the next start".to_owned(),
        },
    );
    let selected: Vec<_> = file.selected.iter().map(|uuid| name(file, *uuid)).collect();
    row(
        "selected",
        &match selected.is_empty() {
            true => "none".to_owned(),
            false => selected.join(", "),
        },
    );
    for profile in file.profiles.iter().flatten() {
        if !file.selected.contains(&profile.uuid) {
            row("also there", &name(file, profile.uuid));
        }
    }
}

/// A profile with its name, where the service has told it.
fn name(file: &CredentialFile, uuid: Uuid) -> String {
    let mut named = file.profiles.iter().flatten();
    match named.find(|profile| profile.uuid == uuid) {
        Some(profile) => format!("{} ({uuid})", printable(&profile.username)),
        None => uuid.to_string(),
    }
}

fn line(lease: &Lease, now: Timestamp) -> String {
    let state = match (lease.held, lease.damaged) {
        (_, true) => "damaged",
        (true, false) => "in use",
        (false, false) => "left over",
    };
    let mut line = format!("{}  {state}", lease.id);
    if let (Some(source), Some(created), Some(expires)) =
        (&lease.source, lease.created_at, lease.expires_at)
    {
        let source = printable(source);
        let _ = write!(line, ", source {source}, {} old", span(created, now));
        let _ = match expires > now {
            true => write!(line, ", expires in {}", span(now, expires)),
            false => write!(line, ", expired {} ago", span(expires, now)),
        };
    }
    line
}

/// The time between two points, in its two largest units; nothing when the clock went backwards.
fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}
