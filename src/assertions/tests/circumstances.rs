//! What happens to an experiment itself: faults that do not land, aborts, histories cut short, recovery.

use super::*;

fn fault(phase: FaultPhase) -> Event {
    Event::Fault {
        fault: "switch.l2ald.kill".into(),
        injection: 0,
        targets: vec!["ca2".into()],
        phase,
        fidelity: Fidelity::Exact,
        detail: Some("still running".into()),
    }
}

#[test]
fn an_experiment_that_never_began_its_method_kept_nobody() {
    let aborted = Event::ExperimentAborted {
        reason: "not steady".into(),
    };
    let mut story = Story::whole().flows(&[("a", "b")], 1).at(500, aborted);
    story
        .entries
        .retain(|entry| !matches!(entry.event, Event::MethodStarted | Event::MethodEnded));
    let result = story.judge(&[], &JudgeContext::default());
    assert_eq!((result.kept, result.pairs, result.longest_outage), (0, 0, None));
}

#[test]
fn what_happened_to_the_experiment_bounds_its_verdict() {
    let fine = [expect(Temporal::Never, traffic(TrafficState::Out))];
    let context = JudgeContext::default();
    let flows = || Story::whole().flows(&[("a", "b")], 1);
    let failed_step = Event::Step {
        index: 0,
        title: "commit".into(),
        phase: StepPhase::Failed,
        detail: None,
    };
    let aborted = Event::ExperimentAborted {
        reason: "no lab".into(),
    };
    let mut cut_short = flows();
    cut_short
        .entries
        .retain(|entry| !matches!(entry.event, Event::ExperimentEnded));
    let mut cases = vec![
        ("fine", flows(), Verdict::Pass),
        (
            "not landed",
            flows().at(2000, fault(FaultPhase::NotLanded)),
            Verdict::Inconclusive,
        ),
        (
            "not healed",
            flows().at(2000, fault(FaultPhase::NotHealed)),
            Verdict::Inconclusive,
        ),
        (
            "failed step",
            flows().at(2000, failed_step),
            Verdict::Inconclusive,
        ),
        ("aborted", flows().at(2000, aborted), Verdict::Error),
        ("cut short", cut_short, Verdict::Inconclusive),
    ];
    let mut lines = Vec::new();
    for (name, story, expected) in &mut cases {
        let result = story.judge(&fine, &context);
        assert_eq!(result.verdict, *expected, "{name}");
        lines.push(format!(
            "{name}: {}",
            result.reason.unwrap_or_else(|| "-".to_owned())
        ));
    }
    let empty = flows().judge(&[], &context);
    assert_eq!(empty.verdict, Verdict::Inconclusive);
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn recovery_is_judged_from_the_last_heal() {
    let context = JudgeContext {
        recover_within: Some(Duration::from_millis(500)),
        ..JudgeContext::default()
    };
    let judge = |reached, at| {
        let differences = if reached {
            vec![]
        } else {
            vec!["mx1 bgp 10.0.0.1: Idle".to_owned()]
        };
        Story::whole()
            .at(9100, fault(FaultPhase::Healed))
            .at(at, Event::Baseline { reached, differences })
            .judge(&[], &context)
            .verdict
    };
    assert_eq!(judge(true, 9500), Verdict::Pass);
    assert_eq!(judge(true, 9700), Verdict::Fail);
    assert_eq!(judge(false, 9500), Verdict::Fail);
}

#[test]
fn state_seen_earlier_on_the_same_lab_is_still_known() {
    let mut story = Story::whole();
    let mut earlier = Story::empty().saw(10, 5, "ca2", StateKind::Alarm, "table", json!({"entries": 0}));
    for entry in &mut earlier.entries {
        entry.experiment = Some(ExperimentName::from("earlier"));
    }
    assert_eq!(
        story.verdict(Temporal::Never, red(Quantifier::Any)),
        Verdict::Inconclusive
    );
    story.entries.extend(earlier.entries);
    assert_eq!(
        story.verdict(Temporal::Never, red(Quantifier::Any)),
        Verdict::Pass
    );
}
