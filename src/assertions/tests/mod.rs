//! Judgement of small made-up histories. Milliseconds after an arbitrary start; the method runs from 1,000 to 9,000 and the
//! experiment ends at 10,000.

mod circumstances;
mod traffic;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::base::{ExperimentName, MonoTime, NodeName};
use crate::record::{
    Entry, Epoch, Event, ExperimentResult, FaultPhase, Fidelity, FlowCount, FlowGap, FlowId, FlowSpec,
    History, Observation, StateKind, StepPhase, Verdict,
};

fn ms(at: u64) -> MonoTime {
    MonoTime(5_000_000_000 + at * 1_000_000)
}

struct Story {
    entries: Vec<Entry>,
}

impl Story {
    /// An experiment that begins, runs its method and ends.
    fn whole() -> Self {
        Self::empty()
            .at(1000, Event::MethodStarted)
            .at(9000, Event::MethodEnded)
            .at(10_000, Event::ExperimentEnded)
    }

    fn empty() -> Self {
        let started = Event::ExperimentStarted {
            title: "t".into(),
            design: "mclag".into(),
            lab: "lab".into(),
            file: "x.yaml".into(),
            definition: Value::Null,
            topology: Value::Null,
            timers: Vec::new(),
            incident_clock: None,
            scale: 1.0,
        };
        Self { entries: Vec::new() }.at(0, started)
    }

    fn at(mut self, at: u64, event: Event) -> Self {
        self.entries.push(Entry {
            at: ms(at),
            experiment: Some("x".into()),
            event,
        });
        self
    }

    fn saw(self, at: u64, previous: u64, node: &str, state: StateKind, key: &str, value: Value) -> Self {
        let observation = Observation {
            node: node.into(),
            state,
            key: key.into(),
            value,
            previous_sample: ms(previous),
        };
        self.at(at, Event::Observation(observation))
    }

    fn flows(self, pairs: &[(&str, &str)], per_pair: u32) -> Self {
        let mut flows = Vec::new();
        for (from, to) in pairs {
            for _ in 0..per_pair {
                let id = u32::try_from(flows.len()).unwrap();
                flows.push(FlowSpec {
                    id: FlowId(id),
                    group: "customers".into(),
                    from: (*from).into(),
                    to: (*to).into(),
                    source: [10, 0, 0, 1].into(),
                    destination: [10, 0, 0, 2].into(),
                    source_port: 1,
                    destination_port: 2,
                    interval_ns: 100_000_000,
                });
            }
        }
        let counts = flows.iter().map(|flow| FlowCount {
            flow: flow.id,
            sent: 100,
            received: 90,
            duplicated: 0,
            reordered: 0,
            spoiled: 0,
        });
        let counts = counts.collect();
        self.at(100, Event::Flows { flows })
            .at(10_000, Event::FlowCounts { counts })
    }

    /// Packets every 100 ms; those from `first` to `last` are lost.
    fn lost(self, flow: u32, first: u64, last: u64) -> Self {
        let gap = FlowGap {
            flow: FlowId(flow),
            last_ok: Some(ms(first - 100)),
            first_lost: ms(first),
            last_lost: ms(last),
            next_ok: Some(ms(last + 100)),
            lost: (last - first) / 100 + 1,
            spoiled: false,
        };
        self.at(last + 100, Event::FlowGap(gap))
    }

    fn judge(&self, expectations: &[Expectation], context: &JudgeContext) -> ExperimentResult {
        let history = History::from_entries(self.entries.clone());
        judge(&history, &"x".into(), expectations, context)
    }

    fn verdict(&self, how: Temporal, what: Predicate) -> Verdict {
        self.judge(&[expect(how, what)], &JudgeContext::default()).verdict
    }
}

fn expect(how: Temporal, what: Predicate) -> Expectation {
    Expectation {
        name: "e".into(),
        what,
        how,
        window: Window::default(),
        source: Some("x.yaml:1".into()),
    }
}

fn on(nodes: &[&str]) -> Selection {
    Selection {
        selector: nodes.join(","),
        nodes: nodes.iter().copied().map(NodeName::from).collect(),
    }
}

fn state(nodes: &[&str], state: StateKind, field: &str, op: Op, quantifier: Quantifier) -> Predicate {
    Predicate::State(StatePredicate {
        on: on(nodes),
        state,
        key: "*".into(),
        field: Some(field.into()),
        op,
        quantifier,
    })
}

fn red(quantifier: Quantifier) -> Predicate {
    state(
        &["ca2"],
        StateKind::Alarm,
        "color",
        Op::Equals(json!("red")),
        quantifier,
    )
}

fn traffic(is: TrafficState) -> Predicate {
    Predicate::Traffic(TrafficPredicate {
        flows: FlowSelection::default(),
        is,
    })
}

fn soon(within: u64) -> Temporal {
    Temporal::Eventually {
        within: Some(Duration::from_millis(within)),
        after: None,
        already_true: false,
    }
}

fn at_most(limit: u64) -> Temporal {
    Temporal::NeverLongerThan {
        longest: Duration::from_millis(limit),
        total: None,
        count: None,
    }
}

#[test]
fn an_alarm_is_judged_with_its_sampling_bound() {
    let story = Story::whole()
        .saw(500, 400, "ca2", StateKind::Alarm, "table", json!({"entries": 0}))
        .saw(
            4000,
            3500,
            "ca2",
            StateKind::Alarm,
            "app",
            json!({"color": "red"}),
        );
    for (within, expected) in [
        (3000, Verdict::Pass),
        (2700, Verdict::Inconclusive),
        (2000, Verdict::Fail),
    ] {
        assert_eq!(
            story.verdict(soon(within), red(Quantifier::Any)),
            expected,
            "within {within} ms"
        );
    }
    assert_eq!(
        story.verdict(Temporal::Never, red(Quantifier::Any)),
        Verdict::Fail
    );
}

#[test]
fn no_data_is_not_a_pass() {
    let silent = Story::whole();
    for how in [
        Temporal::Never,
        Temporal::Always,
        Temporal::AtEnd,
        soon(1000),
        at_most(60_000),
    ] {
        assert_eq!(
            silent.verdict(how.clone(), red(Quantifier::Any)),
            Verdict::Inconclusive,
            "{how}"
        );
        assert_eq!(
            silent.verdict(how.clone(), traffic(TrafficState::Out)),
            Verdict::Inconclusive,
            "{how}"
        );
    }
    let log = Predicate::Log(LogPredicate {
        on: on(&["ca2"]),
        daemon: None,
        contains: "abort".into(),
    });
    assert_eq!(silent.verdict(Temporal::Never, log), Verdict::Inconclusive);
}

#[test]
fn a_working_collector_without_instances_shows_absence() {
    let story = Story::whole().saw(500, 400, "ca2", StateKind::Alarm, "table", json!({"entries": 0}));
    assert_eq!(
        story.verdict(Temporal::Never, red(Quantifier::Any)),
        Verdict::Pass
    );
    let absent = state(&["ca2"], StateKind::Alarm, "color", Op::Absent, Quantifier::All);
    assert_eq!(story.verdict(Temporal::Always, absent.clone()), Verdict::Pass);
    let failed = Event::CollectorFailed {
        node: "ca2".into(),
        collector: "alarm".into(),
        error: "refused".into(),
    };
    let story = story.at(5000, failed);
    assert_eq!(story.verdict(Temporal::Always, absent), Verdict::Inconclusive);
}

#[test]
fn what_was_true_before_shows_nothing() {
    let story = Story::whole().saw(500, 400, "ca2", StateKind::Alarm, "app", json!({"color": "red"}));
    assert_eq!(
        story.verdict(soon(5000), red(Quantifier::Any)),
        Verdict::Inconclusive
    );
    let allowed = Temporal::Eventually {
        within: None,
        after: None,
        already_true: true,
    };
    assert_eq!(story.verdict(allowed, red(Quantifier::Any)), Verdict::Pass);
}

#[test]
fn system_ids_of_two_switches_can_be_told_apart() {
    let id = |text: &str| json!({"actor": {"system_id": text}});
    let story = Story::whole()
        .saw(500, 400, "ca1", StateKind::Lacp, "eth1", id("shared"))
        .saw(500, 400, "ca2", StateKind::Lacp, "eth1", id("shared"))
        .saw(4000, 3900, "ca1", StateKind::Lacp, "eth1", id("one"))
        .saw(4100, 4000, "ca2", StateKind::Lacp, "eth1", id("two"));
    let between = |op| {
        state(
            &["ca1", "ca2"],
            StateKind::Lacp,
            "actor.system_id",
            op,
            Quantifier::All,
        )
    };
    let differs = between(Op::DiffersBetween(Between::Nodes));
    assert_eq!(story.verdict(soon(3200), differs.clone()), Verdict::Pass);
    assert_eq!(story.verdict(Temporal::AtEnd, differs), Verdict::Pass);
    assert_eq!(
        story.verdict(Temporal::AtEnd, between(Op::SameBetween(Between::Nodes))),
        Verdict::Fail
    );
    assert_eq!(
        story.verdict(Temporal::Never, between(Op::Changed)),
        Verdict::Fail
    );
}

/// A session that goes away and comes back after a reboot.
fn rebooted() -> Story {
    let step = |phase| Event::Step {
        index: 3,
        title: "reboot on ca1,ca2".into(),
        phase,
        detail: None,
    };
    Story::whole()
        .at(4000, step(StepPhase::Done))
        .at(
            4500,
            Event::Epoch {
                epoch: Epoch::Healed,
                subject: None,
            },
        )
        .saw(
            500,
            400,
            "mx1",
            StateKind::Bgp,
            "10.0.0.1",
            json!({"state": "Established"}),
        )
        .saw(
            2000,
            1900,
            "mx1",
            StateKind::Bgp,
            "10.0.0.1",
            json!({"state": "Idle"}),
        )
        .saw(
            6000,
            5900,
            "mx1",
            StateKind::Bgp,
            "10.0.0.1",
            json!({"state": "Established"}),
        )
}

#[test]
fn windows_and_references_follow_named_points() {
    let story = rebooted();
    let up = || {
        state(
            &["mx1"],
            StateKind::Bgp,
            "state",
            Op::Equals(json!("Established")),
            Quantifier::All,
        )
    };
    let judge = |after: &str, within: u64| {
        let how = Temporal::Eventually {
            within: Some(Duration::from_millis(within)),
            after: Some(after.parse().unwrap()),
            already_true: false,
        };
        let context = JudgeContext {
            steps: BTreeMap::from([("reboot".to_owned(), 3)]),
            ..JudgeContext::default()
        };
        story.judge(&[expect(how, up())], &context).verdict
    };
    for (after, within, expected) in [
        ("step:reboot done", 2100, Verdict::Pass),
        ("step:reboot done", 1800, Verdict::Fail),
        ("step:reboot on ca1,ca2", 2100, Verdict::Pass),
        ("healed", 1500, Verdict::Pass),
        ("step:reboot started", 9000, Verdict::Inconclusive),
        ("settled", 9000, Verdict::Inconclusive),
    ] {
        assert_eq!(judge(after, within), expected, "{within} ms after {after}");
    }
}

#[test]
fn expectations_survive_the_history_that_carries_them() {
    let expectation = Expectation {
        window: Window {
            from: Some("step:a done +2s".parse().unwrap()),
            to: Some("method-end".parse().unwrap()),
        },
        ..expect(soon(1500), red(Quantifier::Any))
    };
    let text = serde_json::to_string(&expectation).unwrap();
    assert_eq!(serde_json::from_str::<Expectation>(&text).unwrap(), expectation);
    insta::assert_snapshot!(expectation, @"eventually within 1.5 s: some alarm of ca2: color is red (from step:a done +2s to method-end)");
}
