//! Gaps of single flows put together to what a pair of nodes went through.
//!
//! Many flows run from one node to another, each over another hash bucket. A gray failure stops some of them only; so a
//! pair's time is cut into segments that say how many of its flows were losing packets.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use crate::base::MonoTime;
use crate::record::{Entry, Event, FlowId};

use super::facts::flows;

/// A moment at which the number of flows that lose packets changes, and by how many.
type Edge = (MonoTime, i64);

/// All pairs of an experiment.
#[derive(Debug, Default)]
pub(super) struct Traffic<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
}

/// Traffic of a group in one direction between two nodes.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) group: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) flows: usize,
    /// Times of loss, in order, touching ones kept apart when the number of flows changes.
    pub(super) segments: Vec<Segment>,
}

/// A time in which the same number of flows lost packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) from: MonoTime,
    pub(super) until: MonoTime,
    pub(super) flows: usize,
}

impl<'a> Traffic<'a> {
    /// `horizon` ends gaps whose end was not seen.
    pub(super) fn new(entries: &[&'a Entry], horizon: MonoTime) -> Self {
        // Number of flows, and by how many the lossy ones change when.
        let mut pairs: IndexMap<(&str, &str, &str), (usize, Vec<Edge>)> = IndexMap::new();
        let mut pair_of: BTreeMap<FlowId, usize> = BTreeMap::new();
        for flow in flows(entries) {
            let key = (flow.group.as_str(), flow.from.as_str(), flow.to.as_str());
            let slot = pairs.entry(key);
            pair_of.insert(flow.id, slot.index());
            slot.or_default().0 += 1;
        }
        for entry in entries {
            let Event::FlowGap(gap) = &entry.event else {
                continue;
            };
            let Some((_, (_, edges))) = pair_of
                .get(&gap.flow)
                .and_then(|index| pairs.get_index_mut(*index))
            else {
                continue;
            };
            edges.push((gap.first_lost, 1));
            edges.push((gap.next_ok.unwrap_or(horizon).max(gap.last_lost), -1));
        }
        let pairs = pairs.into_iter().map(|((group, from, to), (flows, edges))| Pair {
            group,
            from,
            to,
            flows,
            segments: segments(edges),
        });
        Self {
            pairs: pairs.collect(),
        }
    }

    /// Returns the groups in order of appearance, each with its pairs.
    pub(super) fn groups(&self) -> IndexMap<&'a str, Vec<&Pair<'a>>> {
        let mut groups: IndexMap<&str, Vec<&Pair<'_>>> = IndexMap::new();
        for pair in &self.pairs {
            groups.entry(pair.group).or_default().push(pair);
        }
        groups
    }
}

impl Pair<'_> {
    /// Returns times without service, whatever the number of flows: touching segments joined.
    pub(super) fn outages(&self) -> Vec<(MonoTime, MonoTime)> {
        let mut joined: Vec<(MonoTime, MonoTime)> = Vec::new();
        for segment in &self.segments {
            match joined.last_mut() {
                Some((_, until)) if *until >= segment.from => *until = segment.until,
                _ => joined.push((segment.from, segment.until)),
            }
        }
        joined
    }

    /// Returns the longest of its outages.
    pub(super) fn longest(&self) -> Duration {
        self.outages()
            .into_iter()
            .map(|(from, until)| until.since(from))
            .max()
            .unwrap_or_default()
    }
}

fn segments(mut edges: Vec<Edge>) -> Vec<Segment> {
    edges.sort();
    let mut found = Vec::new();
    let mut open = 0_i64;
    let mut since = MonoTime::default();
    for (at, change) in edges {
        if let (Ok(flows @ 1..), true) = (usize::try_from(open), at > since) {
            found.push(Segment {
                from: since,
                until: at,
                flows,
            });
        }
        open += change;
        since = at;
    }
    found.dedup_by(|next, previous| {
        let same = previous.until == next.from && previous.flows == next.flows;
        if same {
            previous.until = next.until;
        }
        same
    });
    found
}
