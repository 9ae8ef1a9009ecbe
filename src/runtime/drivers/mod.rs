//! Ways to a node's NOS from outside: QEMU's monitor, NETCONF and the command line over SSH.
//!
//! What to do comes as [`Step`]s from a definition in `nos::kinds`; a driver carries one out and returns what was said.
//! Sockets and processes are made in the network namespace of the calling thread: enter the lab's with
//! [`NodeHandle::in_netns`](super::NodeHandle::in_netns) where the management network is not the host's. Calls block, each
//! has a deadline.

mod monitor;
mod netconf;
mod ssh;

use super::error::DriverError;
use crate::nos::kinds::Step;

pub use monitor::Monitor;
pub use netconf::Session;
pub use ssh::{ASKPASS_ANSWER, CommandLine, Login, Secret};

/// Carries steps out on one node.
pub trait Driver {
    /// Carries a step out and returns what the node said.
    ///
    /// # Errors
    /// When the node refuses, does not answer in time, or the step is not of this driver's kind.
    fn carry_out(&mut self, step: &Step) -> Result<String, DriverError>;
}

/// What to say to a driver that is handed a step of another.
fn foreign(driver: &'static str, step: &Step) -> DriverError {
    DriverError::Foreign {
        driver,
        step: format!("{step:?}"),
    }
}
