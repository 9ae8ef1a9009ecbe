//! Talking to Open vSwitch through its sockets, from inside a node or (with the node's root as a prefix) from outside.
//!
//! Both its databases and its daemons speak JSON-RPC 1.0 without framing: a message ends where its JSON value ends.

mod jsonrpc;
mod openflow;
mod ovsdb;
mod unixctl;

use std::time::Duration;

pub use openflow::OpenFlow;
pub use ovsdb::{Ovsdb, map, to_map, uuids};
pub use unixctl::Vswitchd;

/// The bridge of a reference switch.
pub const BRIDGE: &str = "br0";

/// How long any question may take. Generous, because a lab's machine may be busy for a while.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Turns an absolute path inside a node into one below its root as seen from here.
#[must_use]
pub fn below(root: &std::path::Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}
