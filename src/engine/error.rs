//! What can go wrong while running.

use std::time::Duration;

use crate::base::NodeName;
use crate::faults::FaultError;
use crate::nos::NosError;
use crate::probes::ProbeError;
use crate::record::RecordError;
use crate::runtime::RuntimeError;
use crate::topology::TopologyError;
use crate::wire::WireError;

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The topology cannot be used.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A node cannot be planned.
    #[error(transparent)]
    Nos(#[from] NosError),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The cables failed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Measuring failed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The history could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A fault cannot be planned.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// A fault of a method cannot be planned.
    #[error("plan the fault of {place}")]
    FaultAt {
        /// Where it is written, `file:line`.
        place: String,
        /// Why.
        #[source]
        source: FaultError,
    },
    /// A selector of an experiment selects nothing or is wrong.
    #[error("{place}: {problem}")]
    Selector {
        /// Where, `file:line`.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A node did not boot.
    #[error("node `{node}` did not boot: {reason}{}", log.iter().map(|line| format!("\n    {line}")).collect::<String>())]
    BootFailed {
        /// The node.
        node: NodeName,
        /// Why.
        reason: String,
        /// Last lines of its logs.
        log: Vec<String>,
    },
    /// Nodes were not ready in time.
    #[error("after {} these nodes are not ready: {}{}", crate::base::duration::human(*deadline), waiting.join(", "),
        log.iter().map(|line| format!("\n    {line}")).collect::<String>())]
    NotReady {
        /// How long was waited.
        deadline: Duration,
        /// Nodes, with the services that are not ready.
        waiting: Vec<String>,
        /// Last lines of their logs.
        log: Vec<String>,
    },
    /// The lab did not become steady.
    #[error("the lab was not steady within {}: {silent} of {flows} flows do not deliver{}", crate::base::duration::human(*within),
        steadiness(unobserved, missing))]
    NotSteady {
        /// How long was waited.
        within: Duration,
        /// Flows that do not deliver.
        silent: usize,
        /// Flows there are.
        flows: usize,
        /// State that cannot be read.
        unobserved: Vec<String>,
        /// Predicates of the steady state that do not hold.
        missing: Vec<String>,
    },
    /// A step of the method could not be done.
    #[error("carry out step {number} ({title}): {reason}")]
    Step {
        /// Number of the step, from 1.
        number: usize,
        /// Its title.
        title: String,
        /// Why.
        reason: String,
    },
    /// A node that should send or receive traffic has no address.
    #[error("node `{node}` has no IPv4 address on any data interface, but a traffic group selects it")]
    NoAddress {
        /// The node.
        node: NodeName,
    },
    /// A file of the run folder could not be written.
    #[error("write {}", path.display())]
    Output {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Told to stop.
    #[error("interrupted")]
    Interrupted,
}

fn steadiness(unobserved: &[String], missing: &[String]) -> String {
    let part = |what: &str, list: &[String]| {
        if list.is_empty() {
            String::new()
        } else {
            format!("; {what} {}", list.join(", "))
        }
    };
    part("cannot read", unobserved) + &part("not so:", missing)
}
