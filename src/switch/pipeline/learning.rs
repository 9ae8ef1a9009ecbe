//! l2ald's flows: learning, flooding and what the peer has learned.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    EGRESS, FLOODING, LEARNED_COOKIE, LEARNED_PRIORITY, LEARNING, LEASE, LEASED_COOKIE, Layout, LogicalPort,
    MACS, PEER_COOKIE, PEER_PRIORITY,
};

/// A learned address as the two switches tell it each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MacEntry {
    /// VLAN ID.
    pub vlan: u16,
    /// The address.
    pub mac: String,
    /// `mc-ae-id` of where it was learned; none: at a port that only the teller has.
    pub mc_ae: Option<u16>,
}

/// What learning depends on besides the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learning {
    /// How long an entry lives without being seen again.
    pub ageing: Duration,
    /// Whether the peer tells what it learns.
    pub iccp_up: bool,
}

impl Learning {
    /// Ageing in OpenFlow's whole seconds.
    fn hard_timeout(self) -> u64 {
        u64::from(u16::try_from(self.ageing.as_millis().div_ceil(1000)).unwrap_or(u16::MAX)).max(1)
    }
}

/// Flows that l2ald must say again within [`LEASE`].
#[must_use]
pub fn learning_flows(layout: &Layout, learning: Learning) -> Vec<String> {
    let mut flows = Vec::new();
    for port in layout.ports.values().filter(|port| port.irb.is_none()) {
        if port.icl {
            // Where both switches have a leg, the peer's frames over the ICL would teach the wrong way to what is
            // reachable locally: there the peer's own word counts, as long as there is a peer to tell it.
            for vlan in port
                .vlans
                .iter()
                .filter(|vlan| !learning.iccp_up || !layout.on_mc_ae(**vlan))
            {
                flows.push(learn(
                    port,
                    &format!("reg0={:#x},dl_vlan={vlan}", port.id),
                    learning,
                ));
            }
        } else {
            flows.push(learn(port, &format!("reg0={:#x}", port.id), learning));
        }
    }
    flows.extend(layout.vlans().into_iter().map(|vlan| flood(layout, vlan)));
    flows
}

/// Flows for what the peer has learned; they age like learned ones.
#[must_use]
pub fn peer_flows(layout: &Layout, learning: Learning, entries: &BTreeSet<MacEntry>) -> Vec<String> {
    let icl = layout.icl();
    let vlans = layout.vlans();
    entries
        .iter()
        .filter(|entry| vlans.contains(&entry.vlan))
        .filter_map(|entry| {
            let leg = entry.mc_ae.and_then(|mc_ae| layout.leg(mc_ae));
            let port = leg.or(icl)?;
            Some(format!(
                "add table={MACS},priority={PEER_PRIORITY},cookie={:#x},hard_timeout={},vlan_tci={:#x}/0x0fff,dl_dst={},\
                 actions=load:{:#x}->NXM_NX_REG1[]",
                PEER_COOKIE + u64::from(port.id),
                learning.hard_timeout(),
                entry.vlan,
                entry.mac,
                port.id
            ))
        })
        .collect()
}

/// Forgets what was learned on a port.
#[must_use]
pub fn flush_port(port: u32) -> String {
    format!(
        "delete table={MACS},cookie={:#x}/-1",
        LEARNED_COOKIE + u64::from(port)
    )
}

/// Forgets what was learned on a port in one VLAN.
#[must_use]
pub fn flush_port_vlan(port: u32, vlan: u16) -> String {
    format!(
        "delete table={MACS},cookie={:#x}/-1,vlan_tci={vlan:#x}/0x0fff",
        LEARNED_COOKIE + u64::from(port)
    )
}

/// Stops learning and flooding at once, without touching what is known.
#[must_use]
pub fn forget_all() -> Vec<String> {
    vec![format!("delete cookie={LEASED_COOKIE:#x}/-1")]
}

fn learn(port: &LogicalPort, matched: &str, learning: Learning) -> String {
    format!(
        "add table={LEARNING},priority=100,cookie={LEASED_COOKIE:#x},hard_timeout={},{matched},\
         actions=learn(table={MACS},hard_timeout={},priority={LEARNED_PRIORITY},cookie={:#x},\
         NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:{:#x}->NXM_NX_REG1[])",
        LEASE.as_secs(),
        learning.hard_timeout(),
        LEARNED_COOKIE + u64::from(port.id),
        port.id
    )
}

fn flood(layout: &Layout, vlan: u16) -> String {
    let copies: Vec<String> = layout
        .ports
        .values()
        .filter(|port| port.vlans.contains(&vlan))
        .map(|port| format!("load:{:#x}->NXM_NX_REG1[],resubmit(,{EGRESS})", port.id))
        .collect();
    format!(
        "add table={FLOODING},priority=100,cookie={LEASED_COOKIE:#x},hard_timeout={},dl_vlan={vlan},\
         actions=load:1->NXM_NX_REG4[],{},load:0->NXM_NX_REG1[],load:0->NXM_NX_REG4[]",
        LEASE.as_secs(),
        copies.join(",")
    )
}
