//! What can go wrong with a lab.

use crate::base::{LabName, NodeName, ServiceName};

/// An error of a runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// An operation of the operating system failed.
    #[error("{operation}")]
    System {
        /// What was being done, e.g. `create the network namespace of mx1`.
        operation: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The lab does not exist.
    #[error("no lab `{name}` is running")]
    NoSuchLab {
        /// The name asked for.
        name: LabName,
        /// The labs there are.
        known: Vec<LabName>,
    },
    /// A lab of this name exists already.
    #[error("a lab `{0}` is running already")]
    LabExists(LabName),
    /// The node does not exist in the lab.
    #[error("no node `{node}` in lab `{lab}`")]
    NoSuchNode {
        /// The lab.
        lab: LabName,
        /// The name asked for.
        node: NodeName,
        /// The nodes there are.
        known: Vec<NodeName>,
    },
    /// The node has no such service.
    #[error("no service `{service}` on node `{node}`")]
    NoSuchService {
        /// The node.
        node: NodeName,
        /// The name asked for.
        service: ServiceName,
        /// The services there are.
        known: Vec<ServiceName>,
    },
    /// The node is off.
    #[error("node `{0}` is off")]
    NodeOff(NodeName),
    /// The lab's init answered with an error.
    #[error("lab `{lab}` could not {operation}: {reason}")]
    Refused {
        /// The lab.
        lab: LabName,
        /// What was asked.
        operation: String,
        /// What it said.
        reason: String,
    },
    /// The lab's init died or does not answer.
    #[error("lab `{0}` is gone")]
    LabGone(LabName),
    /// Something took longer than its deadline.
    #[error("{operation} took longer than {}", crate::base::duration::human(*deadline))]
    Deadline {
        /// What was waited for.
        operation: String,
        /// How long.
        deadline: std::time::Duration,
    },
    /// This machine lacks something.
    #[error("{missing} is missing")]
    Environment {
        /// What is missing.
        missing: String,
        /// How to get it.
        hint: String,
    },
}

/// An error of a driver, which reaches a node's NOS from outside.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// An operation of the operating system failed.
    #[error("{operation}")]
    System {
        /// What was being done.
        operation: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The connection could not be made, or broke.
    #[error("reach {peer} over SSH: {said}")]
    Lost {
        /// Who.
        peer: String,
        /// What ssh said.
        said: String,
    },
    /// No answer in time.
    #[error("hear from {peer} after `{command}` within {patience:?}")]
    Late {
        /// Who.
        peer: String,
        /// What was asked.
        command: String,
        /// How long was waited.
        patience: std::time::Duration,
    },
    /// The node did not do it.
    #[error("{peer} refused `{command}`: {answer}")]
    Refused {
        /// Who.
        peer: String,
        /// What was asked.
        command: String,
        /// What was said.
        answer: String,
    },
    /// What came back is no answer.
    #[error("understand a node")]
    Garbled(#[from] crate::nos::NosError),
    /// A step for another driver.
    #[error("{driver} cannot carry out {step}")]
    Foreign {
        /// This one.
        driver: &'static str,
        /// The step.
        step: String,
    },
}
