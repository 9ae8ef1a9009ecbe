//! What is said on `mgd.sock`: one JSON request a line, one JSON reply a line.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::SwitchError;
use crate::base::{Diagnostics, ErrorChain, Position};

/// Asked of `mgd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum Request {
    /// Apply `set` and `delete` lines to the candidate, all or none. Answer: `{"warnings": [text]}`.
    Edit {
        /// The lines.
        lines: Vec<String>,
        /// Who asks.
        #[serde(default = "root")]
        user: String,
    },
    /// Check the candidate and make it active. Answer: `{"revision": n, "warnings": [text]}`.
    Commit {
        /// Why.
        #[serde(default)]
        comment: String,
        /// Who asks.
        #[serde(default = "root")]
        user: String,
    },
    /// Check the candidate without making it active. Answer: `{"warnings": [text]}`.
    Check,
    /// Load rollback `n` into the candidate; nothing is active before a commit. Answer: `{"loaded": revision}`.
    Rollback {
        /// 0 is the active configuration.
        n: u32,
        /// Who asks.
        #[serde(default = "root")]
        user: String,
    },
    /// What the candidate changes against rollback `n`. Answer: `{"text": lines}`.
    Compare {
        /// 0 is the active configuration.
        #[serde(default)]
        n: u32,
    },
    /// Forget the candidate's changes. Answer: `{}`.
    Discard,
    /// Answer: `{"revision": n, "text": lines}` or `{"revision": n, "config": SwitchConfig}`.
    ShowConfig {
        /// Form of the answer.
        #[serde(default)]
        format: Format,
        /// 0 is the active configuration.
        #[serde(default)]
        rollback: u32,
    },
    /// State. Answer: see [`What`].
    Show {
        /// Of what.
        what: What,
    },
}

fn root() -> String {
    "root".to_owned()
}

/// Forms of a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `set` lines.
    #[default]
    Set,
    /// With braces.
    Text,
    /// The checked model.
    Json,
}

/// What `show` shows. Shapes of the first five: see [`super::StateSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// LACP per member port.
    Lacp,
    /// ICCP per peer.
    Iccp,
    /// BFD per session.
    Bfd,
    /// MAC addresses.
    MacTable,
    /// Interfaces.
    Interfaces,
    /// Alarms that are set: list of [`crate::switch::alarms::Alarm`].
    Alarms,
    /// Daemons: list of [`crate::nos::plan::ServiceStatus`].
    Processes,
    /// Committed configurations: `[{"n", "revision", "at", "user", "comment"}]`.
    Commits,
    /// `{"host_name", "model", "version", "revision"}`.
    Version,
    /// All of the above by name; what could not be read is `{"error": text}`.
    All,
}

impl What {
    /// Everything but [`What::All`].
    pub const EACH: [Self; 9] = [
        Self::Lacp,
        Self::Iccp,
        Self::Bfd,
        Self::MacTable,
        Self::Interfaces,
        Self::Alarms,
        Self::Processes,
        Self::Commits,
        Self::Version,
    ];

    /// Its name in requests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lacp => "lacp",
            Self::Iccp => "iccp",
            Self::Bfd => "bfd",
            Self::MacTable => "mac-table",
            Self::Interfaces => "interfaces",
            Self::Alarms => "alarms",
            Self::Processes => "processes",
            Self::Commits => "commits",
            Self::Version => "version",
            Self::All => "all",
        }
    }
}

/// Answered by `mgd`: `{"ok": …}` or `{"error": …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It was done.
    Ok(Value),
    /// It was not, and nothing has changed.
    Error(Failure),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Failure {
    /// A configuration has problems.
    Config {
        /// What was read: `edit`, `candidate` or a file.
        path: String,
        /// Its text.
        text: String,
        /// What is wrong with it.
        problems: Vec<Problem>,
    },
    /// Anything else.
    Refused {
        /// What was asked for.
        operation: String,
        /// Why not.
        reason: String,
    },
}

/// One problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The next move.
    pub hint: Option<String>,
}

impl Failure {
    /// Packs an error for the way over the socket.
    #[must_use]
    pub fn pack(error: &SwitchError, operation: &str) -> Self {
        match error {
            SwitchError::Config(diagnostics) => Self::Config {
                path: diagnostics.path().display().to_string(),
                text: diagnostics.text().to_owned(),
                problems: diagnostics
                    .sorted()
                    .into_iter()
                    .map(|problem| Problem {
                        line: problem.position.line,
                        column: problem.position.column,
                        message: problem.message.clone(),
                        hint: problem.hint.clone(),
                    })
                    .collect(),
            },
            SwitchError::Refused { operation, reason } => Self::Refused {
                operation: operation.clone(),
                reason: reason.clone(),
            },
            other => Self::Refused {
                operation: operation.to_owned(),
                reason: format!("failed to {}", ErrorChain::new(other)),
            },
        }
    }

    /// Unpacks it on the other side.
    #[must_use]
    pub fn unpack(self) -> SwitchError {
        match self {
            Self::Refused { operation, reason } => SwitchError::Refused { operation, reason },
            Self::Config { path, text, problems } => {
                let mut diagnostics = Diagnostics::new(Path::new(&path), &text);
                for Problem {
                    line,
                    column,
                    message,
                    hint,
                } in problems
                {
                    diagnostics.push(Position { line, column }, message, hint);
                }
                SwitchError::Config(diagnostics)
            }
        }
    }
}
