//! What can go wrong with a cable, on either side of the panel's socket.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::NodeName;
use crate::runtime::RuntimeError;
use crate::topology::model::LinkId;

use super::model::{BlockId, CaptureId};

/// An error of the wire panel's client.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The runtime could not start or find the panel.
    #[error("reach the lab's patch namespace")]
    Runtime(#[source] Box<RuntimeError>),
    /// The panel's socket could not be used: the panel, and with it the lab, is gone.
    #[error("talk to the wire panel on {}", socket.display())]
    Panel {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The panel answered something that this version does not understand.
    #[error("understand the wire panel")]
    Answer(#[source] serde_json::Error),
    /// The panel answered with something else than what was asked for.
    #[error("understand the wire panel: it answered another question")]
    OtherAnswer,
    /// The panel did not accept connections in time.
    #[error("wait for the wire panel for more than {}", crate::base::duration::human(*.0))]
    Deadline(Duration),
    /// The panel refused; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why the panel refused a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No wire of that name.
    #[error("find wire `{wire}`")]
    NoSuchWire {
        /// The name asked for.
        wire: LinkId,
        /// The wires there are.
        known: Vec<LinkId>,
    },
    /// No block of that number, or its lease expired.
    #[error("find block {0}; it was removed or its lease expired")]
    NoSuchBlock(BlockId),
    /// No capture of that number runs.
    #[error("find capture {0}")]
    NoSuchCapture(CaptureId),
    /// The node's network namespace was never handed over.
    #[error("find the network namespace of node `{0}`")]
    NoSuchNode(NodeName),
    /// The wire or one of its ends is there already.
    #[error("connect `{0}` twice")]
    Duplicate(String),
    /// As many blocks are on this wire as it can hold.
    #[error("block anything more on wire `{0}`")]
    Full(LinkId),
    /// The request itself was not understood.
    #[error("understand the request: {0}")]
    Request(String),
    /// The kernel refused.
    #[error("{operation}: {reason}")]
    Kernel {
        /// What was being done.
        operation: String,
        /// What the kernel said.
        reason: String,
    },
}

impl Refusal {
    pub(super) fn kernel(operation: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let operation = operation.into();
        move |error| Self::Kernel {
            operation,
            reason: error.to_string(),
        }
    }
}
