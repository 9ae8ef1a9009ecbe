//! The machine-readable summary: verdicts and numbers without the history behind them.

use serde_json::{Value, json};

use crate::record::Verdict;

use super::Report;
use super::facts::{self, RunFacts};
use super::wording;

/// Version of [`summary_json`]'s format. Keys are only ever added within a version.
pub const SUMMARY_SCHEMA_VERSION: u32 = 1;

/// Returns the JSON Schema of [`summary_json`]'s output.
#[must_use]
pub fn summary_schema() -> Value {
    let text = json!({"type": "string"});
    let count = json!({"type": "integer", "minimum": 0});
    let verdicts = ["pass", "inconclusive", "fail", "error", "not_applicable"];
    let counts: serde_json::Map<String, Value> = verdicts
        .iter()
        .map(|name| ((*name).to_owned(), count.clone()))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "faultlab summary",
        "type": "object",
        "required": ["schema_version", "run", "verdict", "exit_code", "counts", "experiments"],
        "properties": {
            "schema_version": {"const": SUMMARY_SCHEMA_VERSION},
            "run": text,
            "faultlab": text,
            "seed": {"type": ["integer", "null"]},
            "wall_clock": text,
            "verdict": text,
            "exit_code": count,
            "counts": {"type": "object", "properties": counts},
            "experiments": {
                "type": "array",
                "items": schemars::schema_for!(crate::record::ExperimentResult).to_value(),
            },
            "not_applicable": {"type": "array", "items": {"type": "object"}},
            "inputs": {"type": "array", "items": schemars::schema_for!(crate::record::InputHash).to_value()},
            "left_behind": {"type": "array", "items": text},
            "files": {"type": "array", "items": text},
        },
    })
}

/// Renders a run as JSON.
#[must_use]
pub fn summary_json(report: &Report<'_>) -> Value {
    let facts = RunFacts::new(report);
    let views = facts::experiments(report);
    let experiments: Vec<Value> = report
        .results
        .iter()
        .map(|result| {
            let view = views.iter().find(|view| *view.name == result.experiment);
            json!({
                "experiment": result.experiment,
                "title": result.title,
                "design": result.design,
                "row": result.row,
                "verdict": result.verdict,
                "expected_finding": result.expected_finding,
                "reason": result.reason,
                "kept": result.kept,
                "pairs": result.pairs,
                "longest_outage": result.longest_outage,
                "expectations": result.expectations,
                "file": view.map(|view| view.file),
                "scale": view.map(|view| view.clock.scale),
                "method_started_ns": view.map(|view| view.clock.zero),
                "timers": view.map(|view| view.timers),
            })
        })
        .collect();
    let count = |verdict: Verdict| {
        report
            .results
            .iter()
            .filter(|result| result.verdict == verdict)
            .count()
    };
    json!({
        "schema_version": SUMMARY_SCHEMA_VERSION,
        "run": report.run,
        "faultlab": facts.version,
        "seed": facts.seed,
        "wall_clock": facts.wall_clock,
        "verdict": wording::run_verdict(report.results),
        "exit_code": report.exit_code,
        "counts": {
            "pass": count(Verdict::Pass),
            "inconclusive": count(Verdict::Inconclusive),
            "fail": count(Verdict::Fail),
            "error": count(Verdict::Error),
            "not_applicable": facts.not_applicable.len(),
        },
        "experiments": experiments,
        "not_applicable": facts.not_applicable.iter().map(|(design, row, reason)| {
            json!({"design": design, "row": row, "reason": reason})
        }).collect::<Vec<_>>(),
        "inputs": facts.inputs,
        "left_behind": facts.left_behind,
        "files": report.files,
    })
}
