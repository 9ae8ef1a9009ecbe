//! A unit: one lab and the experiments it serves, one after the other.
//!
//! A lab serves the next experiment only when it has verifiably returned to its baseline; else it is replaced by a new one.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::cancel::Cancel;
use super::error::EngineError;
use super::lab::{LabRequest, RunningLab, bring_up, lab_facts};
use super::progress::Progress;
use super::trial;
use crate::base::{ErrorChain, LabName};
use crate::experiment::{Experiment, LabGroup};
use crate::nos::Scale;
use crate::record::{Event, HistoryWriter};
use crate::runtime::{Lifetime, Runtime};
use crate::topology::{LoadOptions, Topology};

/// How long a lab may take until all its daemons run, beyond boot times.
const READY: Duration = Duration::from_secs(120);

/// A lab to be, and what it is for.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: LabName,
    pub(super) group: LabGroup,
}

/// Serves all experiments of a unit; whatever happens ends up in the history and in progress messages.
pub(super) fn serve(
    unit: &Unit,
    runtime: &dyn Runtime,
    history: &HistoryWriter,
    cancel: &Cancel,
    progress: &Sender<Progress>,
) {
    let mut lab: Option<RunningLab> = None;
    let mut generation = 0;
    for experiment in &unit.group.experiments {
        if cancel.is_raised() {
            break;
        }
        let history = history.for_experiment(experiment.name.clone());
        let fresh = lab.is_none();
        let running = if let Some(running) = lab.take() {
            Ok(running)
        } else {
            generation += 1;
            let name = LabName::new(format!("{}-{generation}", unit.name));
            come_up(name, experiment, runtime, cancel, progress)
        };
        match running {
            Ok(running) => {
                let (result, clean) = trial::conduct(experiment, &running, fresh, &history, cancel, progress);
                tell(
                    progress,
                    Progress::Judged {
                        lab: running.lab.name().clone(),
                        result: Box::new(result),
                    },
                );
                if clean {
                    lab = Some(running);
                } else {
                    take_down(running, &history, progress);
                }
            }
            Err(error) => {
                let reason = ErrorChain::new(&error).to_string();
                tell(
                    progress,
                    Progress::NotUp {
                        lab: unit.name.clone(),
                        reason: reason.clone(),
                    },
                );
                let result = trial::abort(experiment, &unit.name, &history, &reason);
                tell(
                    progress,
                    Progress::Judged {
                        lab: unit.name.clone(),
                        result: Box::new(result),
                    },
                );
            }
        }
    }
    if let Some(running) = lab {
        take_down(running, history, progress);
    }
}

fn come_up(
    name: LabName,
    experiment: &Experiment,
    runtime: &dyn Runtime,
    cancel: &Cancel,
    progress: &Sender<Progress>,
) -> Result<RunningLab, EngineError> {
    let topology = load(experiment)?;
    let (nodes, links) = (topology.nodes.len(), topology.links.len());
    tell(
        progress,
        Progress::Coming {
            lab: name.clone(),
            nodes,
            links,
        },
    );
    let started = Instant::now();
    let request = LabRequest {
        topology: &topology,
        name: name.clone(),
        seed: experiment.seed,
        scale: Scale::new(experiment.scale)?,
        lifetime: Lifetime::WithCaller,
        deadline: READY,
        facts: lab_facts(&topology),
    };
    let running = bring_up(runtime, &request, cancel)?;
    tell(
        progress,
        Progress::Up {
            lab: name,
            took: started.elapsed(),
        },
    );
    Ok(running)
}

/// Loads the topology of an experiment. Environment variables are the caller's business: none are substituted here.
pub(super) fn load(experiment: &Experiment) -> Result<Topology, EngineError> {
    let options = LoadOptions {
        check_files: true,
        ..LoadOptions::default()
    };
    Ok(crate::topology::load(&experiment.topology, &options)?)
}

fn take_down(running: RunningLab, history: &HistoryWriter, progress: &Sender<Progress>) {
    running.stop_observing();
    let lab = running.lab;
    if let Err(error) = lab.destroy() {
        let what = format!("lab {}: {}", lab.name(), ErrorChain::new(&error));
        history.write(Event::LeftBehind { what });
    }
    tell(
        progress,
        Progress::Down {
            lab: lab.name().clone(),
        },
    );
}

/// Nobody listening is no reason to stop: the run's results are in the history.
pub(super) fn tell(progress: &Sender<Progress>, message: Progress) {
    let _ = progress.send(message);
}
