//! Outages, parts of the traffic, expected findings.

use super::*;

#[test]
fn one_dead_hash_bucket_is_an_outage_of_its_pair() {
    let story = Story::whole()
        .flows(&[("a", "b"), ("b", "a")], 4)
        .lost(2, 3000, 5200);
    let out = || traffic(TrafficState::Out);
    for (limit, expected) in [
        (2400, Verdict::Pass),
        (2300, Verdict::Inconclusive),
        (2100, Verdict::Fail),
    ] {
        assert_eq!(story.verdict(at_most(limit), out()), expected, "limit {limit} ms");
    }
    let context = JudgeContext {
        limit: Some(Duration::from_secs(1)),
        ..JudgeContext::default()
    };
    let result = story.judge(&[expect(at_most(1000), out())], &context);
    assert_eq!((result.kept, result.pairs), (1, 2));
    insta::assert_json_snapshot!(result);
}

#[test]
fn a_single_lost_packet_is_a_loss() {
    let story = Story::whole().flows(&[("a", "b")], 1).lost(0, 3000, 3000);
    assert_eq!(
        story.verdict(Temporal::Never, traffic(TrafficState::Out)),
        Verdict::Fail
    );
    assert_eq!(
        story.verdict(Temporal::Always, traffic(TrafficState::Delivered)),
        Verdict::Fail
    );
    let clean = Story::whole().flows(&[("a", "b")], 1);
    assert_eq!(
        clean.verdict(Temporal::Never, traffic(TrafficState::Out)),
        Verdict::Pass
    );
    assert_eq!(
        clean.verdict(Temporal::Always, traffic(TrafficState::Delivered)),
        Verdict::Pass
    );
}

#[test]
fn gaps_that_one_packet_separates_are_one() {
    let story = Story::whole()
        .flows(&[("a", "b")], 1)
        .lost(0, 3000, 4000)
        .lost(0, 4200, 5000);
    assert_eq!(
        story.verdict(at_most(1900), traffic(TrafficState::Out)),
        Verdict::Fail
    );
    let apart = Story::whole()
        .flows(&[("a", "b")], 1)
        .lost(0, 3000, 4000)
        .lost(0, 4300, 5000);
    assert_eq!(
        apart.verdict(at_most(1900), traffic(TrafficState::Out)),
        Verdict::Pass
    );
}

#[test]
fn a_stated_loss_of_service_is_an_expected_finding() {
    let context = JudgeContext {
        finding: Some(Finding::Loses),
        ..JudgeContext::default()
    };
    let loses = [expect(
        Temporal::LongerThan {
            limit: Duration::from_secs(1),
        },
        traffic(TrafficState::Out),
    )];
    let lost = Story::whole()
        .flows(&[("a", "b")], 1)
        .lost(0, 3000, 5000)
        .judge(&loses, &context);
    assert_eq!((lost.verdict, lost.expected_finding), (Verdict::Pass, true));
    let kept = Story::whole().flows(&[("a", "b")], 1).judge(&loses, &context);
    assert_eq!((kept.verdict, kept.expected_finding), (Verdict::Fail, false));
}

#[test]
fn an_outage_that_does_not_end_has_no_upper_bound() {
    let gap = FlowGap {
        flow: FlowId(0),
        last_ok: Some(ms(8900)),
        first_lost: ms(9000),
        last_lost: ms(9900),
        next_ok: None,
        lost: 10,
        spoiled: false,
    };
    let story = Story::whole()
        .flows(&[("a", "b")], 1)
        .at(10_000, Event::FlowGap(gap));
    assert_eq!(
        story.verdict(at_most(60_000), traffic(TrafficState::Out)),
        Verdict::Inconclusive
    );
    assert_eq!(
        story.verdict(at_most(500), traffic(TrafficState::Out)),
        Verdict::Fail
    );
}

#[test]
fn parts_of_the_traffic_are_counted_in_flows() {
    let story = Story::whole()
        .flows(&[("a", "b")], 4)
        .lost(0, 3000, 5000)
        .lost(1, 3000, 5000)
        .lost(2, 3000, 5000);
    let is = |state| story.verdict(soon(5000), traffic(state));
    assert_eq!(is(TrafficState::DeliveringAtMost(0.25)), Verdict::Pass);
    assert_eq!(is(TrafficState::DeliveringAtMost(0.2)), Verdict::Fail);
    assert_eq!(is(TrafficState::BlackHoled), Verdict::Fail);
    assert_eq!(is(TrafficState::PairsOutAtLeast(1)), Verdict::Pass);
    assert_eq!(
        story.verdict(Temporal::Always, traffic(TrafficState::DeliveringAtLeast(0.25))),
        Verdict::Pass
    );
}

#[test]
fn a_prober_that_died_early_proves_nothing() {
    let mut story = Story::whole().flows(&[("a", "b")], 1);
    let counts = story.entries.last_mut().unwrap();
    counts.at = ms(4000);
    assert_eq!(
        story.verdict(at_most(3000), traffic(TrafficState::Out)),
        Verdict::Inconclusive
    );
}

proptest::proptest! {
    /// Two flows of a pair lose what is sent in an outage; their sending times differ.
    #[test]
    fn the_error_bars_hold_the_true_length_of_an_outage(
        begin in 2000u64..4000, length in 150u64..4000, shift in 0u64..100,
    ) {
        let end = begin + length;
        let mut story = Story::whole().flows(&[("a", "b")], 2);
        for (flow, shift) in [(0, 0), (1, shift)] {
            let sent = (0..100).map(|n| 100 + shift + n * 100);
            let lost: Vec<u64> = sent.filter(|at| (begin..end).contains(at)).collect();
            if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
                story = story.lost(flow, *first, *last);
            }
        }
        let measured = story.judge(&[], &JudgeContext::default()).longest_outage.unwrap();
        let truth = length * 1_000_000;
        proptest::prop_assert!(measured.at_least_ns <= truth);
        proptest::prop_assert!(measured.at_most_ns.unwrap() >= truth);
        let (shorter, longer) = (length.saturating_sub(200), length + 200);
        let out = || traffic(TrafficState::Out);
        proptest::prop_assert_eq!(story.verdict(at_most(longer), out()), Verdict::Pass);
        proptest::prop_assert_ne!(story.verdict(at_most(length), out()), Verdict::Fail);
        proptest::prop_assert_ne!(story.verdict(at_most(shorter), out()), Verdict::Pass);
    }
}
