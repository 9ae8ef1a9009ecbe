//! Truth of a state predicate over time.
//!
//! A change was made somewhere in `(previous_sample, at]`, so in between the value is *either* the old or the new one: the
//! predicate is unknown there unless both give the same answer. Before a collector's first word, and after it failed,
//! nothing is known, not even that an instance is absent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::Facts;
use super::model::{Between, Op, Quantifier, StatePredicate, matches};
use super::timeline::{Timeline, Truth};
use crate::base::{MonoTime, NodeName};
use crate::record::{Event, Observation, StateKind, keys};

/// What a piece of state may be at an instant.
#[derive(Clone, Copy)]
enum Possible<'a> {
    /// Not seen yet; absent if the collector works.
    Unseen,
    /// This.
    Known(&'a Value),
    /// The old value (none: unseen) or the new one.
    Either(Option<&'a Value>, &'a Value),
    /// Anything.
    Unknown,
}

#[derive(Default)]
struct Series<'a> {
    steps: Vec<(MonoTime, Possible<'a>)>,
}

impl<'a> Series<'a> {
    fn at(&self, instant: MonoTime) -> Possible<'a> {
        let index = self.steps.partition_point(|(at, _)| *at <= instant);
        index
            .checked_sub(1)
            .map_or(Possible::Unseen, |index| self.steps[index].1)
    }

    fn observe(&mut self, at: MonoTime, observation: &'a Observation) {
        let known = self
            .steps
            .iter()
            .rev()
            .find_map(|(since, possible)| match possible {
                Possible::Known(value) => Some((*since, *value)),
                _ => None,
            });
        let lower = known.map_or(observation.previous_sample, |(since, _)| {
            observation.previous_sample.max(since)
        });
        if lower < at {
            let mut between = Possible::Either(known.map(|(_, value)| value), &observation.value);
            while let Some((since, possible)) = self.steps.last().copied() {
                if matches!(possible, Possible::Unknown) {
                    between = Possible::Unknown;
                }
                if since < lower || matches!(possible, Possible::Known(_)) {
                    break;
                }
                self.steps.pop();
            }
            self.steps.push((lower, between));
        }
        self.steps.push((at, Possible::Known(&observation.value)));
    }
}

/// All that is known of the selected instances of one kind.
struct Known<'a> {
    /// Per selected node: whether its collector works, and its instances by key.
    nodes: Vec<AtNode<'a>>,
}

type AtNode<'a> = (Vec<(MonoTime, bool)>, BTreeMap<&'a str, Series<'a>>);

/// Returns the predicate's truth over `[from, to)`.
pub(super) fn timeline(
    facts: &Facts<'_>,
    predicate: &StatePredicate,
    from: MonoTime,
    to: MonoTime,
) -> Timeline {
    let known = gather(facts, predicate);
    let mut instants: BTreeSet<MonoTime> = BTreeSet::from([from]);
    for (alive, series) in &known.nodes {
        instants.extend(alive.iter().map(|(at, _)| *at));
        instants.extend(
            series
                .values()
                .flat_map(|series| series.steps.iter().map(|(at, _)| *at)),
        );
    }
    let changes = instants
        .range(from..to.max(from))
        .map(|at| (*at, truth(&known, predicate, *at, from)));
    Timeline::new(from, to, changes.collect::<Vec<_>>())
}

fn gather<'a>(facts: &Facts<'a>, predicate: &StatePredicate) -> Known<'a> {
    let index: BTreeMap<&NodeName, usize> = predicate.on.nodes.iter().zip(0..).collect();
    let mut nodes: Vec<AtNode<'a>> = Vec::new();
    nodes.resize_with(predicate.on.nodes.len(), Default::default);
    for entry in &facts.states {
        match &entry.event {
            Event::Observation(seen) if seen.state == predicate.state => {
                let Some(node) = index.get(&seen.node) else {
                    continue;
                };
                let (alive, series) = &mut nodes[*node];
                if alive.last().is_none_or(|(_, works)| !works) {
                    alive.push((entry.at, true));
                }
                if selects(predicate, &seen.key) {
                    series.entry(&seen.key).or_default().observe(entry.at, seen);
                }
            }
            Event::CollectorFailed { node, collector, .. } if reads(collector, predicate.state) => {
                let Some(node) = index.get(node) else { continue };
                let (alive, series) = &mut nodes[*node];
                alive.push((entry.at, false));
                for series in series.values_mut() {
                    series.steps.push((entry.at, Possible::Unknown));
                }
            }
            _ => {}
        }
    }
    Known { nodes }
}

fn selects(predicate: &StatePredicate, key: &str) -> bool {
    let special = key == keys::TABLE && predicate.state != StateKind::MacTable;
    if special {
        return predicate.key == keys::TABLE;
    }
    matches(&predicate.key, key)
}

/// A collector is named after the kind it reads; one with another name may read anything.
fn reads(collector: &str, state: StateKind) -> bool {
    let name = |state: StateKind| serde_json::to_value(state).ok();
    let own = Value::String(collector.to_owned());
    let is_kind = serde_json::from_value::<StateKind>(own.clone()).is_ok();
    !is_kind || name(state) == Some(own)
}

fn works(alive: &[(MonoTime, bool)], at: MonoTime) -> bool {
    let index = alive.partition_point(|(since, _)| *since <= at);
    index.checked_sub(1).is_some_and(|index| alive[index].1)
}

fn truth(known: &Known<'_>, predicate: &StatePredicate, at: MonoTime, start: MonoTime) -> Truth {
    let per_node = known.nodes.iter().map(|(alive, series)| {
        let works = works(alive, at);
        let instances = series.values().map(|series| (series.at(at), series.at(start)));
        (works, instances.collect::<Vec<_>>())
    });
    let path = predicate.field.as_deref();
    match &predicate.op {
        Op::Present => quantify(
            per_node.map(|(works, list)| exists(works, &list, path)),
            predicate.quantifier,
        ),
        Op::Absent => quantify(
            per_node.map(|(works, list)| match exists(works, &list, path) {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Unknown => Truth::Unknown,
            }),
            predicate.quantifier,
        ),
        Op::DiffersBetween(Between::Nodes) | Op::SameBetween(Between::Nodes) => {
            let differs = matches!(predicate.op, Op::DiffersBetween(_));
            between_nodes(per_node.map(|(_, list)| values(&list, path)).collect(), differs)
        }
        Op::DiffersBetween(Between::Keys) | Op::SameBetween(Between::Keys) => {
            let differs = matches!(predicate.op, Op::DiffersBetween(_));
            let each = per_node.map(|(_, list)| match values(&list, path) {
                Some(values) if values.1 >= 2 => Truth::from((values.0.len() > 1) == differs),
                _ => Truth::Unknown,
            });
            quantify(each, predicate.quantifier)
        }
        _ => compare(per_node, predicate),
    }
}

fn quantify(truths: impl Iterator<Item = Truth>, quantifier: Quantifier) -> Truth {
    let folded = match quantifier {
        Quantifier::All => truths.min(),
        Quantifier::Any => truths.max(),
    };
    folded.unwrap_or(Truth::Unknown)
}

/// Whether a node has a matching instance (with this field).
fn exists(works: bool, instances: &[(Possible<'_>, Possible<'_>)], path: Option<&str>) -> Truth {
    let there = |value: &Value| Truth::from(!field(value, path).is_null());
    let found = instances.iter().map(|(now, _)| match now {
        Possible::Known(value) => there(value),
        Possible::Either(old, new) => agree(old.map_or(Truth::False, there), there(new)),
        Possible::Unknown => Truth::Unknown,
        Possible::Unseen => Truth::False,
    });
    let found = found.max().unwrap_or(Truth::False);
    if works { found } else { found.max(Truth::Unknown) }
}

fn agree(old: Truth, new: Truth) -> Truth {
    if old == new { old } else { Truth::Unknown }
}

/// The distinct values of a field at a node as text, and how many instances have it; none if they are not known.
fn values(
    instances: &[(Possible<'_>, Possible<'_>)],
    path: Option<&str>,
) -> Option<(BTreeSet<String>, usize)> {
    let (mut distinct, mut count) = (BTreeSet::new(), 0);
    for (now, _) in instances {
        let value = match now {
            Possible::Known(value) => field(value, path),
            Possible::Unseen => continue,
            Possible::Either(Some(old), new) if field(old, path) == field(new, path) => field(new, path),
            Possible::Either(..) | Possible::Unknown => return None,
        };
        if !value.is_null() {
            distinct.insert(value.to_string());
            count += 1;
        }
    }
    Some((distinct, count))
}

fn between_nodes(nodes: Vec<Option<(BTreeSet<String>, usize)>>, differs: bool) -> Truth {
    let Some(nodes) = nodes.into_iter().collect::<Option<Vec<_>>>() else {
        return Truth::Unknown;
    };
    if nodes.len() < 2 || nodes.iter().any(|(values, _)| values.is_empty()) {
        return Truth::Unknown;
    }
    let every_pair = |holds: fn(&BTreeSet<String>, &BTreeSet<String>) -> bool| {
        nodes
            .iter()
            .enumerate()
            .all(|(index, (a, _))| nodes[index + 1..].iter().all(|(b, _)| holds(a, b)))
    };
    Truth::from(if differs {
        every_pair(BTreeSet::is_disjoint)
    } else {
        every_pair(|a, b| a == b)
    })
}

fn compare<'a>(
    nodes: impl Iterator<Item = (bool, Vec<(Possible<'a>, Possible<'a>)>)>,
    predicate: &StatePredicate,
) -> Truth {
    let mut truths = Vec::new();
    for (works, instances) in nodes {
        let before = truths.len();
        for (now, start) in instances {
            truths.extend(instance(works, now, start, predicate));
        }
        if truths.len() == before {
            // No instance: nothing satisfies "any", and "all" of nothing would be vacuous.
            truths.push(if works && predicate.quantifier == Quantifier::Any {
                Truth::False
            } else {
                Truth::Unknown
            });
        }
    }
    quantify(truths.into_iter(), predicate.quantifier)
}

/// The truth of one instance, or none while it does not exist yet.
fn instance(
    works: bool,
    now: Possible<'_>,
    start: Possible<'_>,
    predicate: &StatePredicate,
) -> Option<Truth> {
    let holds = |value: &Value| Truth::from(satisfies(value, start, predicate));
    if matches!(predicate.op, Op::Changed) && matches!(start, Possible::Either(..) | Possible::Unknown) {
        return Some(Truth::Unknown);
    }
    match now {
        Possible::Known(value) => Some(holds(value)),
        Possible::Either(Some(old), new) => Some(agree(holds(old), holds(new))),
        Possible::Either(None, new) if works => match holds(new) {
            Truth::False => Some(Truth::False),
            _ => Some(Truth::Unknown),
        },
        Possible::Unseen if works => None,
        Possible::Either(None, _) | Possible::Unknown | Possible::Unseen => Some(Truth::Unknown),
    }
}

fn satisfies(value: &Value, start: Possible<'_>, predicate: &StatePredicate) -> bool {
    let path = predicate.field.as_deref();
    let found = field(value, path);
    match &predicate.op {
        Op::Equals(wanted) => same(found, wanted),
        Op::Not(wanted) => !same(found, wanted),
        Op::OneOf(wanted) => wanted.iter().any(|wanted| same(found, wanted)),
        Op::Less(limit) => found.as_f64().is_some_and(|number| number < *limit),
        Op::Greater(limit) => found.as_f64().is_some_and(|number| number > *limit),
        Op::Changed => match start {
            Possible::Known(before) => !same(found, field(before, path)),
            _ => !found.is_null(),
        },
        Op::Present => !found.is_null(),
        Op::Absent => found.is_null(),
        Op::DiffersBetween(_) | Op::SameBetween(_) => false,
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

/// Follows a dotted path; `null` where it leads nowhere.
fn field<'v>(value: &'v Value, path: Option<&str>) -> &'v Value {
    let mut found = value;
    for part in path.into_iter().flat_map(|path| path.split('.')) {
        found = found.get(part).unwrap_or(&Value::Null);
    }
    found
}
