//! Runs experiments: brings labs up, carries methods out, measures, judges, tears down.
//!
//! One dispatcher owns the run; each lab is a unit on a thread of its own that serves its experiments one after the other
//! and speaks to the dispatcher by messages only.

pub mod baseline;
pub mod cancel;
pub mod dispatcher;
pub mod error;
pub mod executor;
pub mod lab;
mod method;
pub mod progress;
mod traffic;
mod trial;
mod unit;

pub use cancel::{Cancel, Waited};
pub use dispatcher::{RunOptions, RunOutcome, run};
pub use error::EngineError;
pub use lab::{LabRequest, RunningLab, bring_up, lab_facts};
pub use progress::Progress;

use crate::experiment::Experiment;
use crate::topology::Topology;

/// Where a selector is written: the experiment knows its own line only, which may be a contract's cell far below.
fn written_at(experiment: &Experiment, selector: &str) -> String {
    let text = std::fs::read_to_string(&experiment.file).unwrap_or_default();
    let is_it = |line: &str| {
        let mut words = line.split([' ', ',', '{', '}', '[', ']', '"', '\'']);
        words.any(|word| word == selector) || selector.contains([' ', ',']) && line.contains(selector)
    };
    let number = text.lines().position(is_it);
    number.map_or_else(
        || traffic::place(experiment),
        |number| format!("{}:{}", experiment.file.display(), number + 1),
    )
}

/// Checks everything of an experiment that can be checked against its topology without running it: selectors, faults,
/// targets. Nothing has been touched when something is wrong.
pub fn check(experiment: &Experiment, topology: &Topology) -> Result<(), EngineError> {
    let place = traffic::place(experiment);
    for selector in experiment.selectors() {
        traffic::select(topology, &selector.0, &written_at(experiment, &selector.0))?;
    }
    let resolve =
        |selector: &str| traffic::select(topology, selector, &place).map_err(|error| error.to_string());
    let resolved = experiment.clone().resolve(&resolve);
    resolved.map_err(|error| EngineError::Selector {
        place: place.clone(),
        problem: error.to_string(),
    })?;
    method::plans(experiment, topology)?;
    Ok(())
}
