//! The table: what was measured, against what, and whether that is what we want.

use std::fmt::{self, Display};

use crate::turns::Turns;

#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    what: String,
    ours: String,
    against: String,
    ratio: String,
    target: Option<(String, bool)>,
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Seconds,
    Bytes,
    Count,
}

/// The most that we want of a contender's share.
#[derive(Clone, Copy, Debug)]
pub struct AtMost(pub f64);

impl Table {
    /// The first contender against another one.
    pub fn ratio(
        &mut self,
        what: &str,
        turns: &Turns,
        other: (usize, &str),
        target: Option<AtMost>,
    ) {
        self.ratio_of(0, what, turns, other, target);
    }

    /// Any contender against another one.
    pub fn ratio_of(
        &mut self,
        one: usize,
        what: &str,
        turns: &Turns,
        (other, name): (usize, &str),
        target: Option<AtMost>,
    ) {
        let ratio = turns.ratio(one, other);
        self.0.push(Row {
            what: what.to_owned(),
            ours: Unit::Seconds.write(turns.median(one)),
            against: format!("{name}: {}", Unit::Seconds.write(turns.median(other))),
            ratio: format!("{ratio:.2}"),
            target: target.map(|AtMost(most)| (format!("≤ {most} ×"), ratio <= most)),
        });
    }

    /// A value by itself, and what others need.
    pub fn value(
        &mut self,
        what: &str,
        unit: Unit,
        ours: f64,
        against: &[(&str, f64)],
        most: Option<f64>,
    ) {
        let against: Vec<_> = against
            .iter()
            .map(|(name, value)| format!("{name}: {}", unit.write(*value)))
            .collect();
        self.0.push(Row {
            what: what.to_owned(),
            ours: unit.write(ours),
            against: against.join(", "),
            ratio: String::new(),
            target: most.map(|most| (format!("≤ {}", unit.write(most)), ours <= most)),
        });
    }
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 1e-3 => format!("{:.0} µs", value * 1e6),
            Self::Seconds if value < 1.0 => format!("{:.2} ms", value * 1e3),
            Self::Seconds => format!("{value:.2} s"),
            Self::Bytes if value < 1024.0 * 1024.0 => format!("{:.0} KiB", value / 1024.0),
            Self::Bytes => format!("{:.2} MiB", value / 1024.0 / 1024.0),
            Self::Count => format!("{value:.0}"),
        }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| what | hytale-entrypoint | against | ratio | target | met |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for Row {
            what,
            ours,
            against,
            ratio,
            target,
        } in &self.0
        {
            let (target, met) = match target {
                Some((target, true)) => (target.as_str(), "yes"),
                Some((target, false)) => (target.as_str(), "**no**"),
                None => ("", ""),
            };
            writeln!(
                f,
                "| {what} | {ours} | {against} | {ratio} | {target} | {met} |"
            )?;
        }
        Ok(())
    }
}
