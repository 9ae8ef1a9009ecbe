//! Tests of the ledger: examples people can check by hand, and random traffic against a naive reading of the same facts.

use std::time::Duration;

use proptest::prelude::*;

use super::{Arrival, Ledger};
use crate::base::MonoTime;
use crate::record::{FlowGap, FlowId};

const INTERVAL: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_millis(100);

fn at(ms: u64) -> MonoTime {
    MonoTime(ms * 1_000_000)
}

fn ledger() -> Ledger {
    Ledger::new(FlowId(7), INTERVAL, PATIENCE)
}

/// Sends `count` packets, one each interval; those in `lost` never arrive, the others at once.
fn run(count: u64, lost: &[u64]) -> (Ledger, Vec<FlowGap>) {
    let mut ledger = ledger();
    let mut gaps = Vec::new();
    for n in 0..count {
        let seq = ledger.on_sent(at(n * 10), false).unwrap();
        if !lost.contains(&seq) {
            assert_eq!(ledger.on_received(seq), Arrival::Expected);
        }
        ledger.expire(at(n * 10), &mut gaps);
    }
    (ledger, gaps)
}

#[test]
fn traffic_without_loss_has_no_gap() {
    let (mut ledger, mut gaps) = run(100, &[]);
    ledger.close(&mut gaps);
    assert_eq!(gaps, []);
    assert_eq!(ledger.counts().received, 100);
    assert_eq!(ledger.silent_since(), None);
}

#[test]
fn a_gap_is_bounded_by_the_packets_around_it_once_patience_is_over() {
    let (_, gaps) = run(40, &[10, 11, 12]);
    let gap = FlowGap {
        flow: FlowId(7),
        last_ok: Some(at(90)),
        first_lost: at(100),
        last_lost: at(120),
        next_ok: Some(at(130)),
        lost: 3,
        spoiled: false,
    };
    assert_eq!(gaps, [gap]);
    let (_, too_early) = run(22, &[10, 11, 12]);
    assert_eq!(too_early, [], "packet 12 may still arrive at 210 ms");
}

#[test]
fn an_outage_that_has_not_ended_is_reported_at_the_end_without_end() {
    let lost: Vec<u64> = (10..40).collect();
    let (mut ledger, mut gaps) = run(40, &lost);
    assert_eq!(gaps, []);
    let open = ledger.open_gap().unwrap();
    assert_eq!((open.first_lost, open.last_lost), (at(100), at(290)));
    assert_eq!(ledger.silent_since(), Some(at(100)));
    assert!(!ledger.nothing_awaited());
    ledger.close(&mut gaps);
    assert_eq!((gaps[0].lost, gaps[0].next_ok), (30, None));
    assert_eq!(ledger.lost(), 30);
}

#[test]
fn a_flow_that_never_arrived_has_no_last_good_packet() {
    let lost: Vec<u64> = (0..5).collect();
    let (mut ledger, mut gaps) = run(5, &lost);
    ledger.close(&mut gaps);
    assert_eq!((gaps[0].last_ok, gaps[0].lost), (None, 5));
}

#[test]
fn a_packet_after_its_patience_stays_lost_and_counts_as_late() {
    let (mut ledger, gaps) = run(40, &[10]);
    assert_eq!(gaps.len(), 1);
    assert_eq!(ledger.on_received(10), Arrival::Late);
    assert_eq!(ledger.on_received(9), Arrival::Duplicate);
    assert_eq!((ledger.late(), ledger.counts().received), (1, 39));
}

#[test]
fn packets_waiting_in_the_socket_while_the_prober_slept_are_not_lost() {
    let mut ledger = ledger();
    let mut gaps = Vec::new();
    ledger.on_sent(at(0), false).unwrap();
    ledger.on_sent(at(10), false).unwrap();
    // The prober slept for ten seconds, then drains its socket before it expires anything.
    assert_eq!(ledger.on_received(0), Arrival::Expected);
    assert_eq!(ledger.on_received(1), Arrival::Expected);
    ledger.expire(at(10_000), &mut gaps);
    ledger.close(&mut gaps);
    assert_eq!(gaps, []);
}

#[test]
fn reordered_packets_are_counted_and_leave_no_gap() {
    let mut ledger = ledger();
    let mut gaps = Vec::new();
    for n in 0..3 {
        ledger.on_sent(at(n * 10), false).unwrap();
    }
    for seq in [0, 2, 1] {
        assert_eq!(ledger.on_received(seq), Arrival::Expected);
    }
    ledger.close(&mut gaps);
    assert_eq!((gaps.len(), ledger.counts().reordered), (0, 1));
}

#[test]
fn a_late_send_within_a_gap_or_right_after_it_marks_the_gap_as_spoiled() {
    for (spoiled_seq, marked) in [(1, false), (2, true), (3, true), (4, false)] {
        let mut ledger = ledger();
        let mut gaps = Vec::new();
        for n in 0..6 {
            let seq = ledger.on_sent(at(n * 10), n == spoiled_seq).unwrap();
            if seq != 2 {
                ledger.on_received(seq);
            }
        }
        ledger.close(&mut gaps);
        assert_eq!(
            (gaps.len(), gaps[0].spoiled),
            (1, marked),
            "spoiled send {spoiled_seq}"
        );
    }
}

#[test]
fn memory_is_bounded_when_the_receiving_side_hangs() {
    let mut ledger = ledger();
    let sent = (0..10_000)
        .filter(|n| ledger.on_sent(at(n * 10), false).is_some())
        .count();
    assert_eq!(sent, (10 + 2) * 8);
}

#[test]
fn a_packet_never_sent_is_unknown() {
    assert_eq!(ledger().on_received(0), Arrival::Unknown);
}

/// How a packet fares: lost, or arriving after this many more sends, once or twice.
#[derive(Clone, Debug)]
enum Fate {
    Lost,
    Arrives { after: u64, twice: bool },
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        2 => Just(Fate::Lost),
        5 => Just(Fate::Arrives { after: 0, twice: false }),
        1 => (0u64..8, any::<bool>()).prop_map(|(after, twice)| Fate::Arrives { after, twice }),
    ];
    let burst = (fate, 1usize..12).prop_map(|(fate, length)| vec![fate; length]);
    proptest::collection::vec(burst, 0..30).prop_map(|bursts| bursts.concat())
}

/// Reads gaps off the fates directly.
fn naive_gaps(fates: &[Fate]) -> Vec<FlowGap> {
    let time = |n: usize| at(n as u64 * 10);
    let lost = |n: usize| matches!(fates[n], Fate::Lost);
    let mut gaps = Vec::new();
    let mut n = 0;
    while n < fates.len() {
        if lost(n) {
            let end = (n..fates.len()).find(|n| !lost(*n)).unwrap_or(fates.len());
            gaps.push(FlowGap {
                flow: FlowId(7),
                last_ok: n.checked_sub(1).map(time),
                first_lost: time(n),
                last_lost: time(end - 1),
                next_ok: (end < fates.len()).then(|| time(end)),
                lost: (end - n) as u64,
                spoiled: false,
            });
            n = end;
        }
        n += 1;
    }
    gaps
}

proptest! {
    #[test]
    fn gaps_equal_a_naive_reading_of_the_same_traffic(fates in fates(), expire_every in 1u64..9) {
        let mut ledger = ledger();
        let mut gaps = Vec::new();
        let mut due: Vec<(u64, u64)> = Vec::new();
        let mut duplicates = 0;
        for n in 0..fates.len() as u64 + 10 {
            if let Some(fate) = fates.get(usize::try_from(n).unwrap()) {
                let seq = ledger.on_sent(at(n * 10), false).unwrap();
                if let Fate::Arrives { after, twice } = fate {
                    due.push((n + after, seq));
                    if *twice {
                        due.push((n + after, seq));
                        duplicates += 1;
                    }
                }
            }
            for (_, seq) in due.extract_if(.., |(when, _)| *when <= n) {
                ledger.on_received(seq);
            }
            if n % expire_every == 0 {
                ledger.expire(at(n * 10), &mut gaps);
            }
        }
        ledger.close(&mut gaps);
        let counts = ledger.counts();
        prop_assert_eq!(&gaps, &naive_gaps(&fates));
        prop_assert_eq!(counts.duplicated, duplicates);
        prop_assert_eq!(counts.received + ledger.lost(), counts.sent);
        prop_assert_eq!(gaps.iter().map(|gap| gap.lost).sum::<u64>(), ledger.lost());
    }
}
