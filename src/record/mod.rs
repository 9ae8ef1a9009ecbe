//! What happened, as plain serialisable data: the history of a run, which is all that judgement and reports ever see.
//!
//! A history is a JSONL file (`run.jsonl`): one [`Entry`] a line, first always [`Event::RunStarted`], in the order of
//! [`Entry::at`] up to the writers' small reordering; readers sort. Verdicts are *not* facts: they are computed from the
//! history by `assertions/` and appended at the end as [`Event::Judged`] for convenience only.

pub mod error;
pub mod event;
pub mod history;
pub mod observation;
pub mod traffic;
pub mod verdict;

pub use error::RecordError;
pub use event::{Capability, Entry, Epoch, Event, FaultPhase, Fidelity, InputHash, StepPhase, TimerValue};
pub use history::{History, HistoryWriter};
pub use observation::{Observation, StateKind, keys};
pub use traffic::{FlowCount, FlowGap, FlowId, FlowSpec};
pub use verdict::{Evidence, ExpectationResult, ExperimentResult, Measure, Verdict};

/// Version of the history's format. Readers refuse a greater one.
pub const SCHEMA_VERSION: u32 = 1;
