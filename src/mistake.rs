//! What was typed and cannot be: clap's words for it, said the way everything else is said.

use std::ffi::OsString;

use thiserror::Error;

use crate::cli::SharedArgs;

/// A command line that clap does not take; exit code 64.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct Mistake {
    message: String,
    /// What clap thinks was meant.
    pub tips: Option<String>,
}

impl From<clap::Error> for Mistake {
    fn from(error: clap::Error) -> Self {
        let mut mistake = Self::read(&error.render().to_string());
        if let Some(tips) = &mut mistake.tips
            && tips.contains("use '-- ")
        {
            tips.insert_str(0, "the server's own options go after --; ");
        }
        mistake
    }
}

impl Mistake {
    /// Takes clap's page apart, since it hands its sentences out in no other way: first comes the error, which may go on
    /// in lines of its own, then tips, and last the usage, which our own hint leads to.
    fn read(page: &str) -> Self {
        let mut lines = page.lines();
        let message: Vec<&str> = lines
            .by_ref()
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let message = message.join(" ");
        let tips: Vec<&str> = lines
            .filter_map(|line| line.trim().strip_prefix("tip: "))
            .collect();
        Self {
            message: match message.strip_prefix("error: ") {
                Some(message) => message.to_owned(),
                None => message,
            },
            tips: (!tips.is_empty()).then(|| tips.join("; ")),
        }
    }
}

/// How to log a command line that could not be parsed: what it says of that, as far as it can be seen. Words after `--` are
/// the server's.
pub fn logging(words: impl IntoIterator<Item = OsString>) -> SharedArgs {
    let mut args = SharedArgs::default();
    let mut words = words
        .into_iter()
        .map_while(|word| word.into_string().ok())
        .take_while(|word| word != "--");
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let place = match flag {
            "--log-format" => &mut args.log_format,
            "--log-level" => &mut args.log_level,
            _ => continue,
        };
        *place = value.or_else(|| words.next());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_clap_becomes_a_sentence_and_tips() {
        let page = "error: unexpected argument '--log-formt' found\n\n  tip: a similar argument exists: '--log-format'\n  \
                    tip: to pass it, use '-- --log-formt'\n\nUsage: x [OPTIONS]\n\nFor more information, try '--help'.\n";
        let mistake = Mistake::read(page);
        assert_eq!(
            mistake.to_string(),
            "unexpected argument '--log-formt' found"
        );
        assert_eq!(
            mistake.tips.as_deref(),
            Some("a similar argument exists: '--log-format'; to pass it, use '-- --log-formt'")
        );
        let page = "error: these are missing:\n  <FILE>\n  <X>\n\nUsage: x <FILE>\n";
        let mistake = Mistake::read(page);
        assert_eq!(mistake.to_string(), "these are missing: <FILE> <X>");
        assert_eq!(mistake.tips, None);
    }

    #[test]
    fn the_way_to_log_is_found_among_other_words() {
        let found = |words: &str| {
            let args = logging(words.split_whitespace().map(OsString::from));
            (args.log_format, args.log_level)
        };
        let (json, debug) = (Some("json".to_owned()), Some("debug".to_owned()));
        assert_eq!(found("run --nope --log-format json"), (json.clone(), None));
        assert_eq!(
            found("status --log-level=debug x --log-format=json"),
            (json.clone(), debug)
        );
        assert_eq!(
            found("run --log-format text --log-format json"),
            (json, None)
        );
        assert_eq!(found("run --nope -- --log-format json"), (None, None));
        assert_eq!(found("run --log-format"), (None, None));
    }
}
