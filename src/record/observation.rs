//! Normalised state of nodes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{MonoTime, NodeName};

/// A change of one piece of state, or its first sight.
///
/// The change happened in `(previous_sample, Entry::at]`: the sampling bound of a polled source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// The node.
    pub node: NodeName,
    /// What kind of state.
    pub state: StateKind,
    /// Which instance, e.g. a neighbour address, port or daemon; see [`keys`].
    pub key: String,
    /// The value; `null` when the instance is gone. Shape per kind: see [`StateKind`].
    pub value: serde_json::Value,
    /// When it was last read and still had its former value.
    pub previous_sample: MonoTime,
}

/// Kinds of state, with the shape of [`Observation::value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StateKind {
    /// Key: interface. `{"admin": "up"|"down", "carrier": bool}`.
    Interface,
    /// Key: member port, e.g. `eth1`. `{"bundle": "ae0", "state": "collecting-distributing"|"attached"|"detached"|"defaulted"|…,
    /// "actor": {"system_id", "key", "bits": ["activity","timeout","aggregation","sync","collecting","distributing"]}, "partner": {…}}`
    /// (IEEE 802.1AX 6.4.6).
    Lacp,
    /// Key: peer address. `{"state": "up"|"down", "backup_liveness": "up"|"down", "role": "active"|"standby"}`.
    Iccp,
    /// Key: peer address. `{"state": "up"|"down"|"init"|"admin-down", "diagnostic": text}` (RFC 5880).
    Bfd,
    /// Key: `table`. `{"entries": n, "local": n, "remote": n}`: size of the MAC table.
    MacTable,
    /// Key: peer address. `{"state": "Established"|…, "remote_as": n, "prefixes": n}` (RFC 4271).
    Bgp,
    /// Key: neighbour router ID at interface, `10.0.0.2@ae0`. `{"state": "Full"|…}` (RFC 2328).
    Ospf,
    /// Key: prefix, or `table` for `{"routes": n, "hash": text}`. `{"next_hops": ["10.0.0.1@eth1", …]}`: the kernel's FIB.
    Fib,
    /// Key: alarm id. `{"class": "chassis", "color": "red"|"yellow", "reason": text, "since": text}`.
    Alarm,
    /// Key: daemon. `{"state": "running"|"stopped"|"restarting"|"failed"|"absent", "restarts": n, "pid": n}`.
    Process,
    /// Key: `active`. `{"revision": n, "hash": text}`: committed configuration.
    Config,
    /// Key: `node`. `{"state": "running"|"frozen"|"off"|"booting"}`.
    Node,
}

/// Fixed keys of kinds with a single instance.
pub mod keys {
    /// The whole table of a kind.
    pub const TABLE: &str = "table";
    /// The active configuration.
    pub const ACTIVE: &str = "active";
    /// The node itself.
    pub const NODE: &str = "node";
}
