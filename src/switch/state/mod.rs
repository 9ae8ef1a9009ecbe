//! Reading a switch's state through its sockets, from inside the node (`/`) or from outside (its root directory).
//!
//! Nothing here starts a process: a question costs well under a millisecond, so state can be sampled often.

mod bfd;
mod iccp;
mod interfaces;
mod lacp;
mod macs;
mod vty;

pub use bfd::{BfdPeer, bfd, parse_bfd};
pub(super) use iccp::ask_within;
pub use iccp::{IccpStatus, iccp};
pub use interfaces::{InterfaceStatus, interfaces};
pub use lacp::{LacpInfo, LacpMember, lacp, mux_line, parse_lacp};
pub use macs::{MacTable, TableEntry, mac_table, parse_mac_table};
pub use vty::Vty;
