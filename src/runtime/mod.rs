//! Makes a lab exist: the contract that every runtime fulfils.
//!
//! All runtimes hand the rest of the house the same thing: for each node a network namespace to enter, a root to reach its
//! files and sockets, a way to run a command, to read logs, to freeze, to cut and restore its power. Wires, probes and
//! faults build on that alone. Calls block and are short; the engine runs them off its async threads.

pub mod docker;
pub mod drivers;
pub mod error;
pub mod handle;
pub mod namespaces;
pub mod supervisor;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{LabName, NodeName, ServiceName};
use crate::nos::plan::{NodePlan, ServiceStatus};

pub use error::{DriverError, RuntimeError};
pub use handle::NodeHandle;

/// A lab to make: its name and its nodes in the order of the topology.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabPlan {
    /// The lab's name, unique on the machine.
    pub name: LabName,
    /// Its nodes.
    pub nodes: Vec<NodePlan>,
    /// Facts for `list` and `inspect`: the topology file, owner, links, time of creation. Opaque to the runtime.
    pub facts: serde_json::Value,
}

/// How long a lab lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It dies with this process, by the kernel's hand (`run`).
    WithCaller,
    /// It stays until destroyed (`up`).
    Stays,
}

/// Makes labs and finds those that exist.
pub trait Runtime: Send + Sync {
    /// Makes all nodes of a lab, without booting them: namespaces exist, wires and daemons do not.
    ///
    /// # Errors
    /// When anything fails, everything made so far is gone again.
    fn create(&self, plan: &LabPlan, lifetime: Lifetime) -> Result<Box<dyn Lab>, RuntimeError>;

    /// Returns the names of all labs on this machine that this user may see, sorted.
    fn list(&self) -> Result<Vec<LabName>, RuntimeError>;

    /// Opens a lab that exists.
    fn open(&self, name: &LabName) -> Result<Box<dyn Lab>, RuntimeError>;
}

/// A lab that exists.
pub trait Lab: Send + Sync {
    /// Its name.
    fn name(&self) -> &LabName;

    /// The plan it was made from.
    fn plan(&self) -> &LabPlan;

    /// The namespace where the outer ends of all wires lie and the wire panel runs.
    fn patch(&self) -> Result<NodeHandle, RuntimeError>;

    /// A node's network namespace, which stays the same through power cuts and reboots. Works also when the node is off.
    fn netns(&self, node: &NodeName) -> Result<std::os::fd::OwnedFd, RuntimeError>;

    /// A node's namespaces. Fails when the node is off, because its processes and files are gone then.
    fn node(&self, node: &NodeName) -> Result<NodeHandle, RuntimeError>;

    /// Starts a process of faultlab itself in the patch namespace that lives as long as the lab, and returns once
    /// `socket` (a path inside the patch namespace's root) accepts connections.
    fn spawn_in_patch(
        &self,
        argv: &[String],
        socket: &std::path::Path,
        deadline: Duration,
    ) -> Result<(), RuntimeError>;

    /// Boots a node: boot time, interfaces up, setup commands, services. Returns at once; [`Self::status`] tells progress.
    fn boot(&self, node: &NodeName) -> Result<(), RuntimeError>;

    /// Where a node and its services stand.
    fn status(&self, node: &NodeName) -> Result<NodeStatus, RuntimeError>;

    /// Where all nodes stand, in the plan's order.
    fn statuses(&self) -> Result<Vec<NodeStatus>, RuntimeError> {
        self.plan()
            .nodes
            .iter()
            .map(|plan| self.status(&plan.node))
            .collect()
    }

    /// Runs a command in a node and waits for it. The command inherits the given standard streams or is captured.
    fn exec(&self, node: &NodeName, request: &ExecRequest) -> Result<ExecOutput, RuntimeError>;

    /// Stops every process of a node (SIGSTOP) until [`Self::thaw`]; the kernel's part (ARP, forwarding) goes on.
    fn freeze(&self, node: &NodeName) -> Result<(), RuntimeError>;

    /// Undoes [`Self::freeze`].
    fn thaw(&self, node: &NodeName) -> Result<(), RuntimeError>;

    /// Cuts a node's power: all processes die, files outside persistent storage are gone, all interfaces lose carrier at
    /// the far end, addresses and routes vanish. Links stay in place.
    fn power_off(&self, node: &NodeName) -> Result<(), RuntimeError>;

    /// Sends a signal to a service's main process, by pidfd. The supervisor sees it die like any other death.
    fn signal(&self, node: &NodeName, service: &ServiceName, signal: i32) -> Result<(), RuntimeError>;

    /// Stops a service for good (`systemctl stop`) or starts it again, forgetting its start limit.
    fn set_service(&self, node: &NodeName, service: &ServiceName, running: bool) -> Result<(), RuntimeError>;

    /// Returns the last `lines` lines of a daemon's log, or of all daemons of the node, oldest first.
    fn logs(
        &self,
        node: &NodeName,
        service: Option<&ServiceName>,
        lines: usize,
    ) -> Result<Vec<LogLine>, RuntimeError>;

    /// Removes the lab. Idempotent. Returns once the kernel has nothing left of it.
    fn destroy(&self) -> Result<(), RuntimeError>;
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The node itself.
    pub state: NodeState,
    /// Why booting failed, when it did.
    pub error: Option<String>,
    /// Its services, in the plan's order; empty when it is off.
    pub services: Vec<ServiceStatus>,
}

/// States of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Exists, never booted or without power.
    Off,
    /// Booting: boot time, setup, services not all ready.
    Booting,
    /// All services were ready once and all exec commands have ended.
    Running,
    /// All processes stopped by [`Lab::freeze`].
    Frozen,
    /// A setup command failed; see [`NodeStatus::error`].
    BootFailed,
}

/// A command to run in a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// Program and arguments; looked up in the node's PATH.
    pub argv: Vec<String>,
    /// Whether standard streams are the caller's own (a terminal) instead of captured.
    pub inherit: bool,
    /// Bytes for standard input when captured.
    pub stdin: Vec<u8>,
    /// When to give up and kill it; none means wait for ever.
    pub timeout: Option<Duration>,
}

/// What a command left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOutput {
    /// Exit code; 128 + signal when it was killed.
    pub code: i32,
    /// Captured standard output.
    pub stdout: Vec<u8>,
    /// Captured standard error.
    pub stderr: Vec<u8>,
}

/// A line of a daemon's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The daemon; `supervisor` for the supervisor's own lines.
    pub service: ServiceName,
    /// The line without its newline.
    pub line: String,
}
