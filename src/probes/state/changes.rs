//! From readings to observations: what changed, since when it may have, and what is not known any more.
//!
//! A reading is as old as its question: a change lies between the asking of the last reading that had the former value and
//! the answer that has the new one. After a failure everything is told again, because a failure made it unknown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::base::{MonoTime, NodeName};
use crate::record::{Event, Observation, StateKind};

/// State of a lab at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateSnapshot {
    /// Last known values by node, kind and key. Instances that are gone are not listed.
    pub values: BTreeMap<(NodeName, StateKind, String), Value>,
    /// What cannot be read at present: its values are the last ones known.
    pub failed: BTreeSet<(NodeName, StateKind)>,
    /// What has not been read yet.
    pub unread: BTreeSet<(NodeName, StateKind)>,
}

/// Values of one kind at one node, by key.
pub(super) type Readings = BTreeMap<String, Value>;

#[derive(Debug, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Unread,
    Read,
    Failed {
        read_before: bool,
    },
}

#[derive(Debug, Default)]
struct Source {
    values: Readings,
    sampled: MonoTime,
    health: Health,
}

/// Remembers the last reading of every source.
#[derive(Debug)]
pub(super) struct Changes {
    sources: BTreeMap<(NodeName, StateKind), Source>,
}

impl Changes {
    /// Starts with nothing read. `started` bounds first sights from below.
    pub(super) fn new(sources: impl IntoIterator<Item = (NodeName, StateKind)>, started: MonoTime) -> Self {
        let unread = || Source {
            sampled: started,
            ..Source::default()
        };
        Self {
            sources: sources.into_iter().map(|source| (source, unread())).collect(),
        }
    }

    /// Books a reading asked for at `asked` and returns what to record.
    pub(super) fn seen(
        &mut self,
        node: &NodeName,
        kind: StateKind,
        asked: MonoTime,
        values: Readings,
    ) -> Vec<Event> {
        let source = self.sources.entry((node.clone(), kind)).or_default();
        let all = source.health != Health::Read;
        let observe = |key: &str, value: Value| {
            Event::Observation(Observation {
                node: node.clone(),
                state: kind,
                key: key.to_owned(),
                value,
                previous_sample: source.sampled,
            })
        };
        let gone = source.values.keys().filter(|key| !values.contains_key(*key));
        let mut events: Vec<Event> = gone.map(|key| observe(key, Value::Null)).collect();
        for (key, value) in &values {
            if all || source.values.get(key) != Some(value) {
                events.push(observe(key, value.clone()));
            }
        }
        source.values = values;
        source.sampled = asked;
        source.health = Health::Read;
        events
    }

    /// Books that nothing has changed up to `now`, for sources that tell of changes by themselves.
    pub(super) fn unchanged(&mut self, node: &NodeName, kind: StateKind, now: MonoTime) {
        if let Some(source) = self.sources.get_mut(&(node.clone(), kind))
            && source.health == Health::Read
        {
            source.sampled = now;
        }
    }

    /// Books that the daemon to ask is not there: all its instances are gone.
    ///
    /// A daemon that has never answered is a failure, because then nobody knows whether it was asked at the right place.
    pub(super) fn absent(
        &mut self,
        node: &NodeName,
        kind: StateKind,
        asked: MonoTime,
        why: &str,
    ) -> Vec<Event> {
        let health = &self.sources.entry((node.clone(), kind)).or_default().health;
        match health {
            Health::Unread | Health::Failed { read_before: false } => {
                self.failed(node, kind, why).into_iter().collect()
            }
            Health::Read | Health::Failed { read_before: true } => {
                self.seen(node, kind, asked, Readings::new())
            }
        }
    }

    /// Books that a source could not be read; returns an event for the first of a streak only.
    pub(super) fn failed(&mut self, node: &NodeName, kind: StateKind, why: &str) -> Option<Event> {
        let source = self.sources.entry((node.clone(), kind)).or_default();
        let read_before = match source.health {
            Health::Failed { .. } => return None,
            Health::Unread => false,
            Health::Read => true,
        };
        source.health = Health::Failed { read_before };
        Some(Event::CollectorFailed {
            node: node.clone(),
            collector: name(kind),
            error: why.to_owned(),
        })
    }

    /// Returns all that is known now.
    pub(super) fn snapshot(&self) -> StateSnapshot {
        let mut snapshot = StateSnapshot::default();
        for ((node, kind), source) in &self.sources {
            let id = (node.clone(), *kind);
            match source.health {
                Health::Unread => drop(snapshot.unread.insert(id)),
                Health::Failed { .. } => drop(snapshot.failed.insert(id)),
                Health::Read => {}
            }
            for (key, value) in &source.values {
                snapshot
                    .values
                    .insert((node.clone(), *kind, key.clone()), value.clone());
            }
        }
        snapshot
    }
}

/// Returns a kind's name as written in histories, e.g. `mac-table`.
pub(super) fn name(kind: StateKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => name,
        _ => format!("{kind:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KIND: StateKind = StateKind::Bgp;

    fn node() -> NodeName {
        "mx1".into()
    }

    fn changes() -> Changes {
        Changes::new([(node(), KIND)], MonoTime(1))
    }

    fn readings(values: &[(&str, &str)]) -> Readings {
        values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect()
    }

    fn told(events: &[Event]) -> Vec<(String, Value, u64)> {
        let row = |event: &Event| match event {
            Event::Observation(seen) => (seen.key.clone(), seen.value.clone(), seen.previous_sample.0),
            Event::CollectorFailed { error, .. } => (format!("failed: {error}"), Value::Null, 0),
            other => panic!("{other:?}"),
        };
        events.iter().map(row).collect()
    }

    #[test]
    fn first_sights_changes_and_departures_are_told_with_their_bound_and_nothing_else_is() {
        let mut changes = changes();
        let first = changes.seen(&node(), KIND, MonoTime(10), readings(&[("a", "up"), ("b", "up")]));
        assert_eq!(
            told(&first),
            [("a".into(), json!("up"), 1), ("b".into(), json!("up"), 1)]
        );
        let same = changes.seen(&node(), KIND, MonoTime(20), readings(&[("a", "up"), ("b", "up")]));
        assert_eq!(told(&same), []);
        let after = changes.seen(&node(), KIND, MonoTime(30), readings(&[("a", "down")]));
        assert_eq!(
            told(&after),
            [("b".into(), Value::Null, 20), ("a".into(), json!("down"), 20)]
        );
    }

    #[test]
    fn a_failure_is_told_once_and_everything_again_after_it() {
        let mut changes = changes();
        changes.seen(&node(), KIND, MonoTime(10), readings(&[("a", "up")]));
        assert!(changes.failed(&node(), KIND, "no answer").is_some());
        assert!(changes.failed(&node(), KIND, "no answer").is_none());
        assert_eq!(changes.snapshot().failed.len(), 1);
        assert_eq!(changes.snapshot().values.len(), 1, "the last known value stays");
        let again = changes.seen(&node(), KIND, MonoTime(90), readings(&[("a", "up")]));
        assert_eq!(told(&again), [("a".into(), json!("up"), 10)]);
        assert!(changes.snapshot().failed.is_empty());
    }

    #[test]
    fn a_daemon_that_died_has_no_instances_but_one_never_seen_is_a_failure() {
        let mut changes = changes();
        let never = changes.absent(&node(), KIND, MonoTime(5), "not there");
        assert_eq!(told(&never)[0].0, "failed: not there");
        assert!(changes.absent(&node(), KIND, MonoTime(6), "not there").is_empty());
        changes.seen(&node(), KIND, MonoTime(10), readings(&[("a", "up")]));
        let died = changes.absent(&node(), KIND, MonoTime(20), "not there");
        assert_eq!(told(&died), [("a".into(), Value::Null, 10)]);
        assert!(changes.snapshot().values.is_empty());
    }

    #[test]
    fn a_source_that_tells_of_changes_narrows_the_bound_while_it_is_silent() {
        let mut changes = changes();
        changes.unchanged(&node(), KIND, MonoTime(5));
        assert_eq!(changes.snapshot().unread.len(), 1);
        changes.seen(&node(), KIND, MonoTime(10), readings(&[("a", "up")]));
        changes.unchanged(&node(), KIND, MonoTime(400));
        let after = changes.seen(&node(), KIND, MonoTime(410), readings(&[("a", "down")]));
        assert_eq!(told(&after), [("a".into(), json!("down"), 400)]);
    }
}
