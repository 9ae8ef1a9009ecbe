//! FRR's answers in the house's shapes (FRR 8.4; fields of its JSON output).
//!
//! Counters and ages are left out, and the three states of a BGP speaker that merely retries (Idle, Connect, Active) are one:
//! a peer that is down would otherwise look like an endless series of events.

use serde_json::{Value, json};

use super::changes::Readings;

/// `show bgp summary json`: unicast of both address families.
pub(super) fn bgp(answer: &Value) -> Readings {
    let mut readings = Readings::new();
    for family in ["ipv4Unicast", "ipv6Unicast"] {
        let Some(peers) = answer
            .pointer(&format!("/{family}/peers"))
            .and_then(Value::as_object)
        else {
            continue;
        };
        for (peer, facts) in peers {
            let prefixes = number(facts, "pfxRcd");
            let state = bgp_state(text(facts, "state"));
            let entry = readings.entry(peer.clone()).or_insert_with(
                || json!({"state": state, "remote_as": number(facts, "remoteAs"), "prefixes": 0}),
            );
            entry["prefixes"] = json!(number(entry, "prefixes") + prefixes);
        }
    }
    readings
}

fn bgp_state(state: &str) -> &str {
    match state {
        "Idle" | "Connect" | "Active" => "Active",
        other => other,
    }
}

/// `show ip ospf neighbor json`.
pub(super) fn ospf(answer: &Value) -> Readings {
    let mut readings = Readings::new();
    let neighbours = answer.get("neighbors").and_then(Value::as_object);
    for (router, adjacencies) in neighbours.into_iter().flatten() {
        for adjacency in adjacencies.as_array().into_iter().flatten() {
            let interface = text(adjacency, "ifaceName").split(':').next().unwrap_or_default();
            let state = adjacency.get("nbrState").or_else(|| adjacency.get("state"));
            let state = state.and_then(Value::as_str).unwrap_or_default();
            // `Full/DR`: the role is a matter of election, not of the adjacency.
            let state = state.split('/').next().unwrap_or_default();
            readings.insert(format!("{router}@{interface}"), json!({"state": state}));
        }
    }
    readings
}

/// `show bfd peers json`. Two sessions with one peer are told apart by interface: `10.0.0.2@eth1`.
pub(super) fn bfd(answer: &Value) -> Readings {
    let mut readings = Readings::new();
    let mut sessions: Vec<&Value> = answer.as_array().into_iter().flatten().collect();
    sessions.sort_by_key(|session| text(session, "interface"));
    for session in sessions {
        let state = match text(session, "status") {
            "shutdown" => "admin-down",
            other => other,
        };
        let value = json!({"state": state, "diagnostic": text(session, "diagnostic")});
        let peer = text(session, "peer");
        let key = if readings.contains_key(peer) {
            format!("{peer}@{}", text(session, "interface"))
        } else {
            peer.to_owned()
        };
        readings.insert(key, value);
    }
    readings
}

fn text<'a>(facts: &'a Value, field: &str) -> &'a str {
    facts.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(facts: &Value, field: &str) -> u64 {
    facts.get(field).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_told_without_their_counters() {
        let answer = json!({
            "ipv4Unicast": {"peers": {
                "10.9.0.2": {"remoteAs": 65002, "state": "Established", "pfxRcd": 3, "peerUptime": "00:00:11", "msgRcvd": 5},
                "10.9.0.9": {"remoteAs": 65009, "state": "Connect", "pfxRcd": 0},
                "10.9.0.8": {"remoteAs": 65008, "state": "Idle (Admin)", "pfxRcd": 0}}},
            "ipv6Unicast": {"peers": {"10.9.0.2": {"remoteAs": 65002, "state": "Established", "pfxRcd": 2}}}
        });
        insta::assert_json_snapshot!(bgp(&answer));
    }

    #[test]
    fn adjacencies_are_told_by_router_and_interface_without_election_role() {
        let answer = json!({"neighbors": {"10.9.1.2": [
            {"state": "Full/DR", "nbrState": "Full/DR", "upTime": "8.111s", "ifaceName": "ae0.97:10.9.0.1"},
            {"state": "2-Way/DROther", "ifaceName": "eth1:10.8.0.1"}]}});
        insta::assert_json_snapshot!(ospf(&answer));
    }

    #[test]
    fn sessions_are_told_with_state_and_diagnostic() {
        let answer = json!([
            {"peer": "10.9.0.2", "interface": "va", "status": "up", "uptime": 10, "diagnostic": "ok"},
            {"peer": "10.9.0.2", "interface": "vb", "status": "down", "downtime": 3, "diagnostic": "control detection time expired"},
            {"peer": "10.9.0.3", "status": "shutdown", "diagnostic": "ok"}
        ]);
        insta::assert_json_snapshot!(bfd(&answer));
    }

    #[test]
    fn a_daemon_without_instances_tells_nothing() {
        assert!(bgp(&json!({})).is_empty());
        assert!(ospf(&json!({"neighbors": {}})).is_empty());
        assert!(bfd(&json!([])).is_empty());
    }
}
