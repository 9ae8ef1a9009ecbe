//! What client and panel say to each other: one JSON line each way, namespaces as SCM_RIGHTS beside an `attach`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{InterfaceName, NodeName};
use crate::topology::model::LinkId;

use super::error::Refusal;
use super::model::{BlockId, CaptureId, Cidr, Direction, Lease, Mac, Traffic, WireConfig, WireState};

/// Namespaces sent with one message; the kernel allows 253 (SCM_MAX_FD).
pub(super) const MOST_FDS: usize = 200;

/// A request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Request {
    /// Hands over the network namespaces of nodes, in this order.
    Attach { nodes: Vec<NodeName> },
    /// Connects wires between attached nodes.
    Connect { wires: Vec<WirePlan> },
    /// Makes the management network, or plugs more nodes into it.
    ConnectManagement { bridge: Vec<Cidr>, ports: Vec<PortPlan> },
    /// Takes the carrier from both ends.
    Cut { wire: LinkId, lease: Option<Duration> },
    /// Undoes a cut.
    Restore { wire: LinkId },
    /// Drops some frames.
    Block {
        wire: LinkId,
        direction: Direction,
        traffic: Traffic,
        lease: Option<Duration>,
    },
    /// Undoes a block.
    Unblock { block: BlockId },
    /// Gives leases their full time again.
    Renew { leases: Vec<Lease> },
    /// Starts to capture a wire into the file beside this message.
    Capture { wire: LinkId },
    /// Stops a capture.
    StopCapture { capture: CaptureId },
    /// Asks how a wire is.
    State { wire: LinkId },
    /// Asks how all wires are configured.
    Snapshot,
}

/// A wire, without its file descriptors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WirePlan {
    pub(super) id: LinkId,
    pub(super) a: EndPlan,
    pub(super) b: EndPlan,
    pub(super) mtu: u32,
}

/// An end of a wire, without its file descriptor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndPlan {
    pub(super) node: NodeName,
    pub(super) interface: InterfaceName,
    pub(super) mac: Mac,
}

/// A management port, without its file descriptor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PortPlan {
    pub(super) node: NodeName,
    pub(super) mac: Mac,
    pub(super) addresses: Vec<Cidr>,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// It is done.
    Done,
    /// The new block's number.
    Block(BlockId),
    /// The new capture's number.
    Capture(CaptureId),
    /// Frames that a capture wrote.
    Captured(u64),
    /// Leases that are still held, of those to renew.
    Renewed(Vec<Lease>),
    /// How the wire is.
    State(WireState),
    /// How all wires are configured, in the order in which they were connected.
    Snapshot(Vec<WireConfig>),
    /// It was refused.
    Refused(Refusal),
}
