//! Measuring in turns, and what is made of it.

use std::io;
use std::time::Duration;

/// What was measured of each contender, a value for each round.
#[derive(Debug)]
pub struct Turns(Vec<Vec<f64>>);

/// Measures everybody once a round, in one order and then in the other: so many values at a time. The first rounds warm
/// up and do not count.
pub fn take<const VALUES: usize>(
    contenders: usize,
    rounds: usize,
    mut measure: impl FnMut(usize) -> io::Result<[f64; VALUES]>,
) -> io::Result<[Turns; VALUES]> {
    let warm_up = rounds.div_ceil(10);
    let mut all = [(); VALUES].map(|()| Turns(vec![Vec::with_capacity(rounds); contenders]));
    for round in 0..warm_up + rounds {
        for turn in 0..contenders {
            let contender = match round % 2 {
                0 => turn,
                _ => contenders - 1 - turn,
            };
            let values = measure(contender)?;
            if round >= warm_up {
                for (turns, value) in all.iter_mut().zip(values) {
                    turns.0[contender].push(value);
                }
            }
        }
    }
    Ok(all)
}

impl Turns {
    pub fn median(&self, contender: usize) -> f64 {
        median(self.0[contender].clone())
    }

    /// How many times as much as another one, in the middle of all rounds.
    pub fn ratio(&self, contender: usize, other: usize) -> f64 {
        let pairs = self.0[contender].iter().zip(&self.0[other]);
        median(pairs.map(|(one, other)| one / other).collect())
    }
}

/// A duration as one of the values.
pub fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_turn_each_round_and_the_order_changes() {
        let mut order = Vec::new();
        let turns = take(2, 2, |contender| {
            order.push(contender);
            Ok([order.len() as f64])
        });
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
        let [turns] = turns.unwrap();
        // The first round was for warming up: 4 and 5 for one, 3 and 6 for the other.
        assert_eq!(turns.median(0), 4.5);
        assert_eq!(turns.ratio(1, 0), f64::midpoint(3.0 / 4.0, 6.0 / 5.0));
    }
}
