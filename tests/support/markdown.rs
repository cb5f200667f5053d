//! The documents, as far as tests read them: their code blocks, tables and headings.

use std::fs;
use std::path::Path;

/// A block between three backticks.
#[derive(Clone, Debug)]
pub struct Block {
    /// What it is written in; empty where it does not say.
    pub language: String,
    pub text: String,
}

impl Block {
    /// By which it is known: its first line.
    pub fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// A file of the checkout.
pub fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub fn blocks(file: &str) -> Vec<Block> {
    let text = text(file);
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside: Vec<_> = lines.by_ref().take_while(|l| l.trim() != "```").collect();
            blocks.push(Block {
                language: language.trim().to_owned(),
                text: inside.join("\n"),
            });
        }
    }
    blocks
}

/// The rows of the first table below a heading, without its head; a cell is as it is written.
#[track_caller]
pub fn table(file: &str, heading: &str) -> Vec<Vec<String>> {
    let text = text(file);
    let below = text.lines().skip_while(|line| *line != heading).skip(1);
    let rows: Vec<_> = below
        .take_while(|line| !line.starts_with("## "))
        .skip_while(|line| !line.starts_with("| "))
        .take_while(|line| line.starts_with("| "))
        .skip(2)
        .map(cells)
        .collect();
    assert!(!rows.is_empty(), "no table below {heading:?} in {file}");
    rows
}

/// A bar with a backslash before it is a part of a cell.
fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\0");
    let inside = row.trim().trim_matches('|');
    inside
        .split('|')
        .map(|cell| cell.trim().replace('\0', "|"))
        .collect()
}

/// What stands between single backticks.
pub fn literals(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The headings, and the text without blocks, in which `#` is a comment.
pub fn prose(file: &str) -> String {
    let text = text(file);
    let mut in_block = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}
