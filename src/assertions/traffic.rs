//! Truth of a traffic predicate over time, and outages of pairs with error bars.
//!
//! Within a gap a flow certainly does not deliver from its first to its last lost packet; between the packets that arrived
//! and those it is not known. A pair is out while any of its flows is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::facts::Facts;
use super::model::{FlowSelection, TrafficPredicate, TrafficState};
use super::timeline::{Timeline, Truth};
use crate::base::{MonoTime, NodeName};
use crate::record::{Event, FlowCount, FlowGap, FlowId, FlowSpec};

/// A pair of nodes within a traffic group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) group: String,
    pub(super) from: NodeName,
    pub(super) to: NodeName,
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}→{}", self.from, self.to)
    }
}

struct Flow<'a> {
    spec: &'a FlowSpec,
    since: MonoTime,
    gaps: Vec<FlowGap>,
    last_count: Option<(MonoTime, FlowCount)>,
}

/// All traffic of an experiment.
pub(super) struct Traffic<'a> {
    flows: BTreeMap<FlowId, Flow<'a>>,
}

impl<'a> Traffic<'a> {
    pub(super) fn gather(facts: &Facts<'a>) -> Self {
        let mut flows: BTreeMap<FlowId, Flow<'a>> = BTreeMap::new();
        for entry in &facts.entries {
            if let Event::Flows { flows: specs } = &entry.event {
                for spec in specs {
                    let flow = Flow {
                        spec,
                        since: entry.at,
                        gaps: Vec::new(),
                        last_count: None,
                    };
                    flows.insert(spec.id, flow);
                }
            }
        }
        for entry in &facts.entries {
            match &entry.event {
                Event::FlowGap(gap) => {
                    if let Some(flow) = flows.get_mut(&gap.flow) {
                        flow.gaps.push(*gap);
                    }
                }
                Event::FlowCounts { counts } => {
                    for count in counts {
                        if let Some(flow) = flows.get_mut(&count.flow) {
                            flow.last_count = Some((entry.at, *count));
                        }
                    }
                }
                _ => {}
            }
        }
        for flow in flows.values_mut() {
            flow.gaps = merged(&flow.gaps, Duration::from_nanos(flow.spec.interval_ns));
        }
        Self { flows }
    }

    /// Returns until when flows were counted.
    pub(super) fn end(&self) -> Option<MonoTime> {
        let ends = self.flows.values().filter_map(|flow| flow.last_count);
        ends.map(|(at, _)| at).max()
    }

    /// Returns sent and spoiled packets.
    pub(super) fn spoiled(&self) -> (u64, u64) {
        self.flows
            .values()
            .filter_map(|flow| flow.last_count)
            .fold((0, 0), |(sent, spoiled), (_, count)| {
                (sent + count.sent, spoiled + count.spoiled)
            })
    }

    /// Returns each selected pair with the delivery of its flows over `[from, to)`.
    pub(super) fn pairs(
        &self,
        selection: &FlowSelection,
        from: MonoTime,
        to: MonoTime,
    ) -> BTreeMap<Pair, Vec<Timeline>> {
        let mut pairs: BTreeMap<Pair, Vec<Timeline>> = BTreeMap::new();
        for flow in self.flows.values().filter(|flow| selects(selection, flow.spec)) {
            let pair = Pair {
                group: flow.spec.group.clone(),
                from: flow.spec.from.clone(),
                to: flow.spec.to.clone(),
            };
            pairs.entry(pair).or_default().push(flow.delivers(from, to));
        }
        pairs
    }
}

fn selects(selection: &FlowSelection, spec: &FlowSpec) -> bool {
    let group = selection.groups.is_empty() || selection.groups.contains(&spec.group);
    let from = selection
        .from
        .as_ref()
        .is_none_or(|from| from.nodes.contains(&spec.from));
    let to = selection.to.as_ref().is_none_or(|to| to.nodes.contains(&spec.to));
    group && from && to
}

impl Flow<'_> {
    fn delivers(&self, from: MonoTime, to: MonoTime) -> Timeline {
        let tick = Duration::from_nanos(1);
        let arrived = self.last_count.is_some_and(|(_, count)| count.received > 0);
        let mut changes = vec![(self.since, if arrived { Truth::True } else { Truth::Unknown })];
        for gap in &self.gaps {
            changes.push((gap.last_ok.unwrap_or(gap.first_lost), Truth::Unknown));
            if gap.first_lost <= gap.last_lost {
                changes.push((gap.first_lost, Truth::False));
                changes.push((gap.last_lost + tick, Truth::Unknown));
            }
            if let Some(next) = gap.next_ok {
                changes.push((next, Truth::True));
            }
        }
        changes.push((self.last_count.map_or(self.since, |(at, _)| at), Truth::Unknown));
        Timeline::new(MonoTime(0), to, changes).clip(from, to)
    }
}

/// Joins gaps that only a single packet separates, and widens spoiled ones by two intervals at each side.
fn merged(gaps: &[FlowGap], interval: Duration) -> Vec<FlowGap> {
    let mut sorted = gaps.to_vec();
    sorted.sort_by_key(|gap| gap.first_lost);
    let mut merged: Vec<FlowGap> = Vec::new();
    for gap in sorted {
        match merged.last_mut() {
            Some(last) if last.next_ok.is_some() && last.next_ok >= gap.last_ok => {
                last.last_lost = gap.last_lost;
                last.next_ok = gap.next_ok;
                last.lost += gap.lost;
                last.spoiled |= gap.spoiled;
            }
            _ => merged.push(gap),
        }
    }
    for gap in merged.iter_mut().filter(|gap| gap.spoiled) {
        let margin = interval * 2;
        gap.last_ok = Some(gap.last_ok.unwrap_or(gap.first_lost) - margin);
        gap.first_lost = gap.first_lost + margin;
        gap.last_lost = gap.last_lost - margin;
        gap.next_ok = gap.next_ok.map(|next| next + margin);
    }
    merged
}

/// Returns when a pair is out (any of its flows) and when all its flows are.
pub(super) fn out(flows: &[Timeline], from: MonoTime, to: MonoTime) -> (Timeline, Timeline) {
    let any_delivers = Timeline::any(flows, from, to);
    let out: Vec<_> = flows.iter().map(Timeline::not).collect();
    (Timeline::any(&out, from, to), any_delivers.not())
}

/// Returns the truth of a condition on all selected flows together.
pub(super) fn timeline(
    pairs: &BTreeMap<Pair, Vec<Timeline>>,
    predicate: &TrafficPredicate,
    from: MonoTime,
    to: MonoTime,
) -> Timeline {
    let flows: Vec<_> = pairs.values().flatten().collect();
    let total = flows.len();
    let share = |wanted: f64| move |delivering: usize| part(delivering, total) >= wanted;
    match predicate.is {
        TrafficState::Out => {
            let outs: Vec<_> = pairs.values().map(|flows| out(flows, from, to).0).collect();
            Timeline::any(&outs, from, to)
        }
        TrafficState::PairsOutAtLeast(wanted) => {
            let outs: Vec<_> = pairs.values().map(|flows| out(flows, from, to).0).collect();
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            Timeline::count(&outs, from, to, bounds(|out| out >= wanted))
        }
        TrafficState::Delivered => Timeline::count(flows, from, to, bounds(|delivering| delivering == total)),
        TrafficState::BlackHoled => Timeline::count(flows, from, to, bounds(|delivering| delivering == 0)),
        TrafficState::DeliveringAtLeast(wanted) => Timeline::count(flows, from, to, bounds(share(wanted))),
        TrafficState::DeliveringAtMost(wanted) => {
            let at_most = move |delivering: usize| part(delivering, total) <= wanted;
            Timeline::count(flows, from, to, bounds(at_most))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of flows are far below 2^52")]
fn part(delivering: usize, total: usize) -> f64 {
    if total == 0 {
        0.0
    } else {
        delivering as f64 / total as f64
    }
}

/// A monotone condition on a count is known when both bounds of the count agree.
fn bounds(condition: impl Fn(usize) -> bool) -> impl Fn(usize, usize) -> Truth {
    move |certain, unknown| match (condition(certain), condition(certain + unknown)) {
        (a, b) if a == b => Truth::from(a),
        _ => Truth::Unknown,
    }
}
