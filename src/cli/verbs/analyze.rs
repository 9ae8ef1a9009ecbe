//! `analyze`: a recorded run, judged again.

use std::path::PathBuf;

use super::Outcome;
use crate::assertions::judge;
use crate::base::{ExperimentName, RunId};
use crate::cli::args::{AnalyzeArgs, Color};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::experiment::Experiment;
use crate::record::{Event, ExperimentResult, History, Verdict};
use crate::topology::Topology;
use crate::topology::selector::Selector;

/// Judges all experiments of a history by their recorded expectations, or by those of other files.
pub fn analyze(args: &AnalyzeArgs, color: Color) -> Outcome {
    let path = if args.run.is_dir() {
        args.run.join("run.jsonl")
    } else {
        args.run.clone()
    };
    let history = History::read(&path).map_err(|error| Failure::new(Exit::InvalidInput, &error))?;
    let others = others(&args.expect)?;
    let mut results = Vec::new();
    for name in history.experiments() {
        results.push(again(&history, &name, &others)?);
    }
    let verdict = results
        .iter()
        .map(|result| result.verdict)
        .max()
        .unwrap_or(Verdict::Inconclusive);
    let exit = Exit::from(verdict);
    let run = history.entries().iter().find_map(|entry| match &entry.event {
        Event::RunStarted { run, .. } => Some(run.clone()),
        _ => None,
    });
    let run = run.unwrap_or_else(|| RunId::new("unknown"));
    let folder = args
        .out
        .clone()
        .or_else(|| path.parent().map(PathBuf::from))
        .unwrap_or_default();
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).map_err(|source| output::failed(out, source))?;
        output::reports(&history, &results, &run, exit, out)?;
    }
    output::show(&history, &results, &run, exit, &folder, args.json, color);
    Ok(exit)
}

fn others(files: &[PathBuf]) -> Result<Vec<Experiment>, Failure> {
    let mut experiments = Vec::new();
    for file in files {
        let suite = crate::experiment::load(file)?;
        experiments.extend(suite.experiments().cloned());
    }
    Ok(experiments)
}

/// Recorded definition and topology of an experiment.
fn recorded(history: &History, name: &ExperimentName) -> Option<(Experiment, Option<Topology>)> {
    history.of(name).find_map(|entry| match &entry.event {
        Event::ExperimentStarted {
            definition, topology, ..
        } => {
            let experiment = serde_json::from_value(definition.clone()).ok()?;
            Some((experiment, serde_json::from_value(topology.clone()).ok()))
        }
        _ => None,
    })
}

fn again(
    history: &History,
    name: &ExperimentName,
    others: &[Experiment],
) -> Result<ExperimentResult, Failure> {
    let unreadable = || {
        Failure::text(
            Exit::InvalidInput,
            format!("the history's definition of {name} cannot be read"),
        )
    };
    let (own, topology) = recorded(history, name).ok_or_else(unreadable)?;
    let mut experiment = own;
    if let Some(other) = others.iter().find(|other| other.name == *name) {
        experiment.expectations.clone_from(&other.expectations);
        experiment.finding = other.finding;
        experiment.limit = other.limit;
    }
    if let Some(topology) = topology {
        let resolve = |text: &str| {
            let selector: Selector = text.parse().map_err(|error| format!("{error}"))?;
            Ok(selector.select(&topology))
        };
        let resolved = experiment.resolve(&resolve);
        resolved.map_err(|error| Failure::new(Exit::InvalidInput, &error))?;
    }
    Ok(judge(
        history,
        name,
        &experiment.expectations,
        &experiment.judge_context(),
    ))
}
