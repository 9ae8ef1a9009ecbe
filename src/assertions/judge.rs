//! The verdict of an experiment: the worst of its expectations, and of what happened to the experiment itself.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evaluate::{evaluate, truth_at as truth};
use super::facts::Facts;
use super::model::{Expectation, Predicate, Temporal, optional};
use super::outage::{as_measure, totals};
use super::timeline::Truth;
use crate::base::duration::human;
use crate::base::{ExperimentName, MonoTime};
use crate::record::{
    Event, Evidence, ExpectationResult, ExperimentResult, FaultPhase, History, StepPhase, Verdict,
};

/// What judgement must know of an experiment beside its expectations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JudgeContext {
    /// Heading.
    pub title: String,
    /// The design it runs on.
    pub design: String,
    /// Row in the table of designs against faults.
    pub row: String,
    /// What the experiment states about this design, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// Longest outage after which a pair still counts as kept. Without it, a kept pair loses nothing.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub limit: Option<Duration>,
    /// Traffic groups that count for the longest outage and for kept pairs; all when empty.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Time from the method's end (or the last heal, if later) in which the lab must be back at its baseline.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub recover_within: Option<Duration>,
    /// Index in the method of each step that has an id.
    #[serde(default)]
    pub steps: BTreeMap<String, usize>,
}

/// What an experiment states that a design does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It keeps service.
    Keeps,
    /// It loses service; when it does, that is the expected finding.
    Loses,
    /// Nothing is stated; only its recovery is judged.
    Either,
}

/// Judges an experiment.
///
/// Never fails: what cannot be told is inconclusive, what could not be done is an error.
#[must_use]
pub fn judge(
    history: &History,
    experiment: &ExperimentName,
    expectations: &[Expectation],
    context: &JudgeContext,
) -> ExperimentResult {
    let facts = Facts::new(history, experiment, &context.steps);
    let (mut verdict, mut reasons) = circumstances(&facts);
    let mut results: Vec<_> = expectations
        .iter()
        .map(|expectation| evaluate(&facts, expectation))
        .collect();
    let found = expectations.iter().zip(&results).any(|(expectation, result)| {
        matches!(expectation.how, Temporal::LongerThan { .. }) && result.verdict == Verdict::Pass
    });
    results.extend(context.recover_within.map(|within| recovery(&facts, within)));
    if results.is_empty() {
        verdict = verdict.max(Verdict::Inconclusive);
        reasons.push("nothing was expected".to_owned());
    }
    verdict = results
        .iter()
        .map(|result| result.verdict)
        .fold(verdict, Verdict::max);
    let totals = totals(&facts, &context.groups, context.limit);
    reasons.extend(totals.spoiled);
    ExperimentResult {
        experiment: experiment.clone(),
        title: context.title.clone(),
        design: context.design.clone(),
        row: context.row.clone(),
        verdict,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        expected_finding: found && context.finding == Some(Finding::Loses),
        expectations: results,
        longest_outage: totals.longest,
        kept: totals.kept,
        pairs: totals.pairs,
    }
}

/// Returns a predicate's truth at an instant, judged from what is recorded so far: for steps that wait.
#[must_use]
pub fn truth_at(
    history: &History,
    experiment: &ExperimentName,
    predicate: &Predicate,
    at: MonoTime,
) -> Truth {
    let steps = BTreeMap::new();
    truth(&Facts::new(history, experiment, &steps), predicate, at)
}

/// What happened to the experiment itself.
fn circumstances(facts: &Facts<'_>) -> (Verdict, Vec<String>) {
    let (mut verdict, mut reasons) = (Verdict::Pass, Vec::new());
    let mut add = |worse: Verdict, reason: String| {
        verdict = verdict.max(worse);
        reasons.push(reason);
    };
    let started = |event: &Event| matches!(event, Event::ExperimentStarted { .. });
    if !facts.entries.iter().any(|entry| started(&entry.event)) {
        add(Verdict::Error, "the history has no such experiment".to_owned());
        return (verdict, reasons);
    }
    let mut aborted = false;
    for entry in &facts.entries {
        let detail = |detail: &Option<String>| {
            detail
                .as_ref()
                .map_or_else(String::new, |text| format!(": {text}"))
        };
        match &entry.event {
            Event::ExperimentAborted { reason } => {
                aborted = true;
                add(Verdict::Error, format!("aborted: {reason}"));
            }
            Event::Fault {
                fault,
                targets,
                phase: phase @ (FaultPhase::NotLanded | FaultPhase::NotHealed),
                detail: text,
                ..
            } => {
                let what = match phase {
                    FaultPhase::NotLanded => "did not land",
                    _ => "did not heal",
                };
                let targets = targets.join(", ");
                let reason = format!("fault {fault} on {targets} {what}{}", detail(text));
                add(Verdict::Inconclusive, reason);
            }
            Event::Step {
                title,
                phase: StepPhase::Failed,
                detail: text,
                ..
            } => add(
                Verdict::Inconclusive,
                format!("step `{title}` failed{}", detail(text)),
            ),
            _ => {}
        }
    }
    if !aborted && facts.method_start.is_none() {
        add(Verdict::Inconclusive, "the method never began".to_owned());
    }
    if !aborted && !facts.ended {
        add(
            Verdict::Inconclusive,
            "the history ends before the experiment does".to_owned(),
        );
    }
    (verdict, reasons)
}

/// The implicit expectation that the lab is back at its baseline in time.
fn recovery(facts: &Facts<'_>, within: Duration) -> ExpectationResult {
    let healed = facts.entries.iter().rfind(|entry| {
        let phase = FaultPhase::Healed;
        matches!(&entry.event, Event::Fault { phase: found, .. } if *found == phase)
    });
    let reference = facts.method_end.max(healed.map(|entry| entry.at));
    let baseline = facts.entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Baseline { reached, differences } => Some((entry.at, *reached, differences)),
        _ => None,
    });
    let mut result = ExpectationResult {
        name: "the lab is back at its baseline".to_owned(),
        verdict: Verdict::Inconclusive,
        expected: format!("back at the baseline within {} of healing", human(within)),
        seen: "it was not looked at".to_owned(),
        source: None,
        hint: Some("see how far the run came".to_owned()),
        evidence: Vec::new(),
        measures: Vec::new(),
    };
    let (Some(reference), Some((at, reached, differences))) = (reference, baseline) else {
        return result;
    };
    let took = at.since(reference);
    if reached && took <= within {
        result.verdict = Verdict::Pass;
        result.hint = None;
    } else {
        result.verdict = Verdict::Fail;
        result.hint = Some("what still differs says which protocol did not come back".to_owned());
    }
    result.seen = if reached {
        format!("back after {}", human(took))
    } else {
        let list: Vec<_> = differences.iter().take(5).map(String::as_str).collect();
        let more = differences.len().saturating_sub(list.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("not back after {}: {}{more}", human(took), list.join("; "))
    };
    if reached {
        result
            .measures
            .push(as_measure("time to baseline", Duration::ZERO, Some(took)));
    }
    result.evidence.push(Evidence {
        at: reference,
        until: Some(at),
        what: "return to baseline".to_owned(),
    });
    result
}
