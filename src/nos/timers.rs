//! Named timers: what they are in real life, what they are in a lab that runs faster, and why.
//!
//! A timer that guards against jitter of the machine itself (BFD, LACP) is never scaled: 300 ms / 60 would measure the
//! scheduler, not the network.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Nos, NosError};
use crate::base::{NodeName, duration, suggest};
use crate::record::TimerValue;
use crate::topology::{Node, Topology, labels};

/// How many times faster than real life a lab's slow timers run; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Scale(f64);

impl Scale {
    /// Real life.
    pub const REAL: Self = Self(1.0);

    /// Wraps a factor.
    ///
    /// # Errors
    /// When it is below 1 or no finite number.
    pub fn new(factor: f64) -> Result<Self, NosError> {
        if factor.is_finite() && factor >= 1.0 {
            Ok(Self(factor))
        } else {
            Err(NosError::Scale(factor.to_string()))
        }
    }

    /// Returns the factor.
    #[must_use]
    pub fn factor(self) -> f64 {
        self.0
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::REAL
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×", self.0)
    }
}

impl FromStr for Scale {
    type Err = NosError;

    fn from_str(text: &str) -> Result<Self, NosError> {
        text.trim_end_matches(['x', '×'])
            .parse()
            .map_err(|_| NosError::Scale(text.to_owned()))
            .and_then(Self::new)
    }
}

impl TryFrom<f64> for Scale {
    type Error = NosError;

    fn try_from(factor: f64) -> Result<Self, NosError> {
        Self::new(factor)
    }
}

impl From<Scale> for f64 {
    fn from(scale: Scale) -> Self {
        scale.0
    }
}

/// A timer that topologies may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its name in labels: `faultlab.timer.<name>`.
    pub name: &'static str,
    /// Its value in real life where a topology does not say.
    pub default: Duration,
    /// The least value a scaled lab may use; none: it is never scaled.
    pub floor: Option<Duration>,
    /// The kinds of node it belongs to.
    pub of: &'static [Nos],
    /// Where the default comes from.
    pub source: &'static str,
}

const SWITCH: &[Nos] = &[Nos::MclagSwitch];
const ROUTER: &[Nos] = &[Nos::Frr];
const BOTH: &[Nos] = &[Nos::Frr, Nos::MclagSwitch];

const fn scaled(
    name: &'static str,
    default_ms: u64,
    floor_ms: u64,
    of: &'static [Nos],
    source: &'static str,
) -> Timer {
    Timer {
        name,
        default: Duration::from_millis(default_ms),
        floor: Some(Duration::from_millis(floor_ms)),
        of,
        source,
    }
}

const fn fixed(name: &'static str, default_ms: u64, of: &'static [Nos], source: &'static str) -> Timer {
    Timer {
        name,
        default: Duration::from_millis(default_ms),
        floor: None,
        of,
        source,
    }
}

/// All known timers.
pub const TIMERS: [Timer; 17] = [
    scaled(
        "alarm-scrape-interval",
        30_000,
        1000,
        SWITCH,
        "target since November 2025 in the post-mortem",
    ),
    fixed("bfd-interval", 300, BOTH, "RFC 5880; a usual value of routers"),
    scaled("bgp-connect-retry", 120_000, 2000, ROUTER, "RFC 4271 section 10"),
    scaled(
        "bgp-hold-time",
        90_000,
        9000,
        ROUTER,
        "RFC 4271 section 10; Junos default",
    ),
    scaled(
        "bgp-keepalive",
        30_000,
        3000,
        ROUTER,
        "RFC 4271 section 10: a third of the hold time",
    ),
    scaled(
        "boot-time",
        183_000,
        1000,
        SWITCH,
        "post-mortem: rebooted 13:53:47, operational 13:56:50",
    ),
    fixed(
        "iccp-bfd-interval",
        300,
        SWITCH,
        "Junos liveness-detection for ICCP, above its recommended minimum",
    ),
    scaled(
        "iccp-hold-time",
        50_000,
        1000,
        SWITCH,
        "Junos session-establishment-hold-time",
    ),
    scaled(
        "init-delay-time",
        240_000,
        2000,
        SWITCH,
        "Junos mc-ae init-delay-time; post-mortem",
    ),
    scaled(
        "l2ald-restart-delay",
        28_000,
        200,
        SWITCH,
        "post-mortem: aborts at 13:26:07, :35, 13:27:13, :41",
    ),
    fixed(
        "lacp-periodic",
        1000,
        BOTH,
        "IEEE 802.1AX 6.4.4 Fast_Periodic_Time",
    ),
    scaled(
        "mac-table-aging-time",
        300_000,
        3000,
        SWITCH,
        "IEEE 802.1Q 8.8.3; Junos default",
    ),
    scaled("ospf-dead-interval", 40_000, 4000, BOTH, "RFC 2328 appendix C.3"),
    scaled("ospf-hello-interval", 10_000, 1000, BOTH, "RFC 2328 appendix C.3"),
    fixed(
        "ospf-spf-delay",
        50,
        BOTH,
        "Junos spf-options delay is 200 ms; FRR starts at 0 to 50 ms",
    ),
    scaled(
        "router-boot-time",
        0,
        0,
        ROUTER,
        "routers of this lab start at once unless told otherwise",
    ),
    scaled(
        "snmp-poll-interval",
        300_000,
        2000,
        SWITCH,
        "Observium's default polling; post-mortem",
    ),
];

/// The timers of one node: name → value in this lab.
pub type NodeTimers = BTreeMap<&'static str, Effective>;

/// What a timer is on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Real-life value.
    pub nominal: Duration,
    /// Value in this lab.
    pub value: Duration,
    /// Why: `scaled 60×`, `floor 3 s`, `not scalable`, `real time`, `set by the experiment`.
    pub note: String,
}

impl Timer {
    fn effective(&self, nominal: Duration, scale: Scale) -> Effective {
        let (value, note) = match self.floor {
            _ if scale == Scale::REAL || nominal.is_zero() => (nominal, "real time".to_owned()),
            None => (nominal, "not scalable".to_owned()),
            Some(floor) => {
                let scaled = nominal.div_f64(scale.factor());
                if scaled >= floor {
                    (scaled, format!("scaled {scale}"))
                } else {
                    let floor = floor.min(nominal);
                    (floor, format!("floor {}", duration::human(floor)))
                }
            }
        };
        // Everything downstream speaks milliseconds; a lab whose plan and report differ by a microsecond confuses.
        let value = Duration::from_millis(u64::try_from(value.as_millis()).unwrap_or(u64::MAX));
        Effective { nominal, value, note }
    }
}

/// Computes the timers of a node from its labels, the scale, and the experiment's overrides (which are lab values).
pub fn of_node(
    topology: &Topology,
    name: &NodeName,
    node: &Node,
    scale: Scale,
    overrides: &BTreeMap<String, Duration>,
) -> Result<NodeTimers, NosError> {
    let wrong = |label: &str, problem| NosError::Label {
        file: topology.file.display().to_string(),
        line: node.line,
        node: name.clone(),
        label: format!("{}{label}", labels::TIMER),
        problem,
    };
    for (label, _) in node.labels_below(labels::TIMER) {
        if find(label).is_none() {
            return Err(wrong(label, format!("no such timer; {}", hint(label))));
        }
    }
    let mut timers = NodeTimers::new();
    for timer in &TIMERS {
        let label = node
            .label(&format!("{}{}", labels::TIMER, timer.name))
            .map(str::to_owned);
        let nominal = match label {
            Some(text) => duration::parse(&text).map_err(|problem| wrong(timer.name, problem))?,
            None => timer.default,
        };
        let mut effective = timer.effective(nominal, scale);
        if let Some(value) = overrides.get(timer.name) {
            effective.value = *value;
            "set by the experiment".clone_into(&mut effective.note);
        }
        timers.insert(timer.name, effective);
    }
    Ok(timers)
}

/// Checks the names of overrides.
pub fn check_overrides(overrides: &BTreeMap<String, Duration>) -> Result<(), NosError> {
    match overrides.keys().find(|name| find(name).is_none()) {
        Some(name) => Err(NosError::UnknownTimer {
            name: name.clone(),
            hint: hint(name),
        }),
        None => Ok(()),
    }
}

/// Finds a timer by name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Timer> {
    TIMERS.iter().find(|timer| timer.name == name)
}

fn hint(written: &str) -> String {
    let known = TIMERS.map(|timer| timer.name);
    match suggest::did_you_mean(written, known) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("known timers: {}", known.join(", ")),
    }
}

/// Sums up the timers of all nodes: one row a timer, and one more for each value that only some nodes have.
#[must_use]
pub fn table<'a>(nodes: impl IntoIterator<Item = (&'a NodeName, Nos, &'a NodeTimers)>) -> Vec<TimerValue> {
    let mut rows: BTreeMap<&str, Vec<(Effective, Vec<&NodeName>)>> = BTreeMap::new();
    for (node, nos, timers) in nodes {
        for (name, effective) in timers {
            if !find(name).is_some_and(|timer| timer.of.contains(&nos)) {
                continue;
            }
            let values = rows.entry(name).or_default();
            match values.iter_mut().find(|(value, _)| value == effective) {
                Some((_, nodes)) => nodes.push(node),
                None => values.push((effective.clone(), vec![node])),
            }
        }
    }
    let millis = |value: Duration| u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    let mut table = Vec::new();
    for (name, values) in rows {
        let several = values.len() > 1;
        for (effective, nodes) in values {
            let mut note = effective.note;
            if several {
                let nodes: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
                note = format!("{note}; on {}", nodes.join(", "));
            }
            table.push(TimerValue {
                name: name.to_owned(),
                nominal_ms: millis(effective.nominal),
                effective_ms: millis(effective.value),
                note,
            });
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(label: Option<(&str, &str)>) -> (Topology, NodeName, Node) {
        let mut topology = crate::nos::planner::tests::topology();
        let name = NodeName::new("ca1");
        let mut node = topology.nodes.shift_remove(&name).unwrap();
        if let Some((key, value)) = label {
            node.labels
                .insert(format!("faultlab.timer.{key}"), value.to_owned());
        }
        (topology, name, node)
    }

    fn timers(label: Option<(&str, &str)>, scale: f64) -> Result<NodeTimers, NosError> {
        let (topology, name, node) = topology(label);
        of_node(
            &topology,
            &name,
            &node,
            Scale::new(scale).unwrap(),
            &BTreeMap::new(),
        )
    }

    #[test]
    fn a_lab_sixty_times_faster_scales_what_may_be_scaled_down_to_its_floor() {
        let timers = timers(Some(("iccp-hold-time", "5s")), 60.0).unwrap();
        let name = NodeName::new("ca1");
        let rows: Vec<_> = table([(&name, Nos::MclagSwitch, &timers)])
            .into_iter()
            .map(|row| {
                format!(
                    "{:<22} {:>7} ms → {:>6} ms  {}",
                    row.name, row.nominal_ms, row.effective_ms, row.note
                )
            })
            .collect();
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn an_unknown_timer_names_file_line_node_and_the_likely_slip() {
        let error = timers(Some(("mac-table-ageing-time", "300s")), 1.0).unwrap_err();
        insta::assert_snapshot!(error);
    }

    #[test]
    fn a_timer_without_a_unit_is_refused() {
        let error = timers(Some(("boot-time", "183")), 1.0).unwrap_err();
        insta::assert_snapshot!(error);
    }

    #[test]
    fn nodes_that_differ_get_rows_of_their_own() {
        let slow = timers(None, 1.0).unwrap();
        let fast = timers(Some(("init-delay-time", "60s")), 1.0).unwrap();
        let (a, b) = (NodeName::new("ca1"), NodeName::new("ca2"));
        let notes: Vec<_> = table([(&a, Nos::MclagSwitch, &slow), (&b, Nos::MclagSwitch, &fast)])
            .into_iter()
            .filter(|row| row.name == "init-delay-time")
            .map(|row| row.note)
            .collect();
        assert_eq!(notes, ["real time; on ca1", "real time; on ca2"]);
    }

    #[test]
    fn a_scale_below_one_is_refused() {
        assert!(Scale::new(0.5).is_err());
        assert!("banana".parse::<Scale>().is_err());
        assert_eq!("60x".parse::<Scale>().unwrap().factor().to_string(), "60");
    }
}
