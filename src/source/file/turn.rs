//! Whose turn it is in a pool: a number in the state folder that every start takes and leaves one higher.

use std::cell::OnceCell;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use crate::atomic;

/// Taken when it is first asked for, since most pools are of one.
pub struct Turn<'a> {
    state_dir: Option<&'a Path>,
    taken: OnceCell<u64>,
}

impl<'a> Turn<'a> {
    pub fn new(state_dir: Option<&'a Path>) -> Self {
        Self {
            state_dir,
            taken: OnceCell::new(),
        }
    }

    /// All of these, each once, beginning with the one whose turn it is. It moves on every `rounds` starts.
    pub fn order<'i, T>(&self, items: &'i [T], rounds: usize) -> impl Iterator<Item = &'i T> {
        let first = match items.len() as u64 {
            0 | 1 => 0,
            count => self.take() / (rounds.max(1) as u64) % count,
        };
        items.iter().cycle().skip(first as usize).take(items.len())
    }

    fn take(&self) -> u64 {
        *self.taken.get_or_init(|| {
            let folder = self.state_dir.ok_or(io::ErrorKind::NotFound);
            // Without a memory chance spreads the starts as well.
            folder
                .map_err(io::Error::from)
                .and_then(next)
                .unwrap_or_else(|_| fastrand::u64(..))
        })
    }
}

fn next(state_dir: &Path) -> io::Result<u64> {
    let mut file = atomic::open_in_place(&state_dir.join("turn"))?;
    file.lock()?;
    let mut text = String::new();
    (&file).take(32).read_to_string(&mut text)?;
    // Whatever else stands there is no turn, and the first is as good as any.
    let turn: u64 = text.trim().parse().unwrap_or(0);
    file.rewind()?;
    file.set_len(0)?;
    write!(file, "{}", turn.wrapping_add(1))?;
    Ok(turn)
}
