//! Problems of a file, each with its place, all of them at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{Node, Position};

/// One problem in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub position: Position,
    /// What is wrong and what was expected, as a lowercase fragment.
    pub message: String,
    /// The next move.
    pub hint: Option<String>,
}

/// All problems of one file, in source order when displayed.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    path: PathBuf,
    text: Arc<str>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Starts an empty list for a file.
    #[must_use]
    pub fn new(path: &Path, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.into(),
            list: Vec::new(),
        }
    }

    /// Adds a problem.
    pub fn push(&mut self, position: Position, message: impl Into<String>, hint: Option<String>) {
        self.list.push(Diagnostic {
            position,
            message: message.into(),
            hint,
        });
    }

    /// Adds "unknown key" with a suggestion from the known keys.
    pub fn unknown_key(&mut self, key: &Node, place: &str, known: &[&str]) {
        let name = key.as_text().unwrap_or("(not text)");
        let hint = match super::suggest::did_you_mean(name, known.iter().copied()) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        self.push(
            key.position,
            format!("unknown key `{name}` in {place}"),
            Some(hint),
        );
    }

    /// Adds the other list's problems, which must be about the same file.
    pub fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    /// Returns whether there is no problem.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the problems in source order.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut list: Vec<_> = self.list.iter().collect();
        list.sort_by_key(|d| d.position);
        list
    }

    /// Returns the file they are about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file's text, so that the problems can be handed to another process and shown there.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns `value` when there is no problem.
    ///
    /// # Errors
    /// The problems, when there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.sorted().into_iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let Position { line, column } = problem.position;
            writeln!(f, "{}:{line}:{column}: {}", self.path.display(), problem.message)?;
            if let Some(source) = line.checked_sub(1).and_then(|n| self.text.lines().nth(n)) {
                writeln!(f, "{line:5} | {source}")?;
                writeln!(f, "      | {:>column$}", "^")?;
            }
            if let Some(hint) = &problem.hint {
                writeln!(f, "      = {hint}")?;
            }
        }
        let count = self.list.len();
        write!(
            f,
            "{count} problem{} in {}",
            if count == 1 { "" } else { "s" },
            self.path.display()
        )
    }
}
