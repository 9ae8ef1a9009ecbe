//! The OpenFlow pipeline of a reference switch, as text for `ovs-ofctl`; pure functions of configuration and state.
//!
//! Who writes what decides what fails together. Admission and egress (tables 0 and 50) are port hardware: dcd writes them
//! once and they stay. Learning and flooding (tables 10 and 40) are l2ald's: they expire within [`LEASE`] unless it says
//! them again, so a dead or stopped l2ald leaves a switch that forwards what it knows, learns nothing and floods nothing.
//! LACP and BFD of Open vSwitch are answered before table 0 and never notice.
//!
//! | table | holds | register |
//! |---|---|---|
//! | 0 | admission: port and tag → VLAN, all frames tagged from here on | reg0 ingress port, reg3 came over the ICL |
//! | 10 | learning | |
//! | 20 | MAC table: own IRBs, learned, synchronised with the peer | reg1 egress port |
//! | 40 | flooding per VLAN | reg4 this is a flood |
//! | 50 | egress: split horizon, redirection over the ICL, tags, member choice | |

mod layout;
mod learning;
mod ports;

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::Digest;

pub use layout::{Layout, LogicalPort, aggregate_number, irb_name, irb_number, members, port_number};
pub use learning::{Learning, MacEntry, flush_port, flush_port_vlan, forget_all, learning_flows, peer_flows};
pub use ports::{PortState, port_flows};

/// How long learning and flooding survive l2ald: OpenFlow counts whole seconds and l2ald renews every second.
pub const LEASE: Duration = Duration::from_secs(3);

/// Table of admission.
pub const ADMISSION: u8 = 0;
/// Table of learning.
pub const LEARNING: u8 = 10;
/// The MAC table.
pub const MACS: u8 = 20;
/// Table of flooding.
pub const FLOODING: u8 = 40;
/// Table of egress.
pub const EGRESS: u8 = 50;

/// Priority of an entry learned from traffic in [`MACS`].
pub const LEARNED_PRIORITY: u16 = 100;
/// Priority of an entry told by the peer in [`MACS`].
pub const PEER_PRIORITY: u16 = 90;

/// Cookie of dcd's flows.
const PORTS_COOKIE: u64 = 0x1000_0000;
/// Cookie of l2ald's leased flows.
const LEASED_COOKIE: u64 = 0x2000_0000;
/// Cookie of learned entries, plus the logical port.
const LEARNED_COOKIE: u64 = 0x3000_0000;
/// Cookie of entries told by the peer, plus the logical port.
const PEER_COOKIE: u64 = 0x4000_0000;

/// A locally administered MAC address derived from a switch's name and a purpose, the same after every boot.
#[must_use]
pub fn own_mac(host_name: &str, purpose: &str) -> String {
    let digest = sha2::Sha256::digest(format!("{host_name}/{purpose}"));
    let tail: Vec<String> = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("02:{}", tail.join(":"))
}

/// The chassis MAC address: the LACP system ID a switch falls back to.
#[must_use]
pub fn chassis_mac(host_name: &str) -> String {
    own_mac(host_name, "chassis")
}

/// The MAC address of an IRB unit.
#[must_use]
pub fn irb_mac(host_name: &str, unit: u16) -> String {
    own_mac(host_name, &irb_name(unit))
}

/// Members of a logical port that carry traffic now.
fn live<'a>(port: &'a LogicalPort, up: &'a BTreeSet<String>) -> impl Iterator<Item = u32> + 'a {
    port.members
        .iter()
        .filter(|(name, _)| up.contains(*name))
        .map(|(_, number)| *number)
}

#[cfg(test)]
mod pipeline_tests;
