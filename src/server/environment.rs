//! The server's environment: ours, without anything that is a secret or concerns the wrapper alone. The
//! server runs third-party mods, and `/proc/PID/environ` outlives every good intention.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::user::User;
use crate::hytale::TokenPair;

const SESSION_TOKEN: &str = "HYTALE_SERVER_SESSION_TOKEN";
const IDENTITY_TOKEN: &str = "HYTALE_SERVER_IDENTITY_TOKEN";

/// Our own environment without what the server must not see, and with the name and home of the user that it runs as.
pub fn for_server(user: Option<&User>) -> impl Iterator<Item = (OsString, OsString)> {
    let of_user = user.map(|user| {
        let names = user
            .name
            .as_ref()
            .map(|name| ["USER", "LOGNAME"].map(|key| (key.into(), name.into())));
        let home = ("HOME".into(), user.home.clone().into_os_string());
        names.into_iter().flatten().chain([home])
    });
    let is_users = move |name: &OsStr| {
        user.is_some() && ["HOME", "USER", "LOGNAME"].iter().any(|key| name == *key)
    };
    std::env::vars_os()
        .filter(move |(name, _)| !is_ours(name) && !is_users(name))
        .chain(of_user.into_iter().flatten())
}

/// The variables in which the server looks for tokens that are no arguments.
pub fn tokens(pair: &TokenPair) -> [(OsString, OsString); 2] {
    [
        (SESSION_TOKEN.into(), pair.session.expose_secret().into()),
        (IDENTITY_TOKEN.into(), pair.identity.expose_secret().into()),
    ]
}

fn is_ours(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let begins = |prefix: &str| name.starts_with(prefix.as_bytes());
    begins("HYTALE_ENTRYPOINT_")
        || begins("HYTALE_SESSION_TOKEN_BROKER_")
        || begins("HYTALE_AUTH_KEY")
        || begins("WATCHDOG_")
        || is_server_token(name)
        || matches!(name, b"CREDENTIALS_DIRECTORY" | b"NOTIFY_SOCKET")
}

/// `HYTALE_SERVER_*_TOKEN*`.
fn is_server_token(name: &[u8]) -> bool {
    name.strip_prefix(b"HYTALE_SERVER_")
        .is_some_and(|rest| rest.windows(6).any(|part| part == b"_TOKEN"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_or_ours_is_kept_from_the_server() {
        for name in [
            "HYTALE_ENTRYPOINT_STATE_DIR",
            "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN",
            "HYTALE_AUTH_KEY",
            "HYTALE_AUTH_KEY_FILE",
            "HYTALE_SERVER_SESSION_TOKEN",
            "HYTALE_SERVER_IDENTITY_TOKEN_FILE",
            "CREDENTIALS_DIRECTORY",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
        ] {
            assert!(is_ours(OsStr::new(name)), "{name}");
        }
        for name in [
            "PATH",
            "JAVA_HOME",
            "HYTALE_SERVER_NAME",
            "HYTALE_TOKEN",
            "_TOKEN",
        ] {
            assert!(!is_ours(OsStr::new(name)), "{name}");
        }
    }
}
