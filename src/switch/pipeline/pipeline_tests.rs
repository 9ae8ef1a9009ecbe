//! The flows of a small pair, as people would read them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::switch::config::model::{Aggregate, McAe, Port, SwitchConfig, Switching, Vlan};

fn config() -> SwitchConfig {
    let mut config = SwitchConfig {
        host_name: "ca1".into(),
        icl: Some("ae0".into()),
        ..SwitchConfig::default()
    };
    let vlan = |vlan_id, l3_interface| Vlan {
        vlan_id,
        l3_interface,
        ..Vlan::default()
    };
    config.vlans.insert("iccp".into(), vlan(50, Some(50)));
    config.vlans.insert("users".into(), vlan(97, None));
    config
        .irbs
        .insert(50, crate::switch::config::model::Irb::default());
    let switching = |trunk, vlans: &[&str]| Switching {
        trunk,
        vlans: vlans.iter().map(|name| (*name).to_owned()).collect(),
    };
    let member = |name: &str| Port {
        aggregate: Some(name.into()),
        ..Port::default()
    };
    for (port, aggregate) in [("eth1", "ae1"), ("eth3", "ae0"), ("eth4", "ae0")] {
        config.ports.insert(port.into(), member(aggregate));
    }
    let access = Port {
        switching: Some(switching(false, &["users"])),
        ..Port::default()
    };
    config.ports.insert("eth5".into(), access);
    let aggregate = |mc_ae, switching| Aggregate {
        lacp_fast: Some(true),
        mc_ae,
        switching,
        ..Aggregate::default()
    };
    let icl = aggregate(None, switching(true, &["iccp", "users"]));
    config.aggregates.insert("ae0".into(), icl);
    let mc_ae = McAe {
        id: 1,
        ..McAe::default()
    };
    let shared = aggregate(Some(mc_ae), switching(true, &["users"]));
    config.aggregates.insert("ae1".into(), shared);
    config
}

fn ports_up(up: &[&str], peer_legs: &[u16]) -> String {
    let state = PortState {
        up: up.iter().map(|name| (*name).to_owned()).collect(),
        peer_legs: peer_legs.iter().copied().collect(),
    };
    port_flows("ca1", &Layout::of(&config()), &state).join("\n")
}

#[test]
fn ports_of_a_healthy_pair_have_split_horizon() {
    insta::assert_snapshot!(ports_up(&["eth1", "eth3", "eth4", "eth5", "irb.50"], &[1]));
}

#[test]
fn a_dead_leg_is_redirected_over_the_inter_chassis_link_but_floods_are_not() {
    let flows = ports_up(&["eth3", "eth4", "eth5", "irb.50"], &[1]);
    assert!(
        flows.contains("reg1=0x101,reg3=0,reg4=0,actions=load:0x100->NXM_NX_REG1[]"),
        "{flows}"
    );
    assert!(!flows.contains("in_port=1,"), "{flows}");
}

#[test]
fn without_a_peer_there_is_no_split_horizon() {
    assert!(!ports_up(&["eth1"], &[]).contains("reg3=1,reg1="));
}

fn learned(iccp_up: bool) -> Vec<String> {
    let learning = Learning {
        ageing: Duration::from_millis(5001),
        iccp_up,
    };
    learning_flows(&Layout::of(&config()), learning)
}

#[test]
fn learning_and_flooding_are_leased() {
    let flows = learned(true);
    assert!(flows.iter().all(|flow| flow.contains(",hard_timeout=3,")));
    insta::assert_snapshot!(flows.join("\n"));
}

#[test]
fn addresses_behind_both_switches_are_learned_over_the_icl_only_without_a_peer() {
    let over_icl = |iccp_up| {
        learned(iccp_up)
            .iter()
            .any(|flow| flow.contains("reg0=0x100,dl_vlan=97"))
    };
    assert!(!over_icl(true));
    assert!(over_icl(false));
}

#[test]
fn what_the_peer_learned_on_a_shared_bundle_leads_to_the_local_leg() {
    let entry = |mc_ae| MacEntry {
        vlan: 97,
        mac: "02:00:00:00:00:01".into(),
        mc_ae,
    };
    let learning = Learning {
        ageing: Duration::from_secs(5),
        iccp_up: true,
    };
    let target = |mc_ae| {
        let flows = peer_flows(&Layout::of(&config()), learning, &BTreeSet::from([entry(mc_ae)]));
        flows
            .join("")
            .split("load:")
            .nth(1)
            .map(|rest| rest[..5].to_owned())
    };
    assert_eq!(target(Some(1)).as_deref(), Some("0x101"));
    assert_eq!(target(None).as_deref(), Some("0x100"));
    assert_eq!(target(Some(7)).as_deref(), Some("0x100"));
}

#[test]
fn own_addresses_are_stable_and_local() {
    assert_eq!(chassis_mac("ca1"), chassis_mac("ca1"));
    assert_ne!(chassis_mac("ca1"), chassis_mac("ca2"));
    assert!(irb_mac("ca1", 97).starts_with("02:"));
}
