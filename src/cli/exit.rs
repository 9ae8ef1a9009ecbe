//! Exit codes: an API.

use crate::record::Verdict;

/// What the process's exit code says. README.md carries the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything passed, or the verb did what it should.
    Passed = 0,
    /// An expectation failed.
    Failed = 1,
    /// The command line was wrong (clap's own code).
    Usage = 2,
    /// An input file is invalid.
    InvalidInput = 3,
    /// The environment lacks something: a program, a privilege, a kernel feature.
    Environment = 4,
    /// Could not run: anything else that stopped faultlab itself.
    CouldNotRun = 5,
    /// Nothing failed, but something could not be told.
    Inconclusive = 6,
    /// Everything passed, but something was left behind.
    LeftBehind = 7,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Passed,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Fail => Self::Failed,
            Verdict::Error => Self::CouldNotRun,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
