//! Experiments as plain data, after decoding and before selectors meet a topology.
//!
//! All times are lab time: what a file gives as an incident's clock time has been divided by the scale here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::assertions::{AssertionError, Expectation, Finding, JudgeContext, Predicate, Resolve, optional};
use crate::base::{EndpointName, ExperimentName, FaultId, NodeName, Seed, ServiceName};

/// What one file or folder asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// Heading.
    pub title: String,
    /// Files it was read from, for hashing.
    pub files: Vec<PathBuf>,
    /// Experiments by the lab that serves them, in order of their first appearance.
    pub labs: Vec<LabGroup>,
    /// Cells of contracts that do not exist, for the table.
    pub not_applicable: Vec<NotApplicable>,
}

/// Experiments that one lab serves, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabGroup {
    /// Design name, e.g. `mclag`.
    pub design: String,
    /// Topology file.
    pub topology: PathBuf,
    /// Time scale of the lab.
    pub scale: f64,
    /// Seed of the lab.
    pub seed: Seed,
    /// The experiments, in order.
    pub experiments: Vec<Experiment>,
}

/// A cell of a contract that makes no sense in its design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotApplicable {
    /// The contract.
    pub contract: String,
    /// The design.
    pub design: String,
    /// The row's title.
    pub row: String,
    /// Why.
    pub reason: String,
}

/// One experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its name, unique in a run; of a contract's cell `ROW@DESIGN`.
    pub name: ExperimentName,
    /// Heading.
    pub title: String,
    /// Design name.
    pub design: String,
    /// Row in the table of designs against faults; the title where there is no contract.
    pub row: String,
    /// The contract it is a cell of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Topology file, relative to the working directory or absolute.
    pub topology: PathBuf,
    /// Seed of every random choice.
    pub seed: Seed,
    /// How many times faster than real life the topology's timers run.
    pub scale: f64,
    /// Wall-clock time of the method's start in the incident that is replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_clock: Option<String>,
    /// Traffic.
    pub traffic: Vec<TrafficGroup>,
    /// What must hold before the method begins.
    pub steady: SteadyState,
    /// The steps, in order.
    pub method: Vec<Step>,
    /// What is expected.
    pub expectations: Vec<Expectation>,
    /// What is stated about the design.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// Why that is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Longest outage with which a pair still counts as kept.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub limit: Option<Duration>,
    /// How soon after the method the lab must be back at its baseline.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub recover_within: Option<Duration>,
    /// Whether it shares its lab with others.
    pub isolation: Isolation,
    /// The incident's own time line, to be shown beside the measured times.
    pub incident: Vec<IncidentRow>,
    /// The file.
    pub file: PathBuf,
    /// Line in that file where it begins.
    pub line: usize,
}

/// Whether an experiment shares its lab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// It gets a lab of its own.
    Own,
    /// It may run on the lab of the experiment before it, once that is back at its baseline.
    #[default]
    Shared,
}

/// A selector of nodes as written, e.g. `role:customer`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SelectorText(pub String);

impl fmt::Display for SelectorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Streams between selected nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficGroup {
    /// Its name.
    pub group: String,
    /// Sending nodes.
    pub from: SelectorText,
    /// Receiving nodes; a node never sends to itself.
    pub to: SelectorText,
    /// Whether they send back as well.
    pub both_ways: bool,
    /// Sending interval of each flow.
    #[serde(with = "crate::base::duration::text")]
    pub interval: Duration,
    /// Flows per pair, each with its own source port.
    pub ports: u16,
    /// Whether its outages count for the contract.
    pub counts: bool,
}

/// What must hold before the method begins: every flow delivers, and these predicates are true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    /// Within which it must be reached.
    #[serde(with = "crate::base::duration::text")]
    pub within: Duration,
    /// How long it must hold without a break.
    #[serde(with = "crate::base::duration::text")]
    pub stable: Duration,
    /// Predicates beside the traffic.
    pub holds: Vec<Predicate>,
}

/// A step of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name by which points (`step:ID done`) and `heal` refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What people read.
    pub title: String,
    /// When.
    pub when: When,
    /// What.
    pub action: Action,
    /// Where it is written.
    pub line: usize,
}

/// When a step begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Right after the one before.
    AfterPrevious,
    /// At this time after the method's start, or right after the one before if that ends later.
    At {
        /// Lab time after the method's start.
        #[serde(with = "crate::base::duration::text")]
        lab: Duration,
        /// As written, e.g. `13:33:36`.
        written: String,
    },
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Loads a patch (`set`, `delete`, … lines) and commits.
    Commit {
        /// On each of these nodes.
        on: SelectorText,
        /// The patch's lines.
        patch: String,
        /// Where it was read from, if it was a file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<PathBuf>,
        /// Commit comment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// Loads an earlier configuration and commits.
    Rollback {
        /// On each of these nodes.
        on: SelectorText,
        /// How many commits back.
        n: u32,
    },
    /// Restarts nodes.
    Reboot {
        /// These.
        on: SelectorText,
    },
    /// Takes power from nodes.
    PowerOff {
        /// These.
        on: SelectorText,
    },
    /// Gives power to nodes.
    PowerOn {
        /// These.
        on: SelectorText,
    },
    /// Runs a command.
    Exec {
        /// On each of these nodes.
        on: SelectorText,
        /// Program and arguments; no shell.
        argv: Vec<String>,
    },
    /// Acts on a daemon through the node's supervisor.
    Service {
        /// On each of these nodes.
        on: SelectorText,
        /// The daemon.
        name: ServiceName,
        /// What to do.
        action: ServiceAction,
    },
    /// Injects a fault of the catalogue.
    Inject(Injection),
    /// Heals an injection.
    Heal {
        /// Id of the step that injected it.
        step: String,
    },
    /// Lets time pass.
    Wait {
        /// How long.
        #[serde(with = "crate::base::duration::text")]
        time: Duration,
    },
    /// Waits for a predicate to be true; the step fails if it does not come.
    WaitUntil {
        /// For this.
        predicate: Predicate,
        /// At most so long.
        #[serde(with = "crate::base::duration::text")]
        within: Duration,
    },
}

/// What is done to a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceAction {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
}

/// A fault to inject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Injection {
    /// Which fault of the catalogue.
    pub fault: FaultId,
    /// Where.
    pub target: Target,
    /// Its parameters as written.
    pub params: BTreeMap<String, String>,
    /// For how long.
    pub hold: Hold,
}

/// Where a fault is injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// At nodes.
    Nodes(SelectorText),
    /// At all links between two sets of nodes.
    Links(SelectorText, SelectorText),
    /// At the link with this end.
    Endpoint(EndpointName),
}

/// Words before a colon that make a selector, so that `mx1:eth4` is known to be an endpoint.
const SELECTOR_WORDS: [&str; 6] = ["role", "site", "nos", "kind", "node", "label"];

impl Target {
    /// Reads what stands under `on`: a selector, `mx1:eth4` for the link with that end, or `A -- B` for links.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        if let Some((a, b)) = text.split_once("--") {
            let selector = |text: &str| SelectorText(text.trim().to_owned());
            return Self::Links(selector(a), selector(b));
        }
        let plain = !text.contains(['&', ',', '!']);
        match text.parse::<EndpointName>() {
            Ok(endpoint) if plain && !SELECTOR_WORDS.contains(&endpoint.node.as_str()) => {
                Self::Endpoint(endpoint)
            }
            _ => Self::Nodes(SelectorText(text.to_owned())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(nodes) => nodes.fmt(f),
            Self::Links(a, b) => write!(f, "{a} -- {b}"),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
        }
    }
}

/// For how long a fault is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// This long after it landed; later steps do not wait for that.
    For(#[serde(with = "crate::base::duration::text")] Duration),
    /// Until a `heal` step.
    UntilHealed,
    /// Until the method is over.
    UntilMethodEnd,
}

/// A row of an incident's own time line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Clock time as written, e.g. `13:27:45`.
    pub at: String,
    /// Incident time since the method's start.
    #[serde(with = "crate::base::duration::text")]
    pub incident: Duration,
    /// The same in lab time.
    #[serde(with = "crate::base::duration::text")]
    pub lab: Duration,
    /// What happened.
    pub what: String,
    /// Name of the expectation whose first evidence is the measured time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<String>,
    /// Id of the step that did it, when people did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

impl Experiment {
    /// Returns what judgement must know beside the expectations.
    #[must_use]
    pub fn judge_context(&self) -> JudgeContext {
        let steps = self.method.iter().zip(0..);
        let counting = self.traffic.iter().filter(|group| group.counts);
        JudgeContext {
            title: self.title.clone(),
            design: self.design.clone(),
            row: self.row.clone(),
            finding: self.finding,
            limit: self.limit,
            groups: counting.map(|group| group.group.clone()).collect(),
            recover_within: self.recover_within,
            steps: steps
                .filter_map(|(step, index)| Some((step.id.clone()?, index)))
                .collect(),
        }
    }

    /// Fills in the nodes of every selector of expectations, of steps that wait and of the steady state.
    ///
    /// Selectors of traffic and actions stay text: see [`Self::selectors`].
    ///
    /// # Errors
    /// The first selector that is wrong or selects no node.
    pub fn resolve(&mut self, resolve: &Resolve<'_>) -> Result<(), AssertionError> {
        for expectation in &mut self.expectations {
            expectation.resolve(resolve)?;
        }
        let waits = self.method.iter_mut().filter_map(|step| match &mut step.action {
            Action::WaitUntil { predicate, .. } => Some((step.title.clone(), predicate)),
            _ => None,
        });
        let steady = self
            .steady
            .holds
            .iter_mut()
            .map(|predicate| ("steady state".to_owned(), predicate));
        for (expectation, predicate) in waits.chain(steady) {
            predicate
                .resolve(resolve)
                .map_err(|(selector, reason)| AssertionError::Selector {
                    expectation,
                    selector,
                    reason,
                })?;
        }
        Ok(())
    }

    /// Returns every selector of traffic and actions, to be checked before the run.
    #[must_use]
    pub fn selectors(&self) -> Vec<&SelectorText> {
        let traffic = self.traffic.iter().flat_map(|group| [&group.from, &group.to]);
        let steps = self.method.iter().flat_map(|step| step.action.selectors());
        traffic.chain(steps).collect()
    }

    /// Returns the files it was made from: its own, its topology and its patches.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        let patches = self.method.iter().filter_map(|step| match &step.action {
            Action::Commit { file, .. } => file.clone(),
            _ => None,
        });
        [self.file.clone(), self.topology.clone()]
            .into_iter()
            .chain(patches)
            .collect()
    }
}

impl Action {
    /// Returns the selectors of its targets.
    #[must_use]
    pub fn selectors(&self) -> Vec<&SelectorText> {
        match self {
            Self::Commit { on, .. }
            | Self::Rollback { on, .. }
            | Self::Reboot { on }
            | Self::PowerOff { on }
            | Self::PowerOn { on }
            | Self::Exec { on, .. }
            | Self::Service { on, .. } => vec![on],
            Self::Inject(injection) => match &injection.target {
                Target::Nodes(on) => vec![on],
                Target::Links(a, b) => vec![a, b],
                Target::Endpoint(_) => Vec::new(),
            },
            Self::Heal { .. } | Self::Wait { .. } | Self::WaitUntil { .. } => Vec::new(),
        }
    }
}

impl SelectorText {
    /// Returns the nodes it stands for.
    ///
    /// # Errors
    /// What is wrong with it, with known names.
    pub fn resolve(&self, resolve: &Resolve<'_>) -> Result<Vec<NodeName>, String> {
        let nodes = resolve(&self.0)?;
        if nodes.is_empty() {
            return Err(format!("`{self}` selects no node"));
        }
        Ok(nodes)
    }
}

impl Suite {
    /// Returns all experiments in the order they run.
    pub fn experiments(&self) -> impl Iterator<Item = &Experiment> {
        self.labs.iter().flat_map(|lab| &lab.experiments)
    }
}
