//! Printing of an error with its causes, one line each.

use std::error::Error;
use std::fmt;

/// Displays an error and every cause below it.
///
/// Errors here never repeat their source in `Display`, so each line adds something.
pub struct ErrorChain<'a>(&'a (dyn Error + 'static));

impl<'a> ErrorChain<'a> {
    /// Wraps an error for display.
    #[must_use]
    pub fn new(error: &'a (dyn Error + 'static)) -> Self {
        Self(error)
    }
}

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        if cause.is_some() {
            write!(f, "\n  caused by:")?;
        }
        while let Some(error) = cause {
            write!(f, "\n  - {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
