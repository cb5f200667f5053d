//! The values that flags and variables take: one parser each, and the words for what would have been right.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

/// A kind of value: how it is read, and what to write instead of what was not understood.
pub struct Kind<T> {
    pub parse: fn(&str) -> Option<T>,
    pub expected: &'static str,
}

pub const DURATION: Kind<Duration> = Kind {
    parse: duration,
    expected: "a duration such as 500ms, 10s or 5m",
};

/// An empty one would mean this or that file in the folder that we were started in.
pub const PATH: Kind<PathBuf> = Kind {
    parse: |text| (!text.is_empty()).then(|| text.into()),
    expected: "a path",
};

/// Paths between commas, white space around them dropped.
pub const PATHS: Kind<Vec<PathBuf>> = Kind {
    parse: |text| list(text, PATH.parse),
    expected: "paths, separated by commas",
};

/// What somebody is called.
pub const NAME: Kind<String> = Kind {
    parse: |text| (!text.is_empty()).then(|| text.to_owned()),
    expected: "a name",
};

pub const TRUTH: Kind<bool> = Kind {
    parse: truth,
    expected: "true or false",
};

pub const EXIT_CODES: Kind<Vec<u8>> = Kind {
    parse: |text| list(text, |item| item.parse().ok()),
    expected: "exit codes from 0 to 255, separated by commas",
};

/// Tokens travel to these, so only to this machine without TLS.
pub const HYTALE_URL: Kind<Url> = Kind {
    parse: |text| {
        url(text).filter(|url| match url.scheme() {
            "https" => true,
            "http" => is_loopback(url),
            _ => false,
        })
    },
    expected: "an https URL (http for a loopback host only) without user, query or fragment",
};

/// One of several words.
pub fn choice<T: Copy>(text: &str, of: &[(&str, T)]) -> Option<T> {
    let text = text.trim();
    of.iter()
        .find_map(|(word, value)| (*word == text).then_some(*value))
}

/// Items between commas, white space around them dropped; nothing at all, or an empty item, is a mistake.
pub fn list<T>(text: &str, item: fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(|part| item(part.trim())).collect()
}

/// Whether a URL's host can only be this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())??;
    let milliseconds = match &text[digits.len()..] {
        "ms" => number,
        "" | "s" => number.checked_mul(1000)?,
        "m" => number.checked_mul(60 * 1000)?,
        "h" => number.checked_mul(60 * 60 * 1000)?,
        _ => return None,
    };
    // A year is far beyond any use here, and far below where adding to a point in time overflows.
    (milliseconds <= 365 * 24 * 60 * 60 * 1000).then(|| Duration::from_millis(milliseconds))
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A URL to which our paths can be added. A user in it would be a secret on a command line.
pub fn url(text: &str) -> Option<Url> {
    let text = text.trim();
    // Without the tables of Unicode (see Cargo.toml) a host may not hold any, nor hide some behind a %.
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'%') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let plain = url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_means_seconds() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("7", 7_000),
            ("0", 0),
            (" 3s ", 3_000),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            "-1",
            "+1",
            "1.5s",
            "5 m",
            "1d",
            "5M",
            "1m30s",
            "٣s",
            "18446744073709551615",
            "99999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_is_plain_ascii() {
        assert!(url(" https://sessions.example.com:8443/base ").is_some());
        for text in [
            "https://S\u{1fd}.example",
            "https://S%C7%BD.example",
            "https://b\u{fc}cher.example",
            "https://exa\tmple.com",
            "https://example.com/a b",
            "https://user@example.com",
            "https://example.com/?q",
            "https://",
        ] {
            assert_eq!(url(text), None, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.1.2.3", true),
            ("http://[::1]:8080/x", true),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), loopback, "{text}");
        }
    }
}
