//! Names, quantities and voice: what every other room is built from.
//!
//! Nothing here does I/O except [`clock`], which reads the kernel's monotonic clock.

pub mod chain;
pub mod clock;
pub mod diagnostics;
pub mod document;
pub mod duration;
pub mod name;
pub mod seed;
pub mod suggest;

pub use chain::ErrorChain;
pub use clock::MonoTime;
pub use diagnostics::{Diagnostic, Diagnostics};
pub use document::{Document, Node, Position};
pub use name::{EndpointName, ExperimentName, FaultId, InterfaceName, LabName, NodeName, RunId, ServiceName};
pub use seed::Seed;
