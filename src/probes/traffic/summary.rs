//! What a prober tells about its flows and about itself, while running and at the end.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Shared;
use super::ledger::Ledger;
use crate::base::MonoTime;
use crate::record::{FlowCount, FlowGap};

/// The prober's own lateness.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    worst: AtomicU64,
    spoiled: AtomicU64,
    pub(super) skipped: AtomicU64,
    worst_of_second: AtomicU64,
    spoiled_of_second: AtomicU64,
}

impl Lateness {
    pub(super) fn note(&self, late_ns: u64, spoiled: bool) {
        self.worst_of_second.fetch_max(late_ns, Ordering::Relaxed);
        if spoiled {
            self.spoiled_of_second.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the worst lateness and the number of spoiled sends since the last call.
    pub(super) fn take_second(&self) -> (Duration, u64) {
        let worst = self.worst_of_second.swap(0, Ordering::Relaxed);
        let spoiled = self.spoiled_of_second.swap(0, Ordering::Relaxed);
        self.worst.fetch_max(worst, Ordering::Relaxed);
        self.spoiled.fetch_add(spoiled, Ordering::Relaxed);
        (Duration::from_nanos(worst), spoiled)
    }
}

/// Where all flows stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficSnapshot {
    /// When it was taken.
    pub at: MonoTime,
    /// The flows, in the order given to the prober.
    pub flows: Vec<FlowView>,
}

/// Where a flow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowView {
    /// Its counts.
    pub count: FlowCount,
    /// Packets given up so far in a gap whose end has not been settled. Lags by the prober's patience.
    pub open_gap: Option<FlowGap>,
    /// When the latest packet that arrived was sent.
    pub last_arrived: Option<MonoTime>,
    /// When the first packet after that was sent; absent when all have arrived. Does not lag, but a packet under way counts:
    /// compare its age with what the network may take.
    pub silent_since: Option<MonoTime>,
}

impl FlowView {
    pub(super) fn of(ledger: &Ledger) -> Self {
        Self {
            count: ledger.counts(),
            open_gap: ledger.open_gap(),
            last_arrived: ledger.last_arrived(),
            silent_since: ledger.silent_since(),
        }
    }
}

/// What remains of a prober.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficSummary {
    /// The flows, in the order given to the prober.
    pub flows: Vec<FlowSummary>,
    /// Gaps recorded.
    pub gaps: u64,
    /// Sends that the kernel refused, by error name (`ENETUNREACH`); they count as lost in their flows.
    pub send_errors: BTreeMap<String, u64>,
    /// The worst lateness of a send.
    pub worst_lateness: Duration,
    /// Sends late by more than half an interval.
    pub spoiled: u64,
    /// Sends left out because the prober was late by whole intervals.
    pub skipped: u64,
    /// Packets that arrived and were not this prober's, or damaged.
    pub foreign: u64,
    /// Packets thrown away at a socket because the prober did not read in time, or damaged. They look like losses.
    pub overruns: u64,
}

/// Totals of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSummary {
    /// Its counts.
    pub count: FlowCount,
    /// Packets given up.
    pub lost: u64,
    /// Packets that arrived after they had been given up.
    pub late: u64,
}

impl TrafficSummary {
    pub(super) fn of(shared: &Shared) -> Self {
        let flows = (0..shared.ledgers.len())
            .map(|index| {
                let ledger = shared.ledger(index);
                FlowSummary {
                    count: ledger.counts(),
                    lost: ledger.lost(),
                    late: ledger.late(),
                }
            })
            .collect();
        Self {
            flows,
            gaps: shared.gaps.load(Ordering::Relaxed),
            send_errors: shared
                .send_errors
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            worst_lateness: Duration::from_nanos(shared.lateness.worst.load(Ordering::Relaxed)),
            spoiled: shared.lateness.spoiled.load(Ordering::Relaxed),
            skipped: shared.lateness.skipped.load(Ordering::Relaxed),
            foreign: shared.foreign.load(Ordering::Relaxed),
            overruns: shared.overruns.load(Ordering::Relaxed),
        }
    }

    /// Returns the share of sends that were spoiled, from 0 to 1; nothing sent is 0.
    #[must_use]
    pub fn spoiled_share(&self) -> f64 {
        let sent: u64 = self.flows.iter().map(|flow| flow.count.sent).sum();
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = self.spoiled as f64 / sent.max(1) as f64;
        share
    }
}
