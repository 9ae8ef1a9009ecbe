//! The events of a run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::observation::Observation;
use super::traffic::{FlowCount, FlowGap, FlowSpec};
use super::verdict::ExperimentResult;
use crate::base::{ExperimentName, FaultId, LabName, MonoTime, NodeName, RunId, Seed};

/// One line of a history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When, on the run's monotonic clock (nanoseconds).
    pub at: MonoTime,
    /// The experiment it belongs to; none for what concerns the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<ExperimentName>,
    /// What happened.
    pub event: Event,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// First entry of a history.
    RunStarted {
        /// Format version, see [`super::SCHEMA_VERSION`].
        schema: u32,
        /// Version of faultlab.
        version: String,
        /// The run.
        run: RunId,
        /// The seed of every random choice.
        seed: Seed,
        /// Wall-clock time of [`Entry::at`], RFC 3339.
        wall_clock: String,
        /// Hashes of the files that define the run.
        inputs: Vec<InputHash>,
    },
    /// What this machine and runtime can do, as found before the run.
    Capabilities {
        /// One row per capability.
        list: Vec<Capability>,
    },
    /// An experiment began. Entries with its name follow.
    ExperimentStarted {
        /// Heading for people.
        title: String,
        /// The design (lab) it runs on, e.g. `mclag`.
        design: String,
        /// The lab instance.
        lab: LabName,
        /// The experiment's own file.
        file: String,
        /// The definition as loaded, so that a history can be re-judged without its files.
        definition: serde_json::Value,
        /// Nodes, roles, sites and links for drawing and selecting.
        topology: serde_json::Value,
        /// Effective timers.
        timers: Vec<TimerValue>,
        /// Incident time zero for narratives: lab time `epoch` corresponds to this local time, e.g. `13:26:05`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident_clock: Option<String>,
        /// Factor between incident time and lab time (60 means 60 times faster); 1 when unscaled.
        scale: f64,
    },
    /// An experiment's lab was steady and the method begins; time zero of the experiment.
    MethodStarted,
    /// A step of the method changed phase.
    Step {
        /// Index in the method, from 0.
        index: usize,
        /// What people read, e.g. `commit on ca1`.
        title: String,
        /// Where it stands.
        phase: StepPhase,
        /// Output or error, short.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A fault changed phase.
    Fault {
        /// Which fault of the catalogue.
        fault: FaultId,
        /// Number of this injection within the experiment, from 0.
        injection: usize,
        /// What it touches, e.g. `ca2` or `ca1:eth3`.
        targets: Vec<String>,
        /// Where it stands.
        phase: FaultPhase,
        /// How exactly it stands for the real thing.
        fidelity: Fidelity,
        /// What verification saw, or why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A named instant was established.
    Epoch {
        /// Which.
        epoch: Epoch,
        /// What it refers to, e.g. a fault or node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
    },
    /// State of a node changed, or was seen for the first time.
    Observation(Observation),
    /// A collector could not read its source. Until its next observation, that state is unknown.
    CollectorFailed {
        /// The node.
        node: NodeName,
        /// What it reads, e.g. `lacp`.
        collector: String,
        /// Why.
        error: String,
    },
    /// Flows of an experiment, before any of their packets.
    Flows {
        /// The flows.
        flows: Vec<FlowSpec>,
    },
    /// Counts of all flows, about once a second and at the end.
    FlowCounts {
        /// One row a flow.
        counts: Vec<FlowCount>,
    },
    /// Packets of a flow were lost.
    FlowGap(FlowGap),
    /// The prober's own disturbance: it ran late by this much.
    ProberLate {
        /// By how many nanoseconds at worst.
        nanos: u64,
        /// How many sends were spoiled by it.
        spoiled: u64,
    },
    /// A line of a node's log that somebody may want to see.
    Log {
        /// The node.
        node: NodeName,
        /// The daemon.
        daemon: String,
        /// The line, without its newline.
        line: String,
    },
    /// The method is over; what follows is return to baseline.
    MethodEnded,
    /// The lab is verifiably back at its baseline (or not).
    Baseline {
        /// Whether state equals the baseline.
        reached: bool,
        /// What still differs.
        differences: Vec<String>,
    },
    /// An experiment ended without being judged, e.g. its lab did not come up.
    ExperimentAborted {
        /// Why.
        reason: String,
    },
    /// An experiment ended.
    ExperimentEnded,
    /// A fault of a contract does not exist in this design.
    NotApplicable {
        /// The design.
        design: String,
        /// The fault's row in the table.
        row: String,
        /// Why.
        reason: String,
    },
    /// A verdict, for convenience; recomputable from the entries before it.
    Judged(ExperimentResult),
    /// Teardown found this left behind.
    LeftBehind {
        /// What.
        what: String,
    },
    /// Last entry of a complete history.
    RunEnded {
        /// Process exit code.
        exit_code: u8,
    },
}

/// Phases of a step of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepPhase {
    /// It began.
    Started,
    /// It did what it should.
    Done,
    /// It could not be done.
    Failed,
}

/// Phases of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultPhase {
    /// Injection begins.
    Injecting,
    /// Both sides of verification hold: it broke what it should and nothing else.
    Landed,
    /// Verification failed: the run is inconclusive.
    NotLanded,
    /// Healing begins.
    Healing,
    /// The state from before is back.
    Healed,
    /// The state from before is not back.
    NotHealed,
}

/// How exactly an injection stands for the real event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// The mechanism is the real one.
    Exact,
    /// The effect is the real one, the mechanism is not.
    Approximated,
    /// Not possible here.
    Unsupported,
}

/// Named instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Epoch {
    /// The first fault or step was requested.
    Injected,
    /// The fault is verifiably in force.
    Visible,
    /// First reaction of a control plane.
    Detected,
    /// All flows run again.
    DataPlaneRestored,
    /// No control-plane change for the settling time.
    ControlPlaneConverged,
    /// Healing was verified.
    Healed,
    /// Lab is back at its baseline.
    Settled,
    /// An alarm was raised.
    Alarm,
    /// An alarm was acknowledged.
    Acknowledged,
}

/// A capability of this machine or runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capability {
    /// E.g. `netem`, `tun`, `ovs-vswitchd`.
    pub name: String,
    /// Whether it is there.
    pub present: bool,
    /// Version found, backend chosen instead, or how to get it.
    pub detail: String,
}

/// A timer of the topology and what it is in this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimerValue {
    /// E.g. `mac-table-aging-time`.
    pub name: String,
    /// Real-life value in milliseconds.
    pub nominal_ms: u64,
    /// Value in this lab in milliseconds.
    pub effective_ms: u64,
    /// Why it is what it is: `scaled 60×`, `floor 1 s`, `not scalable`.
    pub note: String,
}

/// The hash of an input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputHash {
    /// The file, relative to the working directory when below it.
    pub path: String,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// Free-form labels, e.g. role and site of a node.
pub type Labels = BTreeMap<String, String>;
