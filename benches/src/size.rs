//! The binary's size. What is in it, crate by crate, tells cargo-bloat (README.md).

use std::fs;
use std::io;

use crate::arena::Arena;
use crate::table::{Table, Unit};

const MOST: f64 = 3.0 * 1024.0 * 1024.0;

pub fn measure(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let size = fs::metadata(&arena.binary)?.len() as f64;
    table.value(
        "release binary, static and stripped",
        Unit::Bytes,
        size,
        &[],
        Some(MOST),
    );
    Ok(())
}
