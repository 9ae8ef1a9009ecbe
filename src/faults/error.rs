//! What can go wrong with a fault before it touches anything.

use crate::base::Diagnostics;
use crate::base::FaultId;
use crate::base::suggest::did_you_mean;

/// An error of the catalogue or of planning.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// A definition of the catalogue is wrong.
    #[error("read the fault catalogue")]
    Definition(#[source] Diagnostics),
    /// No such fault.
    #[error("unknown fault `{fault}`")]
    Unknown {
        /// The id asked for.
        fault: FaultId,
        /// The ids there are.
        known: Vec<String>,
    },
    /// The fault acts on something else.
    #[error("fault `{fault}` acts on a {expected}, but `{target}` is a {found}")]
    WrongTarget {
        /// The fault.
        fault: FaultId,
        /// What was selected.
        target: String,
        /// What the fault acts on.
        expected: &'static str,
        /// What was selected instead.
        found: &'static str,
    },
    /// The fault is not defined for this kind of node.
    #[error("fault `{fault}` needs a node of {needs}, but `{node}` is {found}")]
    WrongNos {
        /// The fault.
        fault: FaultId,
        /// The node.
        node: String,
        /// What it is.
        found: String,
        /// What the fault is defined for.
        needs: String,
    },
    /// Nothing was selected.
    #[error("fault `{fault}` was given no target: `{selector}` selects nothing in this topology")]
    NoTarget {
        /// The fault.
        fault: FaultId,
        /// The selector.
        selector: String,
    },
}

impl FaultError {
    /// Returns the next move.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { fault, known } => Some(
                match did_you_mean(fault.as_str(), known.iter().map(String::as_str)) {
                    Some(guess) => format!("did you mean `{guess}`?"),
                    None => format!("known faults: {}", known.join(", ")),
                },
            ),
            Self::WrongTarget { expected: "link", .. } => Some(
                "name a link by one of its ends (`ca1:eth5`) or all links between two nodes (`ca1 -- ca2`)"
                    .into(),
            ),
            Self::WrongTarget { .. } => Some("name nodes, e.g. `ca1` or `site:interxion`".into()),
            Self::Definition(_) | Self::WrongNos { .. } | Self::NoTarget { .. } => None,
        }
    }
}
