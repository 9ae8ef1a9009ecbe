//! The checked configuration of a switch, as its daemons read it. Names follow Junos.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// `mac-table-aging-time` when it is not configured (Junos: 300 s).
pub const DEFAULT_MAC_TABLE_AGING_MS: u64 = 300_000;

/// `init-delay-time` when it is not configured (240 s, as Juniper recommends for MC-LAG).
pub const DEFAULT_INIT_DELAY_MS: u64 = 240_000;

/// `session-establishment-hold-time` when it is not configured (Junos: 300 s).
pub const DEFAULT_ICCP_HOLD_MS: u64 = 300_000;

/// `liveness-detection multiplier` when it is not configured (RFC 5880 users' habit, Junos: 3).
pub const DEFAULT_BFD_MULTIPLIER: u8 = 3;

/// Everything a switch is configured to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchConfig {
    /// `set system host-name`.
    pub host_name: String,
    /// VLANs by name. `set vlans NAME …`.
    pub vlans: BTreeMap<String, Vlan>,
    /// Physical ports by interface name (`eth1`). `set interfaces eth1 …`.
    pub ports: BTreeMap<String, Port>,
    /// Aggregated interfaces by name (`ae1`). `set interfaces ae1 …`.
    pub aggregates: BTreeMap<String, Aggregate>,
    /// IRB units by number. `set interfaces irb unit N …`.
    pub irbs: BTreeMap<u16, Irb>,
    /// `set protocols iccp …`.
    pub iccp: Option<Iccp>,
    /// The inter-chassis link: `set multi-chassis multi-chassis-protection PEER interface IFACE`.
    pub icl: Option<String>,
    /// `set switch-options mac-table-aging-time SECONDS` in milliseconds (the lab scales it). Default 300 s.
    pub mac_table_aging_ms: u64,
    /// Lines for FRR (`ospf`, …), passed on as they are: `set faultlab frr "…"`.
    pub frr: Vec<String>,
    /// Modelled defects that are present in this "software version".
    pub defects: Defects,
}

/// A VLAN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vlan {
    /// IEEE 802.1Q VLAN ID.
    pub vlan_id: u16,
    /// IRB unit that routes it (`l3-interface irb.N`).
    pub l3_interface: Option<u16>,
    /// `mcae-mac-synchronize`: the peer's IRB MAC is treated as one's own.
    pub mcae_mac_synchronize: bool,
}

/// A physical port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Free text.
    pub description: String,
    /// `disable`.
    pub disabled: bool,
    /// Aggregate it is a member of (`ether-options 802.3ad ae1`).
    pub aggregate: Option<String>,
    /// Bridging, when it is no member.
    pub switching: Option<Switching>,
}

/// `family ethernet-switching`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switching {
    /// `interface-mode trunk` (else access).
    pub trunk: bool,
    /// VLAN names; an access interface has exactly one. Untagged on access, tagged on trunk.
    pub vlans: Vec<String>,
}

/// An aggregated Ethernet interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Free text.
    pub description: String,
    /// `disable`.
    pub disabled: bool,
    /// `lacp active` with `periodic fast` (false: slow). None: static.
    pub lacp_fast: Option<bool>,
    /// `lacp system-id`: the shared one when it is an MC-AE.
    pub system_id: Option<String>,
    /// `lacp admin-key`.
    pub admin_key: Option<u16>,
    /// `mc-ae …`: shared with the peer switch.
    pub mc_ae: Option<McAe>,
    /// Bridging.
    pub switching: Switching,
}

/// Multi-chassis part of an aggregate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct McAe {
    /// `mc-ae-id`: the same on both switches.
    pub id: u16,
    /// `chassis-id` 0 or 1.
    pub chassis_id: u8,
    /// `status-control active` (else standby).
    pub status_control_active: bool,
    /// `init-delay-time` in milliseconds (the lab scales it). Default 240 s.
    pub init_delay_ms: u64,
}

/// An IRB unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Irb {
    /// Addresses with prefix length.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// ICCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iccp {
    /// `local-ip-addr`.
    pub local: Ipv4Addr,
    /// `peer ADDRESS`.
    pub peer: Ipv4Addr,
    /// `session-establishment-hold-time` in milliseconds.
    pub hold_ms: u64,
    /// `liveness-detection minimum-interval` in milliseconds (BFD).
    pub bfd_interval_ms: u32,
    /// `liveness-detection multiplier`.
    pub bfd_multiplier: u8,
    /// `backup-liveness-detection backup-peer-ip`: over the management network.
    pub backup_peer: Option<Ipv4Addr>,
}

/// Modelled defects, off unless configured: `set faultlab defect …`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defects {
    /// Committing an IRB with `mcae-mac-synchronize` on a VLAN of an MC-AE makes l2ald abort.
    pub mcae_mac_sync_abort: Option<MacSyncAbort>,
}

/// How often l2ald aborts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacSyncAbort {
    /// Aborts after which it runs again; none: it aborts on every start.
    pub recovers_after: Option<u32>,
}
