//! What Open vSwitch should be configured to, as plain data; pure.

use std::collections::BTreeMap;

use crate::switch::config::model::{Aggregate, McAe, SwitchConfig};
use crate::switch::iccpd::SystemId;
use crate::switch::pipeline;

/// LACP system priority of the switch, as on Junos. Smaller wins the selection of a bundle's partner.
pub const SYSTEM_PRIORITY: u16 = 127;

/// A port of the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortPlan {
    /// LACP, for aggregates that run it.
    pub lacp: Option<LacpPlan>,
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, InterfacePlan>,
}

/// LACP of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LacpPlan {
    /// Fast (1 s) or slow (30 s) messages.
    pub fast: bool,
    /// The system ID to announce.
    pub system_id: String,
}

/// An interface of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfacePlan {
    /// OpenFlow port number.
    pub number: u32,
    /// MAC address of an internal interface; none for a physical one.
    pub internal: Option<String>,
    /// LACP key and port number.
    pub lacp: Option<(u16, u16)>,
}

/// Computes the ports of the bridge. `in_service` says whether a multi-chassis aggregate may be up already.
#[must_use]
pub fn bridge_plan(
    config: &SwitchConfig,
    choice: SystemId,
    in_service: impl Fn(&McAe) -> bool,
) -> BTreeMap<String, PortPlan> {
    let mut ports = BTreeMap::new();
    for (name, port) in &config.ports {
        if port.aggregate.is_none() && port.switching.is_some() && !port.disabled {
            let number = pipeline::port_number(config, name);
            ports.insert(name.clone(), single(name, number, None));
        }
    }
    for unit in config.irbs.keys() {
        let name = pipeline::irb_name(*unit);
        let mac = pipeline::irb_mac(&config.host_name, *unit);
        ports.insert(
            name.clone(),
            single(&name, pipeline::irb_number(*unit), Some(mac)),
        );
    }
    for (name, aggregate) in &config.aggregates {
        let waiting = aggregate.mc_ae.as_ref().is_some_and(|mc_ae| !in_service(mc_ae));
        let plan = bundle(config, name, aggregate, choice);
        if !aggregate.disabled && !waiting && !plan.interfaces.is_empty() {
            ports.insert(name.clone(), plan);
        }
    }
    ports
}

fn single(name: &str, number: u32, internal: Option<String>) -> PortPlan {
    let interface = InterfacePlan {
        number,
        internal,
        lacp: None,
    };
    PortPlan {
        lacp: None,
        interfaces: BTreeMap::from([(name.to_owned(), interface)]),
    }
}

fn bundle(config: &SwitchConfig, name: &str, aggregate: &Aggregate, choice: SystemId) -> PortPlan {
    let own = pipeline::chassis_mac(&config.host_name);
    let falls_back = aggregate.mc_ae.as_ref().is_some_and(|mc_ae| match choice {
        SystemId::Shared => false,
        SystemId::Own => true,
        SystemId::OwnOnStandby => !mc_ae.status_control_active,
    });
    let system_id = match &aggregate.system_id {
        Some(configured) if !falls_back => configured.clone(),
        _ => own,
    };
    let number = pipeline::aggregate_number(config, name);
    let key = aggregate
        .admin_key
        .unwrap_or_else(|| u16::try_from(number).unwrap_or(u16::MAX));
    // Both switches' ports stand in one bundle at the neighbour: the chassis ID keeps their numbers apart.
    let chassis = aggregate
        .mc_ae
        .as_ref()
        .map_or(0, |mc_ae| u32::from(mc_ae.chassis_id) + 1);
    let lacp = |number: u32| {
        let port = (chassis << 14) + number;
        aggregate
            .lacp_fast
            .map(|_| (key, u16::try_from(port).unwrap_or(u16::MAX)))
    };
    PortPlan {
        lacp: aggregate.lacp_fast.map(|fast| LacpPlan { fast, system_id }),
        interfaces: pipeline::members(config, name)
            .into_iter()
            .map(|(name, number)| {
                let interface = InterfacePlan {
                    number,
                    internal: None,
                    lacp: lacp(number),
                };
                (name, interface)
            })
            .collect(),
    }
}
