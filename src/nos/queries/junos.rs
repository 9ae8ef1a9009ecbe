//! What Junos answers, reduced to what probes compare.
//!
//! Junos writes XML; `| display json` makes of each element a list, and of its text an object `{"data": text}`. Element
//! names are those of its operational RPCs.

use serde_json::{Value, json};

use super::answer::Readings;

type Parsed = Result<Readings, String>;

/// The elements of a name below a value.
fn elements<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let found = &value[name];
    let many = found.as_array().into_iter().flatten();
    many.chain(found.is_object().then_some(found))
}

/// The text of an element.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    elements(value, name)
        .next()
        .and_then(|element| element["data"].as_str())
        .unwrap_or_default()
        .trim()
}

/// The outermost element, which must be there.
fn root<'a>(answer: &'a Value, name: &str) -> Result<&'a Value, String> {
    elements(answer, name)
        .next()
        .ok_or_else(|| format!("it has no element `{name}`"))
}

/// `Collecting distributing` → `collecting-distributing`, `AdminDown` → `admin-down`.
fn word(text: &str) -> String {
    let mut word = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if c.is_whitespace() {
            word.push('-');
        } else {
            if c.is_uppercase() && before.is_lowercase() {
                word.push('-');
            }
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    word
}

/// Bits of one end (IEEE 802.1AX 6.4.2.3), from columns of yes and no.
fn bits(state: &Value) -> Vec<&'static str> {
    let bits = [
        ("lacp-activity", "Active", "activity"),
        ("lacp-timeout", "Fast", "timeout"),
        ("lacp-aggregation", "Yes", "aggregation"),
        ("lacp-synchronization", "Yes", "sync"),
        ("lacp-collecting", "Yes", "collecting"),
        ("lacp-distributing", "Yes", "distributing"),
        ("lacp-defaulted", "Yes", "defaulted"),
        ("lacp-expired", "Yes", "expired"),
    ];
    bits.into_iter()
        .filter(|(element, set, _)| text(state, element) == *set)
        .map(|(_, _, bit)| bit)
        .collect()
}

/// Member port → bundle, state of the mux machine (or of the receive machine when that heard nobody), bits of both ends.
pub(super) fn lacp(answer: &Value) -> Parsed {
    let mut members = Readings::new();
    let list = root(answer, "lacp-interface-information-list")?;
    for bundle in elements(list, "lacp-interface-information") {
        let name = elements(bundle, "lag-lacp-header")
            .next()
            .map_or("", |header| text(header, "aggregate-name"));
        for machines in elements(bundle, "lag-lacp-protocol") {
            let state = match text(machines, "lacp-receive-state") {
                heard @ ("Defaulted" | "Expired") => word(heard),
                _ => word(text(machines, "lacp-mux-state")),
            };
            let mut member = json!({"bundle": name, "state": state});
            for end in elements(bundle, "lag-lacp-state") {
                if text(end, "name") == text(machines, "name") {
                    member[word(text(end, "lacp-role"))] = json!({"bits": bits(end)});
                }
            }
            members.insert(text(machines, "name").to_owned(), member);
        }
    }
    Ok(members)
}

/// Peer → whether ICCP and the backup path are up.
pub(super) fn iccp(answer: &str) -> Parsed {
    let mut peers = Readings::new();
    let mut peer = None;
    for line in answer.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("Redundancy Group Information for peer ") {
            peers.insert(
                address.to_owned(),
                json!({"state": "down", "backup_liveness": "down"}),
            );
            peer = Some(address);
        }
        let Some(entry) = peer.and_then(|peer| peers.get_mut(peer)) else {
            continue;
        };
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        match name {
            "TCP Connection" if value == "Established" => entry["state"] = json!("up"),
            // Spelled either way, by version.
            "Liveliness Detection" | "Liveness Detection" if value != "Up" => entry["state"] = json!("down"),
            "Backup liveness peer status" if value == "Up" => entry["backup_liveness"] = json!("up"),
            _ => {}
        }
    }
    if peers.is_empty() {
        let first = answer.trim().lines().next().unwrap_or_default();
        return Err(format!("it names no peer; it begins with `{first}`"));
    }
    Ok(peers)
}

/// Peer → state (RFC 5880).
pub(super) fn bfd(answer: &Value) -> Parsed {
    let list = root(answer, "bfd-session-information")?;
    let session = |session: &Value| {
        let state = word(text(session, "session-state"));
        let value = json!({"state": state, "diagnostic": text(session, "local-diagnostic")});
        (text(session, "session-neighbor").to_owned(), value)
    };
    Ok(elements(list, "bfd-session").map(session).collect())
}

/// Peer → session. Junos adds `+179` to the address of a peer that called.
pub(super) fn bgp(answer: &Value) -> Parsed {
    let list = root(answer, "bgp-information")?;
    let peer = |peer: &Value| {
        let address = text(peer, "peer-address").split('+').next().unwrap_or_default();
        let prefixes: u64 = elements(peer, "bgp-rib")
            .filter_map(|rib| text(rib, "received-prefix-count").parse::<u64>().ok())
            .sum();
        let remote_as: u32 = text(peer, "peer-as").parse().unwrap_or(0);
        let value = json!({"state": text(peer, "peer-state"), "remote_as": remote_as, "prefixes": prefixes});
        (address.to_owned(), value)
    };
    Ok(elements(list, "bgp-peer").map(peer).collect())
}

/// Router ID at interface → state.
pub(super) fn ospf(answer: &Value) -> Parsed {
    let list = root(answer, "ospf-neighbor-information")?;
    let neighbour = |neighbour: &Value| {
        let key = format!(
            "{}@{}",
            text(neighbour, "neighbor-id"),
            text(neighbour, "interface-name")
        );
        (key, json!({"state": text(neighbour, "ospf-neighbor-state")}))
    };
    Ok(elements(list, "ospf-neighbor").map(neighbour).collect())
}

/// Size of the table. `R` in the flags: learned by the peer.
pub(super) fn mac_table(answer: &Value) -> Parsed {
    let table = root(answer, "l2ng-l2ald-rtb-macdb")?;
    let entries =
        || elements(table, "l2ng-l2ald-mac-entry-vlan").flat_map(|vlan| elements(vlan, "l2ng-mac-entry"));
    let remote = entries()
        .filter(|entry| text(entry, "l2ng-l2-mac-flags").contains('R'))
        .count();
    let all = entries().count();
    let value = json!({"entries": all, "local": all - remote, "remote": remote});
    Ok(Readings::from([(crate::record::keys::TABLE.to_owned(), value)]))
}

/// Port → administrative state and carrier.
pub(super) fn interface(answer: &Value) -> Parsed {
    let list = root(answer, "interface-information")?;
    let port = |port: &Value| {
        let carrier = text(port, "oper-status") == "up";
        let value = json!({"admin": text(port, "admin-status"), "carrier": carrier});
        (text(port, "name").to_owned(), value)
    };
    Ok(elements(list, "physical-interface").map(port).collect())
}

/// Description → alarm.
pub(super) fn alarm(answer: &Value) -> Parsed {
    let list = root(answer, "alarm-information")?;
    let alarm = |alarm: &Value| {
        let color = if text(alarm, "alarm-class") == "Major" {
            "red"
        } else {
            "yellow"
        };
        let reason = text(alarm, "alarm-description");
        let value =
            json!({"class": "chassis", "color": color, "reason": reason, "since": text(alarm, "alarm-time")});
        (reason.to_owned(), value)
    };
    Ok(elements(list, "alarm-detail").map(alarm).collect())
}
