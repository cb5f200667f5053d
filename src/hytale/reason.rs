//! The other side's reason for a refusal, made fit for our log: short, and without anything that could be
//! a token, even when the other side is careless or hostile.

use crate::secret::Secret;

/// The longest reason that is shown, in characters.
const LIMIT: usize = 300;

/// What an error answer says. The broker's `{"error": "…"}` is not always quite JSON: it may hold Go escapes.
pub fn reason(body: &[u8], secret: Option<&Secret>) -> String {
    let text = String::from_utf8_lossy(body);
    let words = json_error(&text).unwrap_or_else(|| text.trim().to_owned());
    let mut words = redact_tokens(&words);
    if let Some(secret) = secret.filter(|secret| !secret.expose_secret().is_empty()) {
        words = words.replace(secret.expose_secret(), "[redacted]");
    }
    if words.is_empty() {
        return "no reason given".to_owned();
    }
    match words.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

fn json_error(text: &str) -> Option<String> {
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        return value.get("error")?.as_str().map(str::to_owned);
    }
    let after_name = text.split_once("\"error\"")?.1;
    let value = after_name.trim_start().strip_prefix(':')?.trim_start();
    let inner = value.strip_prefix('"')?.rsplit_once('"')?.0;
    Some(inner.replace("\\\"", "\""))
}

/// A word of so many characters is no word but a token, and longer than a UUID.
const TOKEN: usize = 40;

/// Base64url of `{"` is `eyJ`: so begins every JWT, and little else. What else is a token can be told by its length.
fn redact_tokens(text: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c| !is_token(c)) {
        let word = part.trim_end_matches(|c| !is_token(c));
        let kept = match word.find("eyJ") {
            Some(at) => at,
            None if word.len() >= TOKEN => 0,
            None => word.len(),
        };
        out.push_str(&word[..kept]);
        if kept < word.len() {
            out.push_str("[redacted]");
        }
        out.push_str(&part[word.len()..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_broker_is_found_in_json_and_in_what_is_almost_json() {
        for (body, said) in [
            (r#"{"error":"no accounts"}"#, "no accounts"),
            (r#"{"error": "account \"x\" gone"}"#, "account \"x\" gone"),
            (r#"{"error":"a \x1b[0m \"b\""}"#, r#"a \x1b[0m "b""#),
            ("404 page not found\n", "404 page not found"),
            ("", "no reason given"),
        ] {
            assert_eq!(reason(body.as_bytes(), None), said);
        }
    }

    #[test]
    fn no_token_gets_through() {
        let bearer = Secret::new("s3cret".into());
        let body = br#"{"error":"s3cret is not eyJhbGciOiJFZERTQSJ9.e30.c2ln, is it"}"#;
        assert_eq!(
            reason(body, Some(&bearer)),
            "[redacted] is not [redacted], is it"
        );
        for (text, said) in [
            (
                "at_0123456789abcdef0123456789abcdef0123456789",
                "[redacted]",
            ),
            ("<p>e30.eyJleHAiOjF9.c2ln</p>", "<p>e30.[redacted]</p>"),
            (
                "profile 6f1d2c3b-4a59-4687-9abc-def012345678",
                "profile 6f1d2c3b-4a59-4687-9abc-def012345678",
            ),
        ] {
            assert_eq!(reason(text.as_bytes(), None), said);
        }
    }
}
