//! The dispatcher: owns a run, starts one unit per lab, listens to them, ends the run.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use super::cancel::Cancel;
use super::error::EngineError;
use super::progress::Progress;
use super::unit::{self, Unit};
use crate::base::{LabName, RunId, Seed};
use crate::experiment::{LabGroup, Suite};
use crate::record::{Capability, Event, ExperimentResult, HistoryWriter, InputHash, SCHEMA_VERSION};
use crate::runtime::Runtime;

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run's id.
    pub run: RunId,
    /// The history to write.
    pub history: PathBuf,
    /// How many labs may be up at the same time.
    pub labs: usize,
    /// Seed that takes the place of the experiments' own.
    pub seed: Option<Seed>,
    /// What this machine can do, for the record.
    pub capabilities: Vec<Capability>,
    /// Hashes of the files that define the run.
    pub inputs: Vec<InputHash>,
}

/// What a run came to.
#[derive(Debug)]
pub struct RunOutcome {
    /// Results in the order of the experiments.
    pub results: Vec<ExperimentResult>,
    /// The history, still open for the last entry.
    pub history: HistoryWriter,
    /// What teardown did not remove.
    pub left_behind: Vec<String>,
    /// Whether it was told to stop.
    pub interrupted: bool,
}

/// Runs experiments and returns their results; `watch` is told of progress.
///
/// # Errors
/// When the history cannot be written. Everything that concerns one experiment only is in its result.
pub fn run(
    suite: Suite,
    runtime: &dyn Runtime,
    options: &RunOptions,
    cancel: &Cancel,
    watch: &mut dyn FnMut(&Progress),
) -> Result<RunOutcome, EngineError> {
    let history = HistoryWriter::create(&options.history, true)?;
    let order: Vec<_> = suite
        .experiments()
        .map(|experiment| experiment.name.clone())
        .collect();
    history.write(started(options, &suite));
    history.write(Event::Capabilities {
        list: options.capabilities.clone(),
    });
    // A disk that is full already: nothing has been touched yet.
    history.check()?;
    for cell in &suite.not_applicable {
        history.write(Event::NotApplicable {
            design: cell.design.clone(),
            row: cell.row.clone(),
            reason: cell.reason.clone(),
        });
    }
    let units = Mutex::new(units(suite, options));
    let (sender, receiver) = mpsc::channel();
    let mut results = Vec::new();
    let mut lost = false;
    std::thread::scope(|scope| {
        for _ in 0..options.labs.max(1) {
            let (sender, history, units) = (sender.clone(), history.clone(), &units);
            scope.spawn(move || {
                while let Some(unit) = next(units, cancel) {
                    unit::serve(&unit, runtime, &history, cancel, &sender);
                }
            });
        }
        drop(sender);
        for progress in receiver {
            if let Progress::Judged { result, .. } = &progress {
                results.push(result.as_ref().clone());
            }
            watch(&progress);
            if !lost && history.check().is_err() {
                // Without its history an experiment cannot be judged: heal, tear down, tell.
                lost = true;
                cancel.raise();
            }
        }
    });
    results.sort_by_key(|result| order.iter().position(|name| *name == result.experiment));
    history.check()?;
    let left_behind = left_behind(runtime, &options.run);
    for what in &left_behind {
        history.write(Event::LeftBehind { what: what.clone() });
    }
    Ok(RunOutcome {
        results,
        history,
        left_behind,
        interrupted: cancel.is_raised(),
    })
}

fn next(units: &Mutex<VecDeque<Unit>>, cancel: &Cancel) -> Option<Unit> {
    if cancel.is_raised() {
        return None;
    }
    units.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

fn started(options: &RunOptions, suite: &Suite) -> Event {
    let seed = options.seed.or_else(|| suite.labs.first().map(|lab| lab.seed));
    Event::RunStarted {
        schema: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: options.run.clone(),
        seed: seed.unwrap_or(Seed(0)),
        wall_clock: jiff::Zoned::now().timestamp().to_string(),
        inputs: options.inputs.clone(),
    }
}

fn units(suite: Suite, options: &RunOptions) -> VecDeque<Unit> {
    let unit = |(number, mut group): (usize, LabGroup)| {
        for experiment in &mut group.experiments {
            experiment.seed = options.seed.unwrap_or(experiment.seed);
        }
        Unit {
            name: LabName::new(format!("{}-{}-{number}", group.design, options.run)),
            group,
        }
    };
    (1..).zip(suite.labs).map(unit).collect()
}

fn left_behind(runtime: &dyn Runtime, run: &RunId) -> Vec<String> {
    match runtime.list() {
        Ok(labs) => {
            let of_this_run = labs.into_iter().filter(|lab| lab.as_str().contains(run.as_str()));
            of_this_run.map(|lab| format!("lab {lab}")).collect()
        }
        Err(error) => vec![format!("unknown: {}", crate::base::ErrorChain::new(&error))],
    }
}
