//! `application/x-www-form-urlencoded`, as far as OAuth and the verification page need it.

use std::collections::HashMap;

use crate::secret::fingerprint;

/// The fields of a form; none when one comes twice or is not UTF-8, which OAuth forbids.
pub(crate) fn parse(text: &str) -> Option<HashMap<String, String>> {
    let mut fields = HashMap::new();
    for (name, value) in pairs(text) {
        if fields.insert(decode(name)?, decode(value)?).is_some() {
            return None;
        }
    }
    Some(fields)
}

/// The same form with every token in it replaced by its fingerprint, for the request log.
pub(crate) fn redact(text: &str) -> String {
    let shown = pairs(text).map(|(name, value)| match name {
        "grant_type" | "client_id" | "scope" => format!("{name}={value}"),
        _ => format!(
            "{name}={}",
            fingerprint(&decode(value).unwrap_or_else(|| value.to_owned()))
        ),
    });
    shown.collect::<Vec<_>>().join("&")
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
