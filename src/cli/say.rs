//! Speaking to people on standard error.
//!
//! Unlike `eprintln!`, which panics, a reader that has gone away (`2>&1 | head`) must not end a run in the middle.

use std::fmt::Display;
use std::io::Write;

/// Writes a line on standard error, if anybody still reads there.
pub fn say(line: impl Display) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
