//! What each kind of node is: daemons, readiness, configuration, state queries, capabilities.
//!
//! Everything here is computed from the topology and the files it names; nothing is started. The surprising part is what
//! a router with bundles becomes on a kernel without bonding: an Open vSwitch of its own does LACP for it.

pub mod bundles;
pub mod content;
pub mod error;
pub mod frr;
pub mod kind;
pub mod kinds;
pub mod mclag_switch;
pub mod netconf;
pub mod open_vswitch;
pub mod plan;
pub mod planner;
pub mod queries;
mod service;
pub mod templates;
pub mod timers;

pub use error::NosError;
pub use kind::Nos;
pub use kinds::Kinds;
pub use planner::{PlanOptions, Plans, plan_nodes, render};
pub use timers::{NodeTimers, Scale};
