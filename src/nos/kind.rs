//! Which of the kinds of node that run here a node of the topology is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NosError;
use crate::base::{NodeName, suggest};
use crate::topology::{Node, Topology, labels};

/// The kinds of node that faultlab runs without a vendor's image.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Nos {
    /// A router of FRRouting daemons.
    Frr,
    /// The reference MC-LAG switch.
    MclagSwitch,
    /// A plain Linux host.
    Linux,
}

impl Nos {
    /// All of them, for messages.
    pub const ALL: [Self; 3] = [Self::Frr, Self::MclagSwitch, Self::Linux];

    /// Returns the name used in the label `faultlab.nos`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frr => "frr",
            Self::MclagSwitch => "mclag-switch",
            Self::Linux => "linux",
        }
    }

    /// Decides what a node is: by its label, else by its image, else by its kind.
    ///
    /// # Errors
    /// When the label names none, or the kind needs a vendor's image.
    pub fn of(topology: &Topology, name: &NodeName, node: &Node) -> Result<Self, NosError> {
        let file = topology.file.display().to_string();
        let problem = match node.nos().parse() {
            Ok(nos) => return Ok(nos),
            Err(problem) => problem,
        };
        if node.label(labels::NOS).is_some() {
            return Err(NosError::Label {
                file,
                line: node.line,
                node: name.clone(),
                label: labels::NOS.to_owned(),
                problem,
            });
        }
        Err(NosError::NotRunnable {
            file,
            line: node.line,
            node: name.clone(),
            kind: node.kind.clone(),
            image: node.image.clone(),
        })
    }
}

impl fmt::Display for Nos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Nos {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::as_str);
        Self::ALL
            .into_iter()
            .find(|nos| nos.as_str() == text)
            .ok_or_else(|| match suggest::did_you_mean(text, known) {
                Some(guess) => format!("`{text}` is no kind of node; did you mean `{guess}`?"),
                None => format!("`{text}` is no kind of node (known: {})", known.join(", ")),
            })
    }
}
