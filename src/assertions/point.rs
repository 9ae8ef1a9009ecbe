//! Points in time of an experiment, by name: `method-start`, `visible`, `step:reboot done +2s`.
//!
//! A point is a name until a history gives it an instant; a point that was never reached makes what hangs on it
//! inconclusive, never passed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AssertionError;
use crate::base::duration;
use crate::record::{Epoch, StepPhase};

/// A named instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// [`crate::record::Event::MethodStarted`].
    MethodStart,
    /// [`crate::record::Event::MethodEnded`].
    MethodEnd,
    /// [`crate::record::Event::ExperimentEnded`], or the last entry of a history that was cut short.
    ExperimentEnd,
    /// The first time an epoch was established.
    Epoch(Epoch),
    /// A step of the method, by its id or its whole title, changed phase.
    Step {
        /// Id or title.
        step: String,
        /// Which phase.
        phase: StepPhase,
    },
}

/// A named instant with an offset; a string in files: `step:reboot done +2s`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct Point {
    /// The instant.
    pub anchor: Anchor,
    /// How much later; earlier if `before` is set.
    pub offset: Duration,
    /// Whether the offset points back.
    pub before: bool,
}

const EPOCHS: [(&str, Epoch); 9] = [
    ("injected", Epoch::Injected),
    ("visible", Epoch::Visible),
    ("detected", Epoch::Detected),
    ("data-plane-restored", Epoch::DataPlaneRestored),
    ("control-plane-converged", Epoch::ControlPlaneConverged),
    ("healed", Epoch::Healed),
    ("settled", Epoch::Settled),
    ("alarm", Epoch::Alarm),
    ("acknowledged", Epoch::Acknowledged),
];

/// Names of points that are not steps, for suggestions.
#[must_use]
pub fn known_points() -> Vec<&'static str> {
    let fixed = ["method-start", "method-end", "experiment-end"];
    fixed.into_iter().chain(EPOCHS.map(|(name, _)| name)).collect()
}

impl From<Anchor> for Point {
    fn from(anchor: Anchor) -> Self {
        Self {
            anchor,
            offset: Duration::ZERO,
            before: false,
        }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MethodStart => f.write_str("method-start"),
            Self::MethodEnd => f.write_str("method-end"),
            Self::ExperimentEnd => f.write_str("experiment-end"),
            Self::Epoch(epoch) => {
                let name = EPOCHS.iter().find(|(_, known)| known == epoch);
                f.write_str(name.map_or("epoch", |(name, _)| name))
            }
            Self::Step { step, phase } => {
                let phase = match phase {
                    StepPhase::Started => "started",
                    StepPhase::Done => "done",
                    StepPhase::Failed => "failed",
                };
                write!(f, "step:{step} {phase}")
            }
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.anchor)?;
        if self.offset.is_zero() {
            return Ok(());
        }
        let sign = if self.before { '-' } else { '+' };
        write!(
            f,
            " {sign}{}",
            humantime::format_duration(self.offset)
                .to_string()
                .replace(' ', "")
        )
    }
}

impl FromStr for Point {
    type Err = AssertionError;
    fn from_str(text: &str) -> Result<Self, AssertionError> {
        let wrong = || AssertionError::Point {
            text: text.to_owned(),
        };
        let (name, offset, before) = match text.trim().rsplit_once(' ') {
            Some((name, last)) if last.starts_with(['+', '-']) => {
                let offset = duration::parse(&last[1..]).map_err(|_| wrong())?;
                (name.trim(), offset, last.starts_with('-'))
            }
            _ => (text.trim(), Duration::ZERO, false),
        };
        let anchor = anchor(name).ok_or_else(wrong)?;
        Ok(Self {
            anchor,
            offset,
            before,
        })
    }
}

fn anchor(name: &str) -> Option<Anchor> {
    if let Some(step) = name.strip_prefix("step:") {
        let (step, phase) = match step.rsplit_once(' ') {
            Some((step, "started")) => (step, StepPhase::Started),
            Some((step, "done")) => (step, StepPhase::Done),
            Some((step, "failed")) => (step, StepPhase::Failed),
            _ => (step, StepPhase::Done),
        };
        let step = step.trim();
        return (!step.is_empty()).then(|| Anchor::Step {
            step: step.to_owned(),
            phase,
        });
    }
    match name {
        "method-start" => Some(Anchor::MethodStart),
        "method-end" => Some(Anchor::MethodEnd),
        "experiment-end" => Some(Anchor::ExperimentEnd),
        _ => EPOCHS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, epoch)| Anchor::Epoch(*epoch)),
    }
}

impl From<Point> for String {
    fn from(point: Point) -> Self {
        point.to_string()
    }
}

impl TryFrom<String> for Point {
    type Error = AssertionError;
    fn try_from(text: String) -> Result<Self, AssertionError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_print_as_they_are_written() {
        for text in [
            "method-start",
            "experiment-end",
            "healed -500ms",
            "step:reboot both started",
            "step:commit-ca1 done +2s",
            "method-end +1m30s",
        ] {
            assert_eq!(text.parse::<Point>().unwrap().to_string(), text);
        }
        assert_eq!("step:x".parse::<Point>().unwrap().to_string(), "step:x done");
        assert!("metod-start".parse::<Point>().is_err());
        assert!("method-start +2 parsecs".parse::<Point>().is_err());
        assert!("step:".parse::<Point>().is_err());
    }
}
