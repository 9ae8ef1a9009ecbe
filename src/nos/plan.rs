//! What a node needs, as plain data: computed here, carried out by a runtime.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{InterfaceName, NodeName, ServiceName};

/// Where a runtime puts the faultlab binary inside every node, so that a node's own daemons can be started from it.
pub const NODE_BINARY: &str = "/run/faultlab/faultlab";

/// The directory inside every node where daemons' logs go, one file `<service>.log` each.
pub const NODE_LOGS: &str = "/var/log/faultlab";

/// The directory inside every node that survives power cuts, like a switch's flash.
pub const NODE_PERSISTENT: &str = "/var/lib/faultlab";

/// First in the PATH of every process of a node; plans may put commands there.
pub const NODE_COMMANDS: &str = "/run/faultlab/bin";

/// The socket inside every node on which its supervisor answers.
pub const SUPERVISOR_SOCKET: &str = "/run/faultlab/supervisor.sock";

/// Everything a runtime must know to make a node exist and run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodePlan {
    /// The node's name in its topology.
    pub node: NodeName,
    /// Its hostname.
    pub hostname: String,
    /// Interfaces that wires will bring, in order (`eth1`, …), for waiting and for checks. Not the management interface.
    pub interfaces: Vec<InterfaceName>,
    /// Management address with prefix length, on `eth0`.
    pub management: Option<std::net::IpAddr>,
    /// Prefix length of the management network.
    pub management_prefix: u8,
    /// Files to write before anything starts; absolute paths inside the node.
    pub files: Vec<NodeFile>,
    /// Host paths to bind into the node.
    pub binds: Vec<Bind>,
    /// Sysctls to set in the node's network namespace, e.g. `net.ipv4.ip_forward` → `1`.
    pub sysctls: BTreeMap<String, String>,
    /// Environment of every process of the node.
    pub environment: BTreeMap<String, String>,
    /// Commands run once at each boot, in order, after the wires are there and before services. A failure fails the boot.
    pub setup: Vec<Vec<String>>,
    /// Daemons, started in order with dependencies.
    pub services: Vec<Service>,
    /// containerlab `exec` commands, run once services are ready. A failure is reported.
    pub exec: Vec<Vec<String>>,
    /// How long the node's firmware takes to boot before setup starts (a modelled switch); zero for most.
    #[serde(with = "crate::base::duration::text")]
    pub boot_time: Duration,
    /// What the topology says of its container, for runtimes that make containers.
    #[serde(default)]
    pub container: Container,
}

/// What a topology says of a node's container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The image's reference as written; empty when none is.
    pub image: String,
    /// containerlab's kind, e.g. `linux`.
    pub kind: String,
    /// `type`.
    pub node_type: String,
    /// `group`.
    pub group: String,
    /// `labels`.
    pub labels: BTreeMap<String, String>,
}

/// A file inside a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFile {
    /// Absolute path inside the node.
    pub path: PathBuf,
    /// Content.
    pub content: String,
    /// Permission bits, e.g. `0o640`.
    pub mode: u32,
    /// Owner `user:group` by name as known inside the node, or none for root.
    pub owner: Option<String>,
}

/// A host path visible inside a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Absolute path inside the node.
    pub target: PathBuf,
    /// Whether the node may not write it.
    pub read_only: bool,
}

/// A daemon and how it is supervised. It must stay in the foreground.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// What to run.
    pub argv: Vec<String>,
    /// Services that must be ready before this one starts.
    pub after: Vec<ServiceName>,
    /// When it counts as ready.
    pub ready: Ready,
    /// What happens when it exits.
    pub restart: Restart,
    /// Services restarted together with it when it is restarted (watchfrr restarts all daemons with zebra).
    pub restart_with: Vec<ServiceName>,
    /// Whether reaching the start limit raises a red chassis alarm (the reference switch).
    pub alarm: bool,
    /// Description used in log lines, e.g. `Layer 2 Address Flooding and Learning Daemon on RE.`
    pub description: String,
}

/// When a service counts as ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// As soon as it was started.
    Started,
    /// When a Unix socket at this path inside the node accepts connections.
    Socket(PathBuf),
    /// When this path exists inside the node.
    Path(PathBuf),
}

/// What happens when a service exits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It stays down.
    Never,
    /// It is started again after `delay`, at most `burst` starts within `window`; then it has failed for good.
    Always {
        /// Pause before each restart.
        #[serde(with = "crate::base::duration::text")]
        delay: Duration,
        /// Starts allowed within the window, the first included.
        burst: u32,
        /// The window of the start limit.
        #[serde(with = "crate::base::duration::text")]
        window: Duration,
    },
}

/// What a supervisor tells of a service (JSON on [`SUPERVISOR_SOCKET`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service.
    pub name: ServiceName,
    /// Where it stands.
    pub state: ServiceState,
    /// Its process in the node's own pid namespace, when there is one.
    pub pid: Option<i32>,
    /// How often it was started again since boot.
    pub restarts: u32,
    /// How it last ended, e.g. `status=6/ABRT`.
    pub last_exit: Option<String>,
    /// Nanoseconds on the monotonic clock of its last change of state.
    pub since: u64,
}

/// States of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Waiting for what it comes after.
    Waiting,
    /// Started, not ready yet.
    Starting,
    /// Ready.
    Running,
    /// Ended, to be started again after its delay.
    Restarting,
    /// Ended and stays down because somebody asked for that, or its policy says so.
    Stopped,
    /// Reached its start limit.
    Failed,
}
