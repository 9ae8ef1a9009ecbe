//! Expectations as plain data: what (a predicate), how (a temporal form), when (a window).
//!
//! The same types stand before and after selectors are resolved: a [`Selection`] keeps its text for people and gets its
//! nodes from [`Expectation::resolve`].

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Anchor, AssertionError, Point};
use crate::base::NodeName;
use crate::record::StateKind;

/// Turns a selector's text into nodes, in topology order; the error says what is wrong and lists known names.
pub type Resolve<'a> = dyn Fn(&str) -> Result<Vec<NodeName>, String> + 'a;

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// Its name, unique in its experiment.
    pub name: String,
    /// What is looked at.
    pub what: Predicate,
    /// How it must behave over time.
    pub how: Temporal,
    /// When it is looked at.
    #[serde(default)]
    pub window: Window,
    /// Where it is written, `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Nodes chosen by a selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    /// As written, e.g. `role:customer`.
    pub selector: String,
    /// The nodes it stands for in the topology; empty until resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeName>,
}

impl Selection {
    /// Makes a selection that is still to be resolved.
    #[must_use]
    pub fn unresolved(selector: &str) -> Self {
        Self {
            selector: selector.to_owned(),
            nodes: Vec::new(),
        }
    }
}

/// What is looked at; true, false or unknown at each instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Predicate {
    /// Normalised state of nodes.
    State(StatePredicate),
    /// Whether packets arrive.
    Traffic(TrafficPredicate),
    /// A log line was written since the window's start.
    Log(LogPredicate),
    /// An instant was reached since the window's start, e.g. `alarm` or `step:reboot done`.
    Reached(Point),
}

/// A condition on [`crate::record::Observation`]s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatePredicate {
    /// At which nodes.
    pub on: Selection,
    /// Which kind of state.
    pub state: StateKind,
    /// Which instances: exact, or with `*` for any text. `*` leaves out the key `table` unless the kind has no other.
    #[serde(default = "any_key")]
    pub key: String,
    /// Path into the value, e.g. `partner.system_id`; the whole value when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What must be true of the field.
    pub op: Op,
    /// Whether all nodes and instances must satisfy it or one suffices.
    #[serde(default)]
    pub quantifier: Quantifier,
}

fn any_key() -> String {
    "*".to_owned()
}

/// Comparisons. A state that is gone (`null`) equals nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Is this value.
    Equals(serde_json::Value),
    /// Is another value, or gone.
    Not(serde_json::Value),
    /// Is one of these.
    OneOf(Vec<serde_json::Value>),
    /// Is a number below.
    Less(f64),
    /// Is a number above.
    Greater(f64),
    /// A matching instance exists at the node.
    Present,
    /// No matching instance exists at the node.
    Absent,
    /// Is not what it was at the window's start.
    Changed,
    /// No two nodes share a value / the instances of a node are not all equal.
    DiffersBetween(Between),
    /// The nodes have the same set of values / the instances of a node are all equal.
    SameBetween(Between),
}

/// What [`Op::DiffersBetween`] and [`Op::SameBetween`] compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// Nodes of the selection with each other.
    Nodes,
    /// Instances within each node.
    Keys,
}

/// Over nodes and instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quantifier {
    /// Each of them.
    #[default]
    All,
    /// At least one.
    Any,
}

/// Which flows. A *pair* is all flows from one node to another within a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowSelection {
    /// Traffic groups; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Sending nodes; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Selection>,
    /// Receiving nodes; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Selection>,
}

/// A condition on flows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficPredicate {
    /// Which flows.
    pub flows: FlowSelection,
    /// What must be true of them.
    pub is: TrafficState,
}

/// What may be true of selected flows. A pair is out while *any* of its flows is: one dead hash bucket is an outage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrafficState {
    /// A pair is out. Durations are judged for each pair on its own.
    Out,
    /// Every flow delivers.
    Delivered,
    /// No flow delivers.
    BlackHoled,
    /// At least this part (0 to 1) of the flows delivers.
    DeliveringAtLeast(f64),
    /// At most this part (0 to 1) of the flows delivers.
    DeliveringAtMost(f64),
    /// At least so many pairs are out at the same time.
    PairsOutAtLeast(u32),
}

/// A condition on logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogPredicate {
    /// At which nodes; one suffices.
    pub on: Selection,
    /// Which daemon, exact or with `*`; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<String>,
    /// What the line contains.
    pub contains: String,
}

/// How a predicate must behave over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Temporal {
    /// True at every instant of the window.
    Always,
    /// False at every instant of the window.
    Never,
    /// Turns true: after it was seen to be false, and in time.
    Eventually {
        /// Within this time of `after`; else by the window's end.
        #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        within: Option<Duration>,
        /// Reference for `within` and for "was false before"; the window's start when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Point>,
        /// Whether it may have been true from the start. Else that is inconclusive: it shows nothing.
        #[serde(default)]
        already_true: bool,
    },
    /// Never true for longer than this without a break.
    NeverLongerThan {
        /// Longest time without a break.
        #[serde(with = "crate::base::duration::text")]
        #[schemars(with = "String")]
        longest: Duration,
        /// Most time altogether.
        #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        total: Option<Duration>,
        /// How many times at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// True for longer than this without a break, at some point: how an expected loss of service is stated.
    LongerThan {
        /// The time it must exceed.
        #[serde(with = "crate::base::duration::text")]
        #[schemars(with = "String")]
        limit: Duration,
    },
    /// True when the window ends.
    AtEnd,
    /// True without a break for a time, starting within a time of the window's start.
    StableFor {
        /// How long without a break.
        #[serde(with = "crate::base::duration::text")]
        #[schemars(with = "String")]
        hold: Duration,
        /// Within which it must start; else it must fit into the window.
        #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        within: Option<Duration>,
    },
}

/// From when to when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Start; the method's start when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Point>,
    /// End; when absent the method's end, but the experiment's for [`TrafficState::Out`] and `eventually … within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Point>,
}

impl Expectation {
    /// Returns the window's start.
    #[must_use]
    pub fn from(&self) -> Point {
        let from = self.window.from.clone();
        from.unwrap_or_else(|| Anchor::MethodStart.into())
    }

    /// Returns the window's end.
    #[must_use]
    pub fn to(&self) -> Point {
        let outage = matches!(&self.what, Predicate::Traffic(traffic) if traffic.is == TrafficState::Out);
        let deadline = matches!(self.how, Temporal::Eventually { within: Some(_), .. });
        let end = if outage || deadline {
            Anchor::ExperimentEnd
        } else {
            Anchor::MethodEnd
        };
        self.window.to.clone().unwrap_or_else(|| end.into())
    }

    /// Fills in the nodes of every selector.
    ///
    /// # Errors
    /// The first selector that is wrong or selects no node.
    pub fn resolve(&mut self, resolve: &Resolve<'_>) -> Result<(), AssertionError> {
        let expectation = self.name.clone();
        self.what
            .resolve(resolve)
            .map_err(|(selector, reason)| AssertionError::Selector {
                expectation,
                selector,
                reason,
            })
    }
}

impl Predicate {
    /// Fills in the nodes of every selector.
    ///
    /// # Errors
    /// The first selector that is wrong or selects no node, and why.
    pub fn resolve(&mut self, resolve: &Resolve<'_>) -> Result<(), (String, String)> {
        for selection in self.selections() {
            let failed = |reason| (selection.selector.clone(), reason);
            let nodes = resolve(&selection.selector).map_err(failed)?;
            if nodes.is_empty() {
                return Err(failed("it selects no node".to_owned()));
            }
            selection.nodes = nodes;
        }
        Ok(())
    }

    fn selections(&mut self) -> Vec<&mut Selection> {
        match self {
            Self::State(state) => vec![&mut state.on],
            Self::Log(log) => vec![&mut log.on],
            Self::Traffic(traffic) => {
                let flows = &mut traffic.flows;
                flows.from.iter_mut().chain(flows.to.iter_mut()).collect()
            }
            Self::Reached(_) => Vec::new(),
        }
    }
}

/// Returns whether a text matches a pattern in which `*` stands for any text.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// An optional duration in serde, as text.
pub mod optional {
    use super::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes e.g. `1m 30s` or nothing.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => crate::base::duration::text::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a duration or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| crate::base::duration::parse(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "eth1", true),
            ("eth1", "eth1", true),
            ("eth1", "eth10", false),
            ("eth*", "eth10", true),
            ("*@ae0", "10.0.0.2@ae0", true),
            ("10.*@ae0", "10.0.0.2@ae0", true),
            ("10.*@ae1", "10.0.0.2@ae0", false),
            ("a*a", "a", false),
            ("a*b*c", "axxbyyc", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }
}
