//! Verdicts and their evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{ExperimentName, MonoTime};

/// The lattice of verdicts; `max` merges them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Shown to hold.
    #[default]
    Pass,
    /// Cannot be told: no data, vacuous, or the limit lies inside the error bars.
    Inconclusive,
    /// Shown not to hold.
    Fail,
    /// Could not be judged because faultlab itself or its environment failed.
    Error,
}

/// The outcome of one expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationResult {
    /// Its name in the experiment file.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What was expected, one line for people.
    pub expected: String,
    /// What was seen, one line for people.
    pub seen: String,
    /// Where in the experiment's file it stands, `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Next move, when it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Pointers into the history.
    pub evidence: Vec<Evidence>,
    /// Numbers behind it.
    pub measures: Vec<Measure>,
}

/// A pointer into the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// When.
    pub at: MonoTime,
    /// Until when, for an interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<MonoTime>,
    /// What it shows, one line.
    pub what: String,
}

/// A measured duration with error bars, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// What was measured, e.g. `longest outage`.
    pub name: String,
    /// Lower bound.
    pub at_least_ns: u64,
    /// Upper bound; absent when open-ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_ns: Option<u64>,
}

/// The outcome of an experiment: the merge of its expectations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentResult {
    /// The experiment.
    pub experiment: ExperimentName,
    /// Heading.
    pub title: String,
    /// The design it ran on.
    pub design: String,
    /// Row in the table of designs against faults, e.g. the fault's title.
    pub row: String,
    /// The merged verdict.
    pub verdict: Verdict,
    /// One line when the verdict does not come from an expectation, e.g. a fault that did not land.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Expected findings: the experiment states that this design loses service here, and it did.
    #[serde(default)]
    pub expected_finding: bool,
    /// Its expectations.
    pub expectations: Vec<ExpectationResult>,
    /// Longest outage over all contract flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_outage: Option<Measure>,
    /// Who kept reachability: flow groups or pairs without an outage over the limit, of how many.
    pub kept: u32,
    /// Number of pairs.
    pub pairs: u32,
}
