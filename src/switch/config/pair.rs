//! Rules that span the two switches of an MC-LAG pair.
//!
//! A switch cannot check these itself: each sees only its own configuration. The real ones find out when it is too late.

use super::model::{Aggregate, McAe, SwitchConfig};

/// Returns what keeps two switches from being one MC-LAG pair, as lowercase sentences; empty when nothing does.
#[must_use]
pub fn check_pair(one: &SwitchConfig, other: &SwitchConfig) -> Vec<String> {
    let mut problems = Vec::new();
    let (a, b) = (&one.host_name, &other.host_name);
    if let (Some(x), Some(y)) = (&one.iccp, &other.iccp) {
        if x.peer != y.local || y.peer != x.local {
            problems.push(format!(
                "ICCP does not meet: {a} is {} and calls {}, {b} is {} and calls {}",
                x.local, x.peer, y.local, y.peer
            ));
        }
    } else if one.iccp.is_some() || other.iccp.is_some() {
        let without = if one.iccp.is_none() { a } else { b };
        problems.push(format!("ICCP is configured on one side only; {without} has none"));
    }
    for (name, aggregate, mc_ae) in shared(one) {
        match shared(other).find(|(_, _, twin)| twin.id == mc_ae.id) {
            None => problems.push(format!(
                "mc-ae-id {} ({name}) of {a} has no twin on {b}",
                mc_ae.id
            )),
            Some((_, twin, twin_mc_ae)) => {
                twins(one, other, (aggregate, mc_ae), (twin, twin_mc_ae), &mut problems);
            }
        }
    }
    for (name, _, mc_ae) in shared(other) {
        if !shared(one).any(|(_, _, twin)| twin.id == mc_ae.id) {
            problems.push(format!(
                "mc-ae-id {} ({name}) of {b} has no twin on {a}",
                mc_ae.id
            ));
        }
    }
    problems
}

fn shared(config: &SwitchConfig) -> impl Iterator<Item = (&str, &Aggregate, &McAe)> {
    config
        .aggregates
        .iter()
        .filter_map(|(name, aggregate)| Some((name.as_str(), aggregate, aggregate.mc_ae.as_ref()?)))
}

fn twins(
    one: &SwitchConfig,
    other: &SwitchConfig,
    (x, x_mc_ae): (&Aggregate, &McAe),
    (y, y_mc_ae): (&Aggregate, &McAe),
    problems: &mut Vec<String>,
) {
    let (a, b, id) = (&one.host_name, &other.host_name, x_mc_ae.id);
    if x_mc_ae.chassis_id == y_mc_ae.chassis_id {
        problems.push(format!(
            "mc-ae-id {id}: {a} and {b} both have chassis-id {}; one must have 0, the other 1",
            x_mc_ae.chassis_id
        ));
    }
    if x_mc_ae.status_control_active == y_mc_ae.status_control_active {
        problems.push(format!(
            "mc-ae-id {id}: status-control must be active on one of {a} and {b}, standby on the other"
        ));
    }
    let text = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
    if x.system_id != y.system_id {
        problems.push(format!(
            "mc-ae-id {id}: LACP system-id is {} on {a} and {} on {b}; neighbours would see two partners",
            text(&x.system_id),
            text(&y.system_id)
        ));
    }
    if x.admin_key != y.admin_key {
        problems.push(format!(
            "mc-ae-id {id}: LACP admin-key differs between {a} and {b}; neighbours would not aggregate the two"
        ));
    }
    let ids = |config: &SwitchConfig, aggregate: &Aggregate| {
        let known = aggregate
            .switching
            .vlans
            .iter()
            .filter_map(|name| config.vlans.get(name));
        known
            .map(|vlan| vlan.vlan_id)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let (on_a, on_b) = (ids(one, x), ids(other, y));
    if on_a != on_b {
        problems.push(format!(
            "mc-ae-id {id}: VLANs {on_a:?} on {a}, {on_b:?} on {b}; frames of the rest arrive on one side only"
        ));
    }
}
