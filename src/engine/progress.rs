//! What units tell the dispatcher, and the dispatcher whoever watches.

use std::time::Duration;

use crate::base::LabName;
use crate::record::ExperimentResult;

/// One step of progress of one lab.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A lab is being brought up.
    Coming {
        /// The lab.
        lab: LabName,
        /// How many nodes.
        nodes: usize,
        /// How many links.
        links: usize,
    },
    /// All its nodes run.
    Up {
        /// The lab.
        lab: LabName,
        /// How long it took.
        took: Duration,
    },
    /// It did not come up.
    NotUp {
        /// The lab.
        lab: LabName,
        /// Why.
        reason: String,
    },
    /// An experiment waits for its steady state.
    Settling {
        /// The lab.
        lab: LabName,
        /// The experiment's heading.
        title: String,
    },
    /// A step of an experiment began.
    Step {
        /// The lab.
        lab: LabName,
        /// The experiment's heading.
        title: String,
        /// The step.
        step: String,
    },
    /// An experiment waits for the lab's return to its baseline.
    Recovering {
        /// The lab.
        lab: LabName,
        /// The experiment's heading.
        title: String,
    },
    /// An experiment was judged.
    Judged {
        /// The lab.
        lab: LabName,
        /// Its result.
        result: Box<ExperimentResult>,
    },
    /// The lab is gone.
    Down {
        /// The lab.
        lab: LabName,
    },
}

impl Progress {
    /// Returns the lab that progressed.
    #[must_use]
    pub fn lab(&self) -> &LabName {
        match self {
            Self::Coming { lab, .. }
            | Self::Up { lab, .. }
            | Self::NotUp { lab, .. }
            | Self::Settling { lab, .. }
            | Self::Step { lab, .. }
            | Self::Recovering { lab, .. }
            | Self::Judged { lab, .. }
            | Self::Down { lab } => lab,
        }
    }
}
