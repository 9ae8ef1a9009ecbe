//! How the sample was judged.

use crate::record::{Evidence, ExpectationResult, ExperimentResult, Measure, Verdict};

use super::at;

fn measure(name: &str, low: f64, high: f64) -> Measure {
    let nanos = |seconds: f64| u64::try_from(std::time::Duration::from_secs_f64(seconds).as_nanos()).unwrap();
    Measure {
        name: name.to_owned(),
        at_least_ns: nanos(low),
        at_most_ns: Some(nanos(high)),
    }
}

fn expectation(name: &str, verdict: Verdict, expected: &str, seen: &str, line: usize) -> ExpectationResult {
    ExpectationResult {
        name: name.to_owned(),
        verdict,
        expected: expected.to_owned(),
        seen: seen.to_owned(),
        source: Some(format!("ci/suites/outage.yaml:{line}")),
        hint: None,
        evidence: Vec::new(),
        measures: Vec::new(),
    }
}

fn evidence(from: f64, until: Option<f64>, what: &str) -> Evidence {
    Evidence {
        at: at(from),
        until: until.map(at),
        what: what.to_owned(),
    }
}

pub(super) fn mclag() -> ExperimentResult {
    let mut reachable = expectation(
        "customers stay reachable",
        Verdict::Fail,
        "no outage longer than 1 s in customers-internet",
        "2 of 4 pairs were without traffic for 29.1 s",
        41,
    );
    reachable.hint = Some(
        "ca2's MAC table was empty while LACP stayed up: look at who chose ca2 in the time line".to_owned(),
    );
    reachable.measures = vec![measure("longest outage", 29.095, 29.105)];
    reachable.evidence = vec![
        evidence(17.1, Some(46.2), "internet → c1: 4 of 4 flows lost packets"),
        evidence(17.1, Some(46.2), "internet → c2: 4 of 4 flows lost packets"),
        evidence(16.9, None, "ca2: MAC table empty"),
        evidence(19.0, None, "mx1: BGP to 10.97.2.1 left Established"),
    ];
    let mut gives_up = expectation(
        "the supervisor gives up",
        Verdict::Pass,
        "l2ald fails for good on at least one switch within 3 s",
        "ca2: l2ald failed after 1.67 s",
        36,
    );
    gives_up.evidence = vec![evidence(11.67, None, "ca2: l2ald failed")];
    let mut alarm = expectation(
        "the alarm is acknowledged",
        Verdict::Inconclusive,
        "somebody acknowledges the alarm within 10 s",
        "no acknowledgement was recorded, and the collector of ca2 failed at 13:40:05",
        47,
    );
    alarm.evidence = vec![evidence(11.7, None, "ca2: red chassis alarm")];
    let mut reboot = expectation(
        "reboot heals",
        Verdict::Pass,
        "all flows run again within 12 s of the reboot",
        "after 8.5 s",
        52,
    );
    reboot.evidence = vec![evidence(37.7, None, "reboot of ca1 and ca2 was requested")];
    ExperimentResult {
        experiment: "mclag-l2ald".into(),
        title: "l2ald dies on both aggregation switches".to_owned(),
        design: "mclag".to_owned(),
        row: "l2ald dead on both switches".to_owned(),
        verdict: Verdict::Fail,
        reason: None,
        expected_finding: false,
        expectations: vec![gives_up, reachable, alarm, reboot],
        longest_outage: Some(measure("longest outage", 29.095, 29.105)),
        kept: 2,
        pairs: 4,
    }
}

pub(super) fn target() -> ExperimentResult {
    let mut reachable = expectation(
        "customers stay reachable",
        Verdict::Pass,
        "no outage longer than 1 s in customers-internet",
        "longest outage 240 ms, on internet → c1",
        41,
    );
    reachable.measures = vec![measure("longest outage", 0.235, 0.245)];
    ExperimentResult {
        experiment: "target-l2ald".into(),
        title: "l2ald dies on both aggregation switches".to_owned(),
        design: "target".to_owned(),
        row: "l2ald dead on both switches".to_owned(),
        verdict: Verdict::Pass,
        reason: None,
        expected_finding: false,
        expectations: vec![reachable],
        longest_outage: Some(measure("longest outage", 0.235, 0.245)),
        kept: 4,
        pairs: 4,
    }
}

/// A finding that was expected, of an experiment whose own entries are not in the history.
pub(super) fn severed() -> ExperimentResult {
    ExperimentResult {
        experiment: "mclag-iccp".into(),
        title: "the inter-chassis protocol is cut".to_owned(),
        design: "mclag".to_owned(),
        row: "ICCP severed".to_owned(),
        verdict: Verdict::Pass,
        reason: None,
        expected_finding: true,
        expectations: vec![expectation(
            "split brain halves the bundles",
            Verdict::Pass,
            "an outage of at least 0.5 s",
            "2.31 s",
            66,
        )],
        longest_outage: Some(measure("longest outage", 2.26, 2.36)),
        kept: 1,
        pairs: 4,
    }
}
