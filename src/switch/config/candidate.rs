//! The candidate: statements being edited, before anything is checked for sense.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::statement::{self, Statement, Verb};
use super::{Checked, check, curly, schema};
use crate::base::{Diagnostic, Diagnostics};

/// An ordered set of statements.
///
/// Related statements are kept together wherever they are entered, so that what a person reads back stays readable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    statements: Vec<Statement>,
}

impl Candidate {
    /// Returns its statements in order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Applies `set` and `delete` lines, all or none. Returns warnings: deletes that met nothing.
    ///
    /// # Errors
    /// All syntax problems of the text; then nothing has changed.
    pub fn load_set(&mut self, path: &Path, text: &str) -> Result<Vec<Diagnostic>, Diagnostics> {
        let mut diagnostics = Diagnostics::new(path, text);
        let mut warnings = Vec::new();
        let mut next = self.clone();
        for (verb, statement) in statement::read_lines(text, &mut diagnostics) {
            match verb {
                Verb::Set => {
                    if let Some(pattern) = schema::match_whole(&statement, &mut diagnostics) {
                        next.set(statement, pattern);
                    }
                }
                Verb::Delete => {
                    if schema::match_prefix(&statement, &mut diagnostics) && !next.delete(&statement) {
                        warnings.push(nothing_to_delete(&statement));
                    }
                }
            }
        }
        *self = diagnostics.into_result(next)?;
        Ok(warnings)
    }

    fn set(&mut self, statement: Statement, pattern: &schema::Pattern) {
        if !pattern.repeats && self.statements.contains(&statement) {
            return;
        }
        if pattern.replaces() {
            let stem = statement.words.len() - 1;
            let same_leaf = |old: &&mut Statement| {
                old.words.len() == statement.words.len() && old.common_prefix(&statement) == stem
            };
            if let Some(old) = self.statements.iter_mut().find(same_leaf) {
                *old = statement;
                return;
            }
        }
        let place = self
            .statements
            .iter()
            .enumerate()
            .map(|(index, other)| (other.common_prefix(&statement), index + 1))
            .filter(|(common, _)| *common > 0)
            .max();
        match place {
            Some((_, index)) => self.statements.insert(index, statement),
            None => self.statements.push(statement),
        }
    }

    fn delete(&mut self, prefix: &Statement) -> bool {
        let before = self.statements.len();
        self.statements.retain(|statement| !statement.starts_with(prefix));
        self.statements.len() < before
    }

    /// Returns it as `set` lines.
    #[must_use]
    pub fn to_set(&self) -> String {
        self.statements.iter().fold(String::new(), |mut text, statement| {
            let _ = writeln!(text, "set {statement}");
            text
        })
    }

    /// Returns it in the form with braces.
    #[must_use]
    pub fn to_curly(&self) -> String {
        curly::render(&self.statements)
    }

    /// Returns what changed since `old`, in the manner of `show | compare`; empty when nothing did.
    #[must_use]
    pub fn compare(&self, old: &Self) -> String {
        let removed = missing_in(&old.statements, &self.statements);
        let added = missing_in(&self.statements, &old.statements);
        let mut sections: Vec<&str> = Vec::new();
        for statement in removed.iter().chain(&added) {
            let section = statement.words[0].text.as_str();
            if !sections.contains(&section) {
                sections.push(section);
            }
        }
        let mut text = String::new();
        for section in sections {
            let _ = writeln!(text, "[edit {section}]");
            for (sign, list) in [('-', &removed), ('+', &added)] {
                for statement in list.iter().filter(|s| s.words[0].text == section) {
                    let _ = writeln!(text, "{sign} set {statement}");
                }
            }
        }
        text
    }

    /// Checks it for sense, as a commit does. Positions in problems are lines of [`Self::to_set`].
    ///
    /// # Errors
    /// All problems.
    pub fn check(&self) -> Result<Checked, Diagnostics> {
        let path = Path::new("candidate");
        let text = self.to_set();
        // Statements come from several edits, so they are read again to have positions in one text.
        let mut whole = Self::default();
        whole.load_set(path, &text)?;
        check(&whole.statements, path, &text)
    }
}

/// Statements of `list` that `other` lacks, counting those that stand there twice.
fn missing_in<'a>(list: &'a [Statement], other: &[Statement]) -> Vec<&'a Statement> {
    let mut counts: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for statement in other {
        *counts.entry(statement.texts().collect()).or_default() += 1;
    }
    let mut missing = Vec::new();
    for statement in list {
        match counts.get_mut(&statement.texts().collect::<Vec<_>>()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => missing.push(statement),
        }
    }
    missing
}

fn nothing_to_delete(statement: &Statement) -> Diagnostic {
    Diagnostic {
        position: statement.words[0].position,
        message: format!("nothing is configured at `{statement}`, so nothing was deleted"),
        hint: None,
    }
}
