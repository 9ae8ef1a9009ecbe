//! From pairs of nodes to flows.
//!
//! Source ports lie below the kernel's ephemeral range, because BFD and other daemons take theirs from it and a probe must
//! never stand in the way of what it measures.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::NodeName;
use crate::record::{FlowId, FlowSpec};

/// Destination port of all probe packets.
pub const DESTINATION_PORT: u16 = 19_999;

const FIRST_SOURCE_PORT: u16 = 20_000;
const SOURCE_PORTS: u16 = 12_000;

/// Where flows of a traffic group go from and to, in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowPair {
    /// The traffic group of the experiment.
    pub group: String,
    /// Sending node.
    pub from: NodeName,
    /// Receiving node.
    pub to: NodeName,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Number of flows, each with its own source port, so that every hash bucket of ECMP and LAG sees some.
    pub ports: u16,
    /// Sending interval of each flow.
    pub interval: Duration,
}

/// Makes the flows of all pairs: numbered from 0 in order, source ports unique within a sending node.
///
/// After 12,000 flows from one node its source ports repeat; the prober refuses those.
#[must_use]
pub fn flows_between(pairs: &[FlowPair]) -> Vec<FlowSpec> {
    let mut next_port: BTreeMap<&NodeName, u16> = BTreeMap::new();
    let mut flows = Vec::new();
    for pair in pairs {
        for _ in 0..pair.ports {
            let port = next_port.entry(&pair.from).or_default();
            flows.push(FlowSpec {
                id: FlowId(u32::try_from(flows.len()).unwrap_or(u32::MAX)),
                group: pair.group.clone(),
                from: pair.from.clone(),
                to: pair.to.clone(),
                source: pair.source,
                destination: pair.destination,
                source_port: FIRST_SOURCE_PORT + *port,
                destination_port: DESTINATION_PORT,
                interval_ns: u64::try_from(pair.interval.as_nanos()).unwrap_or(u64::MAX),
            });
            *port = (*port + 1) % SOURCE_PORTS;
        }
    }
    flows
}

/// Returns when the `index`-th flow first sends after the start, in nanoseconds below `interval_ns`.
///
/// Multiples of the golden ratio spread any run of neighbouring indices evenly: both all flows of a prober and the few of
/// one pair, whose packets then sample the pair more finely than one flow's interval.
#[must_use]
pub(super) fn phase(index: usize, interval_ns: u64) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let fraction = (index as u64).wrapping_mul(GOLDEN);
    u64::try_from((u128::from(fraction) * u128::from(interval_ns)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(from: &str, to: &str, ports: u16) -> FlowPair {
        FlowPair {
            group: "customers".into(),
            from: from.into(),
            to: to.into(),
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
            ports,
            interval: Duration::from_millis(10),
        }
    }

    #[test]
    fn flows_have_unique_numbers_and_source_ports_unique_within_their_node() {
        let flows = flows_between(&[pair("a", "b", 3), pair("b", "a", 2), pair("a", "c", 2)]);
        let ids: Vec<u32> = flows.iter().map(|flow| flow.id.0).collect();
        assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6]);
        let ports: Vec<(&str, u16)> = flows
            .iter()
            .map(|flow| (flow.from.as_str(), flow.source_port - FIRST_SOURCE_PORT))
            .collect();
        assert_eq!(
            ports,
            [
                ("a", 0),
                ("a", 1),
                ("a", 2),
                ("b", 0),
                ("b", 1),
                ("a", 3),
                ("a", 4)
            ]
        );
    }

    #[test]
    fn neighbouring_flows_spread_over_the_interval() {
        for first in [0, 17, 400] {
            let mut phases: Vec<u64> = (first..first + 16).map(|index| phase(index, 10_000)).collect();
            phases.sort_unstable();
            phases.push(phases[0] + 10_000);
            let widest = phases.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(
                widest < 1_300,
                "16 flows leave {widest} of 10000 unsampled from {first}"
            );
        }
    }
}
