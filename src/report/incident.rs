//! A real incident's time line beside what was measured.
//!
//! An experiment may carry `incident: [{at: "13:27:45", what: …, expectation: NAME}]`; the measured time of an entry is the
//! first evidence of that expectation, on the incident's clock.

use serde::Serialize;

use crate::base::{ExperimentName, MonoTime};
use crate::record::{Event, StepPhase, Verdict};

use super::facts::Experiment;
use super::{Report, clock, wording};

/// An entry of the incident's time line and what became of it in the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IncidentRow {
    /// When it happened in the incident, as the experiment's file says.
    pub at: String,
    /// What happened.
    pub what: String,
    /// The expectation that stands for it.
    pub expectation: Option<String>,
    /// When it happened in the lab, on the incident's clock, e.g. `13:27:41`.
    pub measured: Option<String>,
    /// When it happened in the lab, e.g. `+1.60 s`.
    pub lab: Option<String>,
    /// Measured minus stated, e.g. `−4 s`.
    pub difference: Option<String>,
    /// Verdict of the expectation.
    pub verdict: Option<Verdict>,
}

/// Returns an experiment's comparison with its incident; empty when it has none.
#[must_use]
pub fn incident_rows(report: &Report<'_>, experiment: &ExperimentName) -> Vec<IncidentRow> {
    Experiment::new(report, experiment)
        .map(|experiment| rows(&experiment))
        .unwrap_or_default()
}

pub(super) fn rows(experiment: &Experiment<'_>) -> Vec<IncidentRow> {
    let entries = experiment.definition["incident"].as_array();
    entries
        .into_iter()
        .flatten()
        .map(|entry| row(experiment, entry))
        .collect()
}

fn row(experiment: &Experiment<'_>, entry: &serde_json::Value) -> IncidentRow {
    let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let name = entry["expectation"].as_str();
    let expectations = experiment.result.map(|result| result.expectations.as_slice());
    let expectation = expectations
        .unwrap_or_default()
        .iter()
        .find(|expectation| Some(expectation.name.as_str()) == name);
    let seen = expectation
        .and_then(|expectation| expectation.evidence.first())
        .map(|e| e.at)
        .or_else(|| step(experiment, entry["step"].as_str()?));
    let difference = seen.and_then(|seen| {
        let stated = clock::time_of_day(&text("at"))?;
        Some(signed(experiment.clock.incident_seconds(seen)? - stated))
    });
    IncidentRow {
        at: text("at"),
        what: text("what"),
        expectation: name.map(ToOwned::to_owned),
        measured: seen.and_then(|at| experiment.clock.incident(at)),
        lab: seen.map(|at| experiment.clock.lab(at)),
        difference,
        verdict: expectation.map(|expectation| expectation.verdict),
    }
}

/// When people took a step of the method: what they did is not measured, but it belongs into the time line.
fn step(experiment: &Experiment<'_>, id: &str) -> Option<MonoTime> {
    let steps = experiment.definition["method"].as_array()?;
    let wanted = steps.iter().position(|step| step["id"].as_str() == Some(id))?;
    experiment.entries.iter().find_map(|entry| match entry.event {
        Event::Step {
            index,
            phase: StepPhase::Started,
            ..
        } if index == wanted => Some(entry.at),
        _ => None,
    })
}

fn signed(seconds: f64) -> String {
    let sign = if seconds.round() < 0.0 { '−' } else { '+' };
    let whole = seconds.abs().round();
    if whole >= 120.0 {
        return format!("{sign}{} min {} s", (whole / 60.0).floor(), whole % 60.0);
    }
    format!("{sign}{whole} s")
}

/// Words for a row's verdict.
pub(super) fn verdict_words(row: &IncidentRow) -> &'static str {
    row.verdict
        .map_or("not measured", |verdict| wording::verdict(verdict, false))
}
