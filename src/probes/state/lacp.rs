//! `lacp/show` of Open vSwitch 3.1 in the house's shape.
//!
//! Its text is made for people: a heading `---- BUNDLE ----`, then one paragraph `member: PORT: STATE` per port. OVS calls a
//! port `current attached` whatever its bits say; the machine's state (IEEE 802.1AX 6.4.6, 6.4.15) is derived from them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::changes::Readings;

/// Names OVS prints for the bits of a port's state, and ours.
const BITS: [(&str, &str); 6] = [
    ("activity", "activity"),
    ("timeout", "timeout"),
    ("aggregation", "aggregation"),
    ("synchronized", "sync"),
    ("collecting", "collecting"),
    ("distributing", "distributing"),
];

/// Reads the answer to `lacp/show`. `bond-ae0` is told as bundle `ae0`.
pub(super) fn lacp(answer: &str) -> Readings {
    let mut readings = Readings::new();
    let mut bundle = String::new();
    let mut member: Option<Member> = None;
    for line in answer.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" ----"))
        {
            finish(&mut readings, &bundle, member.take());
            name.strip_prefix("bond-").unwrap_or(name).clone_into(&mut bundle);
        } else if let Some(rest) = line.strip_prefix("member: ") {
            finish(&mut readings, &bundle, member.take());
            let (port, state) = rest.split_once(": ").unwrap_or((rest, ""));
            member = Some(Member {
                port,
                state,
                facts: BTreeMap::new(),
            });
        } else if let Some((name, value)) = line.split_once(':')
            && let Some(member) = &mut member
        {
            member.facts.insert(name, value.trim());
        }
    }
    finish(&mut readings, &bundle, member);
    readings
}

struct Member<'a> {
    port: &'a str,
    state: &'a str,
    facts: BTreeMap<&'a str, &'a str>,
}

fn finish(readings: &mut Readings, bundle: &str, member: Option<Member<'_>>) {
    let Some(member) = member else { return };
    let value = json!({
        "bundle": bundle,
        "state": member.machine_state(),
        "actor": member.side("actor"),
        "partner": member.side("partner"),
    });
    readings.insert(member.port.to_owned(), value);
}

impl Member<'_> {
    fn bits(&self, side: &str) -> Vec<&'static str> {
        let printed: Vec<&str> = self.fact(side, "state").split_whitespace().collect();
        let set = BITS.iter().filter(|(ovs, _)| printed.contains(ovs));
        set.map(|(_, ours)| *ours).collect()
    }

    fn side(&self, side: &str) -> Value {
        json!({
            "system_id": self.fact(side, "sys_id"),
            "key": self.fact(side, "key").parse::<u64>().unwrap_or(0),
            "bits": self.bits(side),
        })
    }

    fn fact(&self, side: &str, name: &str) -> &str {
        self.facts
            .get(format!("{side} {name}").as_str())
            .copied()
            .unwrap_or_default()
    }

    fn machine_state(&self) -> &'static str {
        let bits = self.bits("actor");
        let has = |bit| bits.contains(&bit);
        if self.state.contains("defaulted") {
            "defaulted"
        } else if self.state.contains("expired") {
            "expired"
        } else if has("collecting") && has("distributing") {
            "collecting-distributing"
        } else if self.state.contains("attached") && has("sync") {
            "attached"
        } else {
            "detached"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = include_str!("lacp_show.txt");

    #[test]
    fn members_are_told_with_bundle_state_and_the_bits_of_both_sides() {
        insta::assert_json_snapshot!(lacp(ANSWER));
    }

    #[test]
    fn a_switch_without_bundles_tells_nothing() {
        assert!(lacp("").is_empty());
    }
}
