//! The switch's configuration: Junos-like `set` statements → a checked model.
//!
//! The language is the table [`statements`]; a text is read in three steps, each of which reports all its problems at
//! once: lines → [`statement`] (quoting, lists), statements against the table, the whole against the rules that span
//! statements (a VLAN that is referenced must exist). The surprising thing: like on the real box, `set` is checked for
//! syntax when it is entered, and for sense only at commit.

pub mod candidate;
mod checks;
mod curly;
mod kinds;
pub mod model;
mod pair;
mod read;
mod schema;
pub mod statement;
mod tree;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::base::{Diagnostic, Diagnostics};

pub use candidate::Candidate;
pub use model::SwitchConfig;
pub use pair::check_pair;
pub use schema::statements;

/// A configuration that passed all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What the daemons read.
    pub config: SwitchConfig,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// Reads and checks a whole file of `set` (and `delete`) lines.
///
/// # Errors
/// All problems, with positions in that file.
pub fn parse(path: &Path, text: &str) -> Result<SwitchConfig, Diagnostics> {
    load(path, text).map(|(_, checked)| checked.config)
}

/// Like [`parse`], and keeps the statements for editing.
///
/// # Errors
/// All problems, with positions in that file.
pub fn load(path: &Path, text: &str) -> Result<(Candidate, Checked), Diagnostics> {
    let mut candidate = Candidate::default();
    candidate.load_set(path, text)?;
    let checked = check(candidate.statements(), path, text)?;
    Ok((candidate, checked))
}

/// Checks statements whose positions lie in `text`.
fn check(statements: &[statement::Statement], path: &Path, text: &str) -> Result<Checked, Diagnostics> {
    let mut diagnostics = Diagnostics::new(path, text);
    let tree = tree::Tree::grow(statements);
    let mut config = read::read(&tree, &mut diagnostics);
    config.frr = read::frr(statements);
    let warnings = checks::check(&config, &tree, &mut diagnostics);
    diagnostics.into_result(Checked { config, warnings })
}
