//! What can go wrong with probes.

use std::net::SocketAddr;

use crate::base::NodeName;
use crate::runtime::RuntimeError;

/// An error of starting or stopping probes. What fails while they run is recorded, not returned.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The node's namespace could not be entered.
    #[error("reach node `{node}`")]
    Node {
        /// The node.
        node: NodeName,
        /// Why.
        #[source]
        source: RuntimeError,
    },
    /// A socket could not be opened in a node.
    #[error("open a UDP socket at {address} in node `{node}`")]
    Socket {
        /// The node.
        node: NodeName,
        /// The address it was to be bound to.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An operation of the operating system failed.
    #[error("{operation}")]
    System {
        /// What was being done.
        operation: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A flow cannot be sent as specified.
    #[error("accept flow {flow} of group `{group}`: {reason}")]
    Flow {
        /// Its number.
        flow: u32,
        /// Its group.
        group: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A thread of a probe panicked, so what it measured is incomplete.
    #[error("join the {0} thread, which panicked")]
    Panicked(&'static str),
}

impl ProbeError {
    pub(crate) fn system(operation: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let operation = operation.into();
        move |source| Self::System { operation, source }
    }
}
