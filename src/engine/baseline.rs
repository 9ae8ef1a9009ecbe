//! When is a lab steady, and is it back where it was? Pure comparison of two snapshots of state.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::NodeName;
use crate::record::StateKind;

/// State of a lab's nodes, by node, kind and key.
pub type Values = BTreeMap<(NodeName, StateKind, String), Value>;

/// Returns what differs between a lab's baseline and its state now, one line each, sorted.
///
/// What may rightly differ after a fault was healed is left out: process ids and restart counts, the configuration's
/// revision, and the size of MAC tables, which follows traffic.
#[must_use]
pub fn differences(baseline: &Values, now: &Values) -> Vec<String> {
    let mut lines = Vec::new();
    for ((node, kind, key), before) in baseline {
        let Some(before) = comparable(*kind, before) else {
            continue;
        };
        let after = now
            .get(&(node.clone(), *kind, key.clone()))
            .and_then(|value| comparable(*kind, value));
        match after {
            None => lines.push(format!("{node}: {} {key} is gone", word(*kind))),
            Some(after) if after != before => {
                lines.push(format!(
                    "{node}: {} {key} was {}, is {}",
                    word(*kind),
                    brief(&before),
                    brief(&after)
                ));
            }
            Some(_) => {}
        }
    }
    for ((node, kind, key), value) in now {
        let new = !baseline.contains_key(&(node.clone(), *kind, key.clone()));
        if new && comparable(*kind, value).is_some() {
            lines.push(format!("{node}: {} {key} is new", word(*kind)));
        }
    }
    lines
}

fn comparable(kind: StateKind, value: &Value) -> Option<Value> {
    match kind {
        _ if value.is_null() => None,
        StateKind::MacTable | StateKind::Config => None,
        StateKind::Process | StateKind::Bfd => Some(value["state"].clone()),
        StateKind::Ospf => Some(adjacency(&value["state"])),
        StateKind::Interface
        | StateKind::Lacp
        | StateKind::Iccp
        | StateKind::Bgp
        | StateKind::Fib
        | StateKind::Alarm
        | StateKind::Node => Some(value.clone()),
    }
}

/// Who is designated router of a segment depends on who came up first (RFC 2328 section 9.4: the election does not
/// preempt), and with it which pairs end at Full and which rightly stay at 2-Way.
fn adjacency(state: &Value) -> Value {
    match state.as_str() {
        Some("Full" | "2-Way") => "settled".into(),
        _ => state.clone(),
    }
}

/// Names a kind of state.
pub(super) fn word(kind: StateKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 160 {
        text.chars().take(159).chain(['…']).collect()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(list: &[(&str, StateKind, &str, Value)]) -> Values {
        list.iter()
            .map(|(node, kind, key, value)| (((*node).into(), *kind, (*key).to_owned()), value.clone()))
            .collect()
    }

    #[test]
    fn a_restarted_daemon_is_back_at_its_baseline_although_its_pid_is_new() {
        let before = values(&[(
            "ca1",
            StateKind::Process,
            "l2ald",
            json!({"state": "running", "restarts": 0, "pid": 7}),
        )]);
        let after = values(&[(
            "ca1",
            StateKind::Process,
            "l2ald",
            json!({"state": "running", "restarts": 4, "pid": 99}),
        )]);
        assert_eq!(differences(&before, &after), Vec::<String>::new());
    }

    #[test]
    fn another_designated_router_is_no_difference_but_a_lost_adjacency_is() {
        let ospf = |state: &str| {
            values(&[(
                "mx1",
                StateKind::Ospf,
                "10.255.0.4@ae0.30",
                json!({"state": state}),
            )])
        };
        assert_eq!(differences(&ospf("Full"), &ospf("2-Way")), Vec::<String>::new());
        assert_eq!(differences(&ospf("2-Way"), &ospf("Full")), Vec::<String>::new());
        assert_eq!(differences(&ospf("Full"), &ospf("ExStart")).len(), 1);
    }

    #[test]
    fn what_is_lost_changed_or_new_is_said() {
        let before = values(&[
            ("mx1", StateKind::Bgp, "10.0.0.2", json!({"state": "Established"})),
            ("mx1", StateKind::Bgp, "10.0.0.3", json!({"state": "Established"})),
        ]);
        let after = values(&[
            ("mx1", StateKind::Bgp, "10.0.0.2", json!({"state": "Active"})),
            ("ca2", StateKind::Alarm, "app-fail-l2ald", json!({"color": "red"})),
        ]);
        insta::assert_snapshot!(differences(&before, &after).join("\n"));
    }
}
