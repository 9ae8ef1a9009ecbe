//! The logical ports of a configuration and their numbers.
//!
//! Numbers follow from names (eth3 is 3, ae10 is 0x10a, irb.97 is 0x1061), so that flows of one revision mean the same
//! ports in the next, whichever daemon restarted in between.

use std::collections::{BTreeMap, BTreeSet};

use crate::switch::config::model::{Aggregate, SwitchConfig, Switching};

/// What a configuration bridges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Logical ports by number.
    pub ports: BTreeMap<u32, LogicalPort>,
}

/// A port as bridging sees it: an aggregate is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalPort {
    /// Its number.
    pub id: u32,
    /// Its configured name.
    pub name: String,
    /// Interfaces it consists of, with their OpenFlow port numbers.
    pub members: BTreeMap<String, u32>,
    /// Whether frames carry their VLAN tag on it.
    pub trunk: bool,
    /// VLAN IDs it belongs to.
    pub vlans: BTreeSet<u16>,
    /// `mc-ae-id`, when it is shared with the peer switch.
    pub mc_ae: Option<u16>,
    /// Whether it is the inter-chassis link.
    pub icl: bool,
    /// Whether it leads to this switch's own IP stack.
    pub irb: Option<u16>,
    /// Whether members carry traffic only when LACP says so.
    pub lacp: bool,
}

/// Number of an aggregate.
const AGGREGATES: u32 = 0x100;
/// Number of an IRB unit.
const IRBS: u32 = 0x1000;
/// Numbers of interfaces whose names say nothing, in order of their names.
const NAMELESS: u32 = 0x80;

impl Layout {
    /// Derives the logical ports of a configuration. Disabled ports and aggregates are absent.
    #[must_use]
    pub fn of(config: &SwitchConfig) -> Self {
        let icl = config
            .icl
            .as_deref()
            .map(|name| name.split('.').next().unwrap_or(name));
        let mut ports = BTreeMap::new();
        for (name, port) in &config.ports {
            if let (Some(switching), false, None) = (&port.switching, port.disabled, &port.aggregate) {
                let id = port_number(config, name);
                let members = BTreeMap::from([(name.clone(), id)]);
                let mut logical = bridged(config, id, name, members, switching);
                logical.icl = icl == Some(name);
                ports.insert(id, logical);
            }
        }
        for (name, aggregate) in &config.aggregates {
            if !aggregate.disabled {
                let mut logical = aggregated(config, name, aggregate);
                logical.icl = icl == Some(name);
                ports.insert(logical.id, logical);
            }
        }
        for unit in config.irbs.keys() {
            let vlan = config
                .vlans
                .values()
                .find(|vlan| vlan.l3_interface == Some(*unit));
            if let Some(vlan) = vlan {
                let id = irb_number(*unit);
                let name = irb_name(*unit);
                ports.insert(id, irb(id, name, *unit, vlan.vlan_id));
            }
        }
        Self { ports }
    }

    /// The inter-chassis link.
    #[must_use]
    pub fn icl(&self) -> Option<&LogicalPort> {
        self.ports.values().find(|port| port.icl)
    }

    /// The local leg of a multi-chassis aggregate.
    #[must_use]
    pub fn leg(&self, mc_ae: u16) -> Option<&LogicalPort> {
        self.ports.values().find(|port| port.mc_ae == Some(mc_ae))
    }

    /// All VLAN IDs that some port belongs to.
    #[must_use]
    pub fn vlans(&self) -> BTreeSet<u16> {
        self.ports
            .values()
            .flat_map(|port| port.vlans.iter().copied())
            .collect()
    }

    /// Whether a VLAN reaches a multi-chassis aggregate.
    #[must_use]
    pub fn on_mc_ae(&self, vlan: u16) -> bool {
        self.ports
            .values()
            .any(|port| port.mc_ae.is_some() && port.vlans.contains(&vlan))
    }
}

/// The name of an IRB unit's interface.
#[must_use]
pub fn irb_name(unit: u16) -> String {
    format!("irb.{unit}")
}

/// The logical and OpenFlow port number of an IRB unit.
#[must_use]
pub fn irb_number(unit: u16) -> u32 {
    IRBS + u32::from(unit)
}

/// The OpenFlow port number of a physical interface.
#[must_use]
pub fn port_number(config: &SwitchConfig, name: &str) -> u32 {
    let number = |name: &str| {
        name.strip_prefix("eth")?
            .parse()
            .ok()
            .filter(|n| (1..NAMELESS).contains(n))
    };
    number(name).unwrap_or_else(|| {
        let before = config.ports.keys().filter(|other| number(other).is_none());
        let index = before.take_while(|other| other.as_str() < name).count();
        NAMELESS + u32::try_from(index).unwrap_or(0)
    })
}

/// The number of an aggregate, also its LACP key when none is configured.
#[must_use]
pub fn aggregate_number(config: &SwitchConfig, name: &str) -> u32 {
    let number = name
        .strip_prefix("ae")
        .and_then(|digits| digits.parse::<u32>().ok());
    let index = config
        .aggregates
        .keys()
        .position(|other| other == name)
        .unwrap_or(0);
    AGGREGATES
        + number
            .filter(|number| *number < 0xa00)
            .unwrap_or(0xa00 + u32::try_from(index).unwrap_or(0))
}

/// Interfaces configured into an aggregate, with their OpenFlow port numbers.
#[must_use]
pub fn members(config: &SwitchConfig, aggregate: &str) -> BTreeMap<String, u32> {
    config
        .ports
        .iter()
        .filter(|(_, port)| port.aggregate.as_deref() == Some(aggregate) && !port.disabled)
        .map(|(name, _)| (name.clone(), port_number(config, name)))
        .collect()
}

fn aggregated(config: &SwitchConfig, name: &str, aggregate: &Aggregate) -> LogicalPort {
    let id = aggregate_number(config, name);
    let mut logical = bridged(config, id, name, members(config, name), &aggregate.switching);
    logical.mc_ae = aggregate.mc_ae.as_ref().map(|mc_ae| mc_ae.id);
    logical.lacp = aggregate.lacp_fast.is_some();
    logical
}

fn bridged(
    config: &SwitchConfig,
    id: u32,
    name: &str,
    members: BTreeMap<String, u32>,
    switching: &Switching,
) -> LogicalPort {
    let vlans = if switching.vlans.iter().any(|name| name == "all") {
        config.vlans.values().map(|vlan| vlan.vlan_id).collect()
    } else {
        let known = switching.vlans.iter().filter_map(|name| config.vlans.get(name));
        known.map(|vlan| vlan.vlan_id).collect()
    };
    LogicalPort {
        id,
        name: name.to_owned(),
        members,
        trunk: switching.trunk,
        vlans,
        mc_ae: None,
        icl: false,
        irb: None,
        lacp: false,
    }
}

fn irb(id: u32, name: String, unit: u16, vlan_id: u16) -> LogicalPort {
    LogicalPort {
        id,
        members: BTreeMap::from([(name.clone(), id)]),
        name,
        trunk: false,
        vlans: BTreeSet::from([vlan_id]),
        mc_ae: None,
        icl: false,
        irb: Some(unit),
        lacp: false,
    }
}
