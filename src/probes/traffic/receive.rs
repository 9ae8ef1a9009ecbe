//! The receiving thread: drains all sockets, settles the books, writes what it learns to the history.
//!
//! It wakes on a tick instead of per packet. Nothing measured depends on when a packet is read (gaps are bounded by
//! *sending* times), and a wake-up per packet would cost more than all the rest.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::packet::Header;
use super::{Shared, send};
use crate::base::MonoTime;
use crate::record::{Event, FlowGap, FlowId, HistoryWriter};

/// How often sockets are drained.
const TICK: Duration = Duration::from_millis(5);
/// How often books are settled.
const SETTLE_EVERY: Duration = Duration::from_millis(20);
/// How often counts are written.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Lateness above this is worth an entry of its own.
const NOTABLE_LATENESS: Duration = Duration::from_millis(5);

/// The receiving side of a prober.
pub(super) struct Receiver<'a> {
    pub(super) shared: &'a Shared,
    pub(super) sockets: &'a [UdpSocket],
    pub(super) index_of: BTreeMap<FlowId, usize>,
    pub(super) history: &'a HistoryWriter,
    pub(super) patience: Duration,
}

impl Receiver<'_> {
    /// Receives until told to stop and nothing is awaited any more, at most for the patience after that.
    pub(super) fn run(&self) {
        send::ask_for_punctuality(self.shared.packets_per_second, send::RECEIVER);
        let mut settled = MonoTime::now();
        let mut reported = settled;
        let mut give_up: Option<MonoTime> = None;
        let mut drops = self.drops();
        loop {
            std::thread::sleep(TICK);
            let now = MonoTime::now();
            self.drain();
            if now.since(settled) >= SETTLE_EVERY {
                settled = now;
                self.settle(now);
            }
            if now.since(reported) >= REPORT_EVERY {
                reported = now;
                self.report(&mut drops);
            }
            if self.shared.stop_receiving.load(Ordering::Acquire) {
                let until = *give_up.get_or_insert(now + self.patience);
                if now >= until || self.shared.aborted.load(Ordering::Acquire) || self.nothing_awaited() {
                    break;
                }
            }
        }
        self.close();
        self.report(&mut drops);
    }

    fn drain(&self) {
        let mut buffer = [0; 2048];
        for socket in self.sockets {
            // An error other than "nothing there" is an ICMP complaint about some packet; the next read gets on.
            loop {
                match socket.recv(&mut buffer) {
                    Ok(length) => self.book(&buffer[..length]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        }
    }

    fn book(&self, packet: &[u8]) {
        match Header::read(packet).filter(|header| header.token == self.shared.token) {
            Some(header) => match self.index_of.get(&header.flow) {
                Some(index) => {
                    self.shared.ledger(*index).on_received(header.seq);
                }
                None => self.count_foreign(),
            },
            None => self.count_foreign(),
        }
    }

    fn count_foreign(&self) {
        self.shared.foreign.fetch_add(1, Ordering::Relaxed);
    }

    fn settle(&self, now: MonoTime) {
        let mut gaps = Vec::new();
        for index in 0..self.shared.ledgers.len() {
            self.shared.ledger(index).expire(now, &mut gaps);
        }
        self.write_gaps(gaps);
    }

    fn close(&self) {
        let mut gaps = Vec::new();
        for index in 0..self.shared.ledgers.len() {
            self.shared.ledger(index).close(&mut gaps);
        }
        self.write_gaps(gaps);
    }

    fn write_gaps(&self, gaps: Vec<FlowGap>) {
        let number = gaps.len() as u64;
        self.shared.gaps.fetch_add(number, Ordering::Relaxed);
        for gap in gaps {
            self.history.write(Event::FlowGap(gap));
        }
    }

    fn report(&self, drops: &mut u64) {
        let counts = (0..self.shared.ledgers.len())
            .map(|index| self.shared.ledger(index).counts())
            .collect();
        self.history.write(Event::FlowCounts { counts });
        let dropped = self.drops();
        let overrun = dropped.saturating_sub(*drops);
        *drops = dropped;
        self.shared.overruns.fetch_add(overrun, Ordering::Relaxed);
        let (worst, spoiled) = self.shared.lateness.take_second();
        if worst > NOTABLE_LATENESS || overrun > 0 {
            self.history.write(Event::ProberLate {
                nanos: u64::try_from(worst.as_nanos()).unwrap_or(u64::MAX),
                spoiled: spoiled + overrun,
            });
        }
    }

    /// Packets that the kernel threw away because this thread did not read in time, over all sockets.
    fn drops(&self) -> u64 {
        self.sockets
            .iter()
            .map(super::overrun::dropped_packets)
            .fold(0, u64::saturating_add)
    }

    fn nothing_awaited(&self) -> bool {
        (0..self.shared.ledgers.len()).all(|index| self.shared.ledger(index).nothing_awaited())
    }
}
