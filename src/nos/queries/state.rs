//! What FRR 8.4's daemons answer in JSON, reduced to what probes compare.
//!
//! Field names follow FRR's `show … json` output; unknown fields are ignored, absent ones get neutral values, because
//! they differ between versions and between states of a session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::NosError;
use super::Vty;

/// A BGP session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BgpPeer {
    /// `Established`, `Active`, … (RFC 4271 section 8.2.2).
    pub state: String,
    /// The peer's AS number.
    pub remote_as: u32,
    /// Prefixes received, over all address families.
    pub prefixes: u64,
}

/// An OSPF neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OspfNeighbour {
    /// `Full`, `2-Way`, … (RFC 2328 section 10.1), without the role in the segment.
    pub state: String,
    /// The neighbour's address.
    pub address: String,
}

/// A BFD session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdPeer {
    /// `up`, `down`, `init`, `shutdown` (RFC 5880 section 4.1).
    pub state: String,
    /// Diagnostic of the last change, as FRR words it.
    pub diagnostic: String,
}

/// A route of the RIB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `bgp`, `ospf`, `connected`, ….
    pub protocol: String,
    /// Whether zebra chose it.
    pub selected: bool,
    /// Whether zebra says that it is in the kernel. The kernel itself is the judge of that.
    pub installed: bool,
    /// Its next hops.
    pub next_hops: Vec<NextHop>,
}

/// A next hop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextHop {
    /// Gateway, when there is one.
    pub address: Option<String>,
    /// Outgoing interface, when it is resolved.
    pub interface: Option<String>,
}

/// An interface as zebra sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceState {
    /// Administratively up.
    pub admin_up: bool,
    /// Operationally up.
    pub oper_up: bool,
}

/// Asks bgpd for its sessions: peer address → session.
pub fn bgp_peers(vty: &mut Vty) -> Result<BTreeMap<String, BgpPeer>, NosError> {
    Ok(parse_bgp(&vty.ask_json("show bgp vrf all summary json")?))
}

/// Asks ospfd for its neighbours: `router-id@interface` → neighbour.
pub fn ospf_neighbours(vty: &mut Vty) -> Result<BTreeMap<String, OspfNeighbour>, NosError> {
    Ok(parse_ospf(&vty.ask_json("show ip ospf neighbor json")?))
}

/// Asks bfdd for its sessions: peer address → session.
pub fn bfd_peers(vty: &mut Vty) -> Result<BTreeMap<String, BfdPeer>, NosError> {
    Ok(parse_bfd(&vty.ask_json("show bfd peers json")?))
}

/// Asks zebra for its IPv4 routes: prefix → routes, best first as zebra lists them.
pub fn routes(vty: &mut Vty) -> Result<BTreeMap<String, Vec<Route>>, NosError> {
    Ok(parse_routes(&vty.ask_json("show ip route json")?))
}

/// Asks zebra for its interfaces: name → state.
pub fn interfaces(vty: &mut Vty) -> Result<BTreeMap<String, InterfaceState>, NosError> {
    Ok(parse_interfaces(&vty.ask_json("show interface json")?))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The answer nests VRF → address family → `peers`; older commands leave out the VRF.
pub(super) fn parse_bgp(answer: &Value) -> BTreeMap<String, BgpPeer> {
    let mut peers: BTreeMap<String, BgpPeer> = BTreeMap::new();
    let mut open: Vec<&Value> = vec![answer];
    while let Some(value) = open.pop() {
        for (key, inner) in entries(value) {
            if key != "peers" {
                open.push(inner);
                continue;
            }
            for (address, peer) in entries(inner) {
                let prefixes = peer["pfxRcd"].as_u64().unwrap_or(0);
                let remote_as = peer["remoteAs"].as_u64().and_then(|asn| u32::try_from(asn).ok());
                peers
                    .entry(address.clone())
                    .and_modify(|known| known.prefixes += prefixes)
                    .or_insert_with(|| BgpPeer {
                        state: text(peer, "state"),
                        remote_as: remote_as.unwrap_or(0),
                        prefixes,
                    });
            }
        }
    }
    peers
}

pub(super) fn parse_ospf(answer: &Value) -> BTreeMap<String, OspfNeighbour> {
    let mut neighbours = BTreeMap::new();
    for (router, list) in entries(&answer["neighbors"]) {
        for neighbour in list.as_array().into_iter().flatten() {
            // `eth1:10.0.0.1` is the interface and our address on it.
            let interface = text(neighbour, "ifaceName");
            let interface = interface.split(':').next().unwrap_or_default();
            let state = match text(neighbour, "nbrState") {
                state if state.is_empty() => text(neighbour, "state"),
                state => state,
            };
            let address = match text(neighbour, "ifaceAddress") {
                address if address.is_empty() => text(neighbour, "address"),
                address => address,
            };
            let state = state.split('/').next().unwrap_or_default().to_owned();
            neighbours.insert(format!("{router}@{interface}"), OspfNeighbour { state, address });
        }
    }
    neighbours
}

pub(super) fn parse_bfd(answer: &Value) -> BTreeMap<String, BfdPeer> {
    answer
        .as_array()
        .into_iter()
        .flatten()
        .map(|peer| {
            let session = BfdPeer {
                state: text(peer, "status"),
                diagnostic: text(peer, "diagnostic"),
            };
            (text(peer, "peer"), session)
        })
        .collect()
}

fn parse_routes(answer: &Value) -> BTreeMap<String, Vec<Route>> {
    entries(answer)
        .map(|(prefix, list)| {
            (
                prefix.clone(),
                list.as_array().into_iter().flatten().map(parse_route).collect(),
            )
        })
        .collect()
}

fn parse_route(route: &Value) -> Route {
    let optional = |value: &Value| value.as_str().map(str::to_owned);
    let mut next_hops: Vec<NextHop> = route["nexthops"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|hop| {
            hop["active"].as_bool().unwrap_or(false) && !hop["recursive"].as_bool().unwrap_or(false)
        })
        .map(|hop| NextHop {
            address: optional(&hop["ip"]),
            interface: optional(&hop["interfaceName"]),
        })
        .collect();
    next_hops.sort();
    next_hops.dedup();
    Route {
        protocol: text(route, "protocol"),
        selected: route["selected"].as_bool().unwrap_or(false),
        installed: route["installed"].as_bool().unwrap_or(false),
        next_hops,
    }
}

pub(super) fn parse_interfaces(answer: &Value) -> BTreeMap<String, InterfaceState> {
    entries(answer)
        .map(|(name, state)| {
            let up = |key: &str| text(state, key).eq_ignore_ascii_case("up");
            let state = InterfaceState {
                admin_up: up("administrativeStatus"),
                oper_up: up("operationalStatus"),
            };
            (name.clone(), state)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn answers_of_a_running_router_become_what_probes_compare() {
        let bgp = parse_bgp(&answer(include_str!("testdata/bgp.json")));
        let ospf = parse_ospf(&answer(include_str!("testdata/ospf.json")));
        let bfd = parse_bfd(&answer(include_str!("testdata/bfd.json")));
        let routes = parse_routes(&answer(include_str!("testdata/route.json")));
        let interfaces = parse_interfaces(&answer(include_str!("testdata/interface.json")));
        insta::assert_debug_snapshot!((bgp, ospf, bfd, routes, interfaces));
    }

    #[test]
    fn a_daemon_with_nothing_to_tell_has_nothing() {
        assert!(parse_bgp(&Value::Null).is_empty());
        assert!(parse_ospf(&Value::Null).is_empty());
        assert!(parse_bfd(&Value::Null).is_empty());
        assert!(parse_routes(&Value::Null).is_empty());
    }
}
