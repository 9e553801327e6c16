//! What stdout gets: aligned text for people, one JSON document for programs.

use crate::plain::{harmless, harmless_json};
use serde::Serialize;
use std::{
    cell::Cell,
    io::{self, IsTerminal, Write},
};

/// How results are shown.
#[derive(Debug, Clone)]
pub struct Output {
    json: bool,
    colour: bool,
    failed: Cell<bool>,
}

/// The colours that text may carry.
#[derive(Debug, Clone, Copy)]
pub enum Colour {
    /// As it should be.
    Green,
    /// Worth a look.
    Yellow,
    /// Wrong.
    Red,
}

impl Output {
    /// JSON or text; colour only on a terminal and never with `NO_COLOR`.
    pub fn new(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self { json, colour: !json && !plain && io::stdout().is_terminal(), failed: Cell::new(false) }
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints text, but for what commands a terminal and is not ours. A reader that went away (`| head -1`) is no error.
    pub fn text(&self, text: &str) {
        let text = if self.json { harmless_json(text) } else { harmless(text, self.colour) };
        let mut out = io::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let written = write!(out, "{text}{end}").and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => self.failed.set(true),
            _ => {}
        }
    }

    /// Fails when something could not be printed, such as on a full disk: who redirects a report must not trust half of one.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.failed.get(), "cannot write to stdout");
        Ok(())
    }

    /// Prints the one JSON document.
    pub fn json<T: Serialize>(&self, value: &T) -> anyhow::Result<()> {
        self.text(&serde_json::to_string_pretty(value)?);
        Ok(())
    }

    /// Text in a colour, where colours are shown.
    pub fn paint(&self, colour: Colour, text: &str) -> String {
        let number = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
        };
        if self.colour { format!("\x1b[{number}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Rows whose columns line up. The last column is not padded.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub fn row<I: IntoIterator<Item = S>, S: Into<String>>(&mut self, cells: I) {
        // A cell is one line: it may not make up rows of its own.
        let cell = |cell: S| harmless(&cell.into(), true).replace(['\n', '\t'], " ");
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// The lines.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::default();
        table.row(["GPU", "STATE"]);
        table.row(["0000:01:00.0", "ATTACHED"]);
        table.row(["é", "x"]);
        assert_eq!(table.render(), "GPU           STATE\n0000:01:00.0  ATTACHED\né             x\n");
    }

    #[test]
    fn a_cell_commands_no_terminal_and_makes_up_no_row() {
        let mut table = Table::default();
        table.row(["a\x1b[2J\nb", "\x1b[32mok\x1b[0m"]);
        assert_eq!(table.render(), "a\u{fffd}[2J b  \x1b[32mok\x1b[0m\n");
    }
}
