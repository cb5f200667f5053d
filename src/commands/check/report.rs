//! What was found, as a table for people and as JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::log::printable;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Check {
    name: &'static str,
    outcome: Outcome,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    /// What `run` would end with.
    #[serde(skip)]
    code: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Warning,
    Failed,
}

impl Check {
    pub fn ok(name: &'static str, message: impl ToString) -> Self {
        Self {
            name,
            outcome: Outcome::Ok,
            message: message.to_string(),
            hint: None,
            code: 0,
        }
    }

    /// `run` would say something, and go on.
    pub fn warning(name: &'static str, message: impl ToString, hint: &'static str) -> Self {
        Self {
            outcome: Outcome::Warning,
            hint: Some(hint),
            ..Self::ok(name, message)
        }
    }

    /// `run` would end with this code.
    pub fn failed(
        name: &'static str,
        message: impl ToString,
        hint: Option<&'static str>,
        code: u8,
    ) -> Self {
        Self {
            outcome: Outcome::Failed,
            hint,
            code,
            ..Self::ok(name, message)
        }
    }
}

/// Everything that was looked at, in the order in which `run` would come upon it.
#[derive(Debug, Default)]
pub struct Report(Vec<Check>);

impl Report {
    pub fn add(&mut self, check: Check) {
        self.0.push(check);
    }

    pub fn extend(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.0.extend(checks);
    }

    /// The code of what fails first, else 0.
    pub fn exit_code(&self) -> u8 {
        let failed = self.0.iter().find(|c| c.outcome == Outcome::Failed);
        failed.map_or(0, |check| check.code)
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.0 {
            let outcome = match check.outcome {
                Outcome::Ok => "ok",
                Outcome::Warning => "warning",
                Outcome::Failed => "FAILED",
            };
            let message = printable(&check.message);
            let _ = writeln!(text, "{outcome:<8} {:<8} {message}", check.name);
            if let Some(hint) = check.hint {
                let _ = writeln!(text, "{:<17} hint: {hint}", "");
            }
        }
        let _ = match self.exit_code() {
            0 => write!(text, "Nothing would fail."),
            code => write!(text, "A start would fail with exit code {code}."),
        };
        text
    }

    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            version: u32,
            ok: bool,
            exit_code: u8,
            checks: &'a [Check],
        }

        let whole = Whole {
            version: 1,
            ok: self.exit_code() == 0,
            exit_code: self.exit_code(),
            checks: &self.0,
        };
        serde_json::to_string_pretty(&whole).unwrap_or_default()
    }
}
