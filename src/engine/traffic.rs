//! From traffic groups of an experiment to flows between addresses of a lab, and the question whether they all deliver.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::error::EngineError;
use crate::base::{MonoTime, NodeName};
use crate::experiment::Experiment;
use crate::probes::traffic::{FlowPair, TrafficSnapshot, flows_between};
use crate::record::FlowSpec;
use crate::runtime::{Lab, RuntimeError};
use crate::topology::Topology;
use crate::topology::selector::Selector;

/// How long a packet may be under way before its flow counts as silent, beyond two of its intervals.
const UNDER_WAY: Duration = Duration::from_millis(100);

/// Resolves a selector of an experiment.
pub(super) fn select(topology: &Topology, selector: &str, place: &str) -> Result<Vec<NodeName>, EngineError> {
    let wrong = |problem: String| EngineError::Selector {
        place: place.to_owned(),
        problem,
    };
    let parsed: Selector = selector
        .parse()
        .map_err(|error| wrong(format!("selector `{selector}`: {error}")))?;
    let nodes = parsed
        .resolve(topology)
        .map_err(|error| wrong(error.to_string()))?;
    if nodes.is_empty() {
        return Err(wrong(format!(
            "selector `{selector}` selects no node of {}",
            topology.name
        )));
    }
    Ok(nodes)
}

/// Where an experiment is written.
pub(super) fn place(experiment: &Experiment) -> String {
    format!("{}:{}", experiment.file.display(), experiment.line)
}

/// Pairs of nodes of all traffic groups, in both directions where asked.
pub(super) fn pairs(
    experiment: &Experiment,
    topology: &Topology,
) -> Result<Vec<(usize, NodeName, NodeName)>, EngineError> {
    let mut pairs = Vec::new();
    for (index, group) in experiment.traffic.iter().enumerate() {
        let place = place(experiment);
        let from = select(topology, &group.from.0, &place)?;
        let to = select(topology, &group.to.0, &place)?;
        for a in &from {
            for b in to.iter().filter(|b| *b != a) {
                pairs.push((index, a.clone(), b.clone()));
                // Within one set of nodes, the other direction comes by itself.
                if group.both_ways && !(to.contains(a) && from.contains(b)) {
                    pairs.push((index, b.clone(), a.clone()));
                }
            }
        }
    }
    Ok(pairs)
}

/// Makes the flows of an experiment; addresses are read from the running lab.
pub(super) fn flows(
    experiment: &Experiment,
    topology: &Topology,
    lab: &dyn Lab,
) -> Result<Vec<FlowSpec>, EngineError> {
    let mut addresses: BTreeMap<NodeName, IpAddr> = BTreeMap::new();
    let mut list = Vec::new();
    for (index, from, to) in pairs(experiment, topology)? {
        for node in [&from, &to] {
            if !addresses.contains_key(node) {
                addresses.insert(node.clone(), data_address(lab, node)?);
            }
        }
        let group = &experiment.traffic[index];
        list.push(FlowPair {
            group: group.group.clone(),
            source: addresses[&from],
            destination: addresses[&to],
            from,
            to,
            ports: group.ports,
            interval: group.interval,
        });
    }
    Ok(flows_between(&list))
}

/// A node's first IPv4 address that is neither loopback nor management.
fn data_address(lab: &dyn Lab, node: &NodeName) -> Result<IpAddr, EngineError> {
    let failed = |source: std::io::Error| RuntimeError::System {
        operation: format!("read the addresses of {node}"),
        source,
    };
    let found = lab.node(node)?.in_netns(|| {
        nix::ifaddrs::getifaddrs().map(|list| {
            let mut addresses =
                list.filter(|entry| entry.interface_name != "lo" && entry.interface_name != "eth0");
            addresses.find_map(|entry| {
                entry
                    .address?
                    .as_sockaddr_in()
                    .map(|address| IpAddr::V4(address.ip()))
            })
        })
    })?;
    let address = found.map_err(|errno| failed(errno.into()))?;
    let none = || EngineError::NoAddress { node: node.clone() };
    address.ok_or_else(none)
}

/// Returns how many flows do not deliver now: none of their packets arrived yet, or the last ones are missing.
#[must_use]
pub(super) fn silent(snapshot: &TrafficSnapshot, flows: &[FlowSpec]) -> usize {
    snapshot
        .flows
        .iter()
        .zip(flows)
        .filter(|(view, flow)| {
            let patience = UNDER_WAY + 2 * Duration::from_nanos(flow.interval_ns);
            let overdue =
                |since: Option<MonoTime>| since.is_some_and(|since| snapshot.at.since(since) > patience);
            view.last_arrived.is_none() || overdue(view.silent_since)
        })
        .count()
}
