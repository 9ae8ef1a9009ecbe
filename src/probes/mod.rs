//! Traffic streams and state collectors: they turn a running lab into entries of its history.
//!
//! Everything here holds sockets inside nodes' network namespaces, and an open socket keeps its namespace alive: stop
//! probes before the lab is destroyed, or the kernel keeps its interfaces until they are dropped.

pub mod error;
pub mod logs;
mod sockets;
pub mod state;
pub mod traffic;

pub use error::ProbeError;
pub use logs::{LogFollower, LogPattern};
pub use sockets::{LabSockets, NodeSockets};
pub use state::{CollectedNode, Collector, Collectors, StateSnapshot};
pub use traffic::{FlowPair, ProbeOptions, Prober, TrafficSnapshot, TrafficSummary, flows_between};
