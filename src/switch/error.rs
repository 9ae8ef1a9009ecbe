//! What can go wrong in the reference switch.

use std::time::Duration;

use crate::base::Diagnostics;
use crate::base::duration::human;

/// An error of the reference switch's daemons or of those who talk to them.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// An operation of the operating system failed.
    #[error("{operation}")]
    Io {
        /// What was being done, e.g. `write /run/faultlab/active.json`.
        operation: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The other side said something that is not in the protocol.
    #[error("understand {peer}: {reason}")]
    Protocol {
        /// Who, e.g. `mgd`, `ovsdb-server`.
        peer: String,
        /// What it said and what was expected.
        reason: String,
    },
    /// A configuration has problems; nothing was changed.
    #[error("accept the configuration")]
    Config(#[source] Diagnostics),
    /// The other side understood and said no.
    #[error("{operation}: {reason}")]
    Refused {
        /// What was asked for, e.g. `rollback 7`.
        operation: String,
        /// The rule, and the next move.
        reason: String,
    },
    /// No answer in time.
    #[error("{operation} within {}", human(*deadline))]
    Deadline {
        /// What was being waited for.
        operation: String,
        /// How long.
        deadline: Duration,
    },
}

impl SwitchError {
    /// Wraps an I/O error with what was being done, for `map_err`; a socket's time-out becomes a missed deadline.
    pub fn io(operation: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        Self::io_within(operation, super::ovs::DEADLINE)
    }

    /// Wraps an operating system error of something that had a deadline of its own.
    pub fn io_within(
        operation: impl Into<String>,
        deadline: Duration,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let operation = operation.into();
        move |source| match source.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                Self::Deadline { operation, deadline }
            }
            _ => Self::Io { operation, source },
        }
    }

    /// Says that a program's answer was not understood.
    pub fn protocol(peer: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Protocol {
            peer: peer.into(),
            reason: reason.to_string(),
        }
    }
}
