//! From a history to what people and machines read: terminal, JUnit, HTML, JSON.
//!
//! All four draw on the same facts and the same wording, so they never disagree. Nothing here knows how a run came about.

mod clock;
mod facts;
mod health;
mod html;
mod incident;
mod junit;
mod matrix;
mod narrative;
#[cfg(test)]
mod sample;
mod summary;
mod terminal;
#[cfg(test)]
mod tests;
mod timeline;
mod traffic;
mod wording;

use std::path::PathBuf;

use crate::base::RunId;
use crate::record::{ExperimentResult, History};

pub use html::html;
pub use incident::{IncidentRow, incident_rows};
pub use junit::junit;
pub use summary::{SUMMARY_SCHEMA_VERSION, summary_json, summary_schema};
pub use terminal::terminal;

/// Everything a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What happened.
    pub history: &'a History,
    /// How it was judged, in the order of the experiments.
    pub results: &'a [ExperimentResult],
    /// The run.
    pub run: &'a RunId,
    /// Process exit code the run ends with.
    pub exit_code: u8,
    /// Files written beside the report, e.g. the history, for people to go on.
    pub files: &'a [PathBuf],
}
