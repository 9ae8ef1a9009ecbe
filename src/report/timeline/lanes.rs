//! Lanes of state: for each node and kind, how well its worst instance stood at each moment.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use crate::base::MonoTime;
use crate::record::{Event, StateKind};
use crate::report::facts::Experiment;
use crate::report::health::{Health, LANES, health, words};
use crate::report::wording::some_of;

/// A node's state of one kind over time.
pub(super) struct Lane {
    pub(super) node: String,
    pub(super) name: &'static str,
    pub(super) stretches: Vec<Stretch>,
}

/// A time in which a lane looked the same.
pub(super) struct Stretch {
    pub(super) from: MonoTime,
    pub(super) until: MonoTime,
    pub(super) health: Health,
    pub(super) words: String,
}

/// Returns the lanes in which something was not good at some time, by node in topology order, then by layer.
pub(super) fn lanes(experiment: &Experiment<'_>) -> Vec<Lane> {
    let mut nodes: IndexMap<&str, Vec<Lane>> = IndexMap::new();
    if let Some(topology) = &experiment.topology {
        nodes.extend(topology.nodes.keys().map(|name| (name.as_str(), Vec::new())));
    }
    for entry in &experiment.entries {
        if let Event::Observation(seen) = &entry.event {
            nodes.entry(seen.node.as_str()).or_default();
        }
    }
    for (node, lanes) in &mut nodes {
        for (kind, name) in LANES {
            let stretches = stretches(experiment, node, kind);
            if stretches.iter().any(|stretch| stretch.health != Health::Good) {
                lanes.push(Lane {
                    node: (*node).to_owned(),
                    name,
                    stretches,
                });
            }
        }
    }
    nodes.into_values().flatten().collect()
}

fn stretches(experiment: &Experiment<'_>, node: &str, kind: StateKind) -> Vec<Stretch> {
    let (begin, end) = experiment.span;
    let mut found: Vec<Stretch> = Vec::new();
    let mut now: BTreeMap<&str, &Value> = BTreeMap::new();
    for entry in &experiment.entries {
        let Event::Observation(seen) = &entry.event else {
            continue;
        };
        if seen.node.as_str() != node || seen.state != kind {
            continue;
        }
        now.insert(&seen.key, &seen.value);
        let at = entry.at.max(begin);
        if let Some(last) = found.last_mut() {
            last.until = at;
        }
        let (health, words) = worst(kind, &now);
        found.push(Stretch {
            from: at,
            until: end,
            health,
            words,
        });
    }
    found.retain(|stretch| stretch.until > stretch.from);
    found.dedup_by(|next, previous| {
        let same =
            previous.until == next.from && previous.words == next.words && previous.health == next.health;
        if same {
            previous.until = next.until;
        }
        same
    });
    found
}

fn worst(kind: StateKind, now: &BTreeMap<&str, &Value>) -> (Health, String) {
    let judged = |value: &Value| health(kind, value).unwrap_or(Health::Good);
    let worst = now
        .values()
        .map(|value| judged(value))
        .max()
        .unwrap_or(Health::Good);
    if worst == Health::Good {
        return (worst, "all good".to_owned());
    }
    let names: Vec<String> = now
        .iter()
        .filter(|(_, value)| judged(value) != Health::Good)
        .map(|(key, value)| format!("{key} {}", words(kind, value)))
        .collect();
    (worst, some_of(&names, 6))
}
