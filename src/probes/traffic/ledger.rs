//! Bookkeeping of one flow: which packets were sent, which arrived, and the gaps between.
//!
//! Packets are settled strictly in order of their sequence numbers: a gap is only known once every packet before its end
//! has either arrived or outlived the prober's patience, so it is reported up to that patience after it ended. A packet
//! counts as arrived until [`Ledger::expire`] has given it up, whatever the clock says: a prober that was not scheduled
//! must not turn packets waiting in its socket into losses.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::MonoTime;
use crate::record::{FlowCount, FlowGap, FlowId};

/// How many runs of lost packets are remembered to tell a late packet from a duplicate.
const REMEMBERED_RUNS: usize = 32;

/// Longest number of unsettled packets, in multiples of what patience allows, before the prober stops sending.
const MOST_UNSETTLED: u64 = 8;

#[derive(Clone, Copy, Debug)]
struct Slot {
    sent: MonoTime,
    arrived: bool,
    spoiled: bool,
}

/// The books of one flow.
#[derive(Debug)]
pub struct Ledger {
    flow: FlowId,
    patience: Duration,
    capacity: usize,
    /// Sequence number of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    highest_arrived: Option<(u64, MonoTime)>,
    last_ok: Option<MonoTime>,
    open: Option<FlowGap>,
    lost_runs: VecDeque<(u64, u64)>,
    counts: FlowCount,
    lost: u64,
    late: u64,
}

/// What a packet's arrival meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It had been awaited.
    Expected,
    /// It had arrived before.
    Duplicate,
    /// It had been given up; it stays lost.
    Late,
    /// It was never sent.
    Unknown,
}

impl Ledger {
    /// Opens the books of a flow that sends every `interval` and gives a packet up after `patience`.
    #[must_use]
    pub fn new(flow: FlowId, interval: Duration, patience: Duration) -> Self {
        let in_flight = patience.as_nanos() / interval.as_nanos().max(1) + 2;
        let capacity = usize::try_from(in_flight * u128::from(MOST_UNSETTLED)).unwrap_or(usize::MAX);
        let counts = FlowCount {
            flow,
            sent: 0,
            received: 0,
            duplicated: 0,
            reordered: 0,
            spoiled: 0,
        };
        Self {
            flow,
            patience,
            capacity,
            first: 0,
            slots: VecDeque::new(),
            highest_arrived: None,
            last_ok: None,
            open: None,
            lost_runs: VecDeque::new(),
            counts,
            lost: 0,
            late: 0,
        }
    }

    /// Books a packet just before it is sent and returns its sequence number.
    ///
    /// Returns none when so many packets are unsettled that the receiving side cannot be running: nothing may be sent then.
    pub fn on_sent(&mut self, sent: MonoTime, spoiled: bool) -> Option<u64> {
        if self.slots.len() >= self.capacity {
            return None;
        }
        self.slots.push_back(Slot {
            sent,
            arrived: false,
            spoiled,
        });
        self.counts.sent += 1;
        self.counts.spoiled += u64::from(spoiled);
        Some(self.counts.sent - 1)
    }

    /// Books an arrival.
    pub fn on_received(&mut self, seq: u64) -> Arrival {
        if seq >= self.counts.sent {
            return Arrival::Unknown;
        }
        if seq < self.first {
            return if self
                .lost_runs
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&seq))
            {
                self.late += 1;
                Arrival::Late
            } else {
                self.counts.duplicated += 1;
                Arrival::Duplicate
            };
        }
        let index = usize::try_from(seq - self.first).expect("slots fit in memory");
        let slot = &mut self.slots[index];
        if slot.arrived {
            self.counts.duplicated += 1;
            return Arrival::Duplicate;
        }
        slot.arrived = true;
        self.counts.received += 1;
        match self.highest_arrived {
            Some((highest, _)) if seq < highest => self.counts.reordered += 1,
            _ => self.highest_arrived = Some((seq, slot.sent)),
        }
        Arrival::Expected
    }

    /// Settles what can be settled: gives up packets sent more than the patience before `now` and hands out closed gaps.
    ///
    /// `now` must not lie after the instant up to which all arrivals have been booked.
    pub fn expire(&mut self, now: MonoTime, gaps: &mut Vec<FlowGap>) {
        while let Some(slot) = self.slots.front().copied() {
            if !slot.arrived && slot.sent + self.patience > now {
                break;
            }
            self.settle(slot, gaps);
        }
    }

    /// Gives up everything still awaited and hands out the last gap, whose end was not seen.
    pub fn close(&mut self, gaps: &mut Vec<FlowGap>) {
        while let Some(slot) = self.slots.front().copied() {
            self.settle(slot, gaps);
        }
        gaps.extend(self.open.take());
    }

    fn settle(&mut self, slot: Slot, gaps: &mut Vec<FlowGap>) {
        if slot.arrived {
            if let Some(mut gap) = self.open.take() {
                gap.next_ok = Some(slot.sent);
                gap.spoiled |= slot.spoiled;
                gaps.push(gap);
            }
            self.last_ok = Some(slot.sent);
        } else {
            self.lost += 1;
            self.remember_lost(self.first);
            let gap = self.open.get_or_insert(FlowGap {
                flow: self.flow,
                last_ok: self.last_ok,
                first_lost: slot.sent,
                last_lost: slot.sent,
                next_ok: None,
                lost: 0,
                spoiled: false,
            });
            gap.last_lost = slot.sent;
            gap.lost += 1;
            gap.spoiled |= slot.spoiled;
        }
        self.slots.pop_front();
        self.first += 1;
    }

    fn remember_lost(&mut self, seq: u64) {
        match self.lost_runs.back_mut() {
            Some((_, to)) if *to + 1 == seq => *to = seq,
            _ => self.lost_runs.push_back((seq, seq)),
        }
        if self.lost_runs.len() > REMEMBERED_RUNS {
            self.lost_runs.pop_front();
        }
    }

    /// Returns the totals so far.
    #[must_use]
    pub fn counts(&self) -> FlowCount {
        self.counts
    }

    /// Returns how many packets were given up.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns how many packets arrived after they had been given up.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Returns the gap of packets given up whose end has not been seen.
    #[must_use]
    pub fn open_gap(&self) -> Option<FlowGap> {
        self.open
    }

    /// Returns the sending time of the highest packet that arrived.
    #[must_use]
    pub fn last_arrived(&self) -> Option<MonoTime> {
        self.highest_arrived.map(|(_, sent)| sent)
    }

    /// Returns when the first packet was sent that is later than all that arrived: since then there is silence.
    ///
    /// A packet that is merely under way counts, so compare the age with what the network may take.
    #[must_use]
    pub fn silent_since(&self) -> Option<MonoTime> {
        let next = self.highest_arrived.map_or(0, |(seq, _)| seq + 1);
        match next.checked_sub(self.first) {
            Some(index) => usize::try_from(index)
                .ok()
                .and_then(|index| self.slots.get(index))
                .map(|slot| slot.sent),
            None => self.open.map(|gap| gap.first_lost),
        }
    }

    /// Returns whether all packets sent have been settled or have arrived.
    #[must_use]
    pub fn nothing_awaited(&self) -> bool {
        self.slots.iter().all(|slot| slot.arrived)
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
