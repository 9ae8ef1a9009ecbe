//! What experiments and contracts have in common: names, time, traffic, steady state.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::method::{Clock, clock_time};
use super::model::{SelectorText, SteadyState, TrafficGroup};
use super::predicate::predicate;
use super::reader::{Fields, Reader};
use crate::base::{Node, Seed};

pub(super) const TIME_KEYS: [&str; 2] = ["scale", "incident-clock"];
pub(super) const TRAFFIC_KEYS: [&str; 7] = ["group", "from", "to", "both-ways", "rate", "ports", "counts"];
pub(super) const STEADY_KEYS: [&str; 3] = ["within", "stable", "holds"];

/// Packets per second of each flow where the file gives no rate.
const DEFAULT_RATE: f64 = 10.0;
/// Flows per pair where the file gives no number: enough to meet both halves of a bundle or ECMP group.
const DEFAULT_PORTS: u16 = 4;

/// Reads a name that goes into file names and JUnit: letters, digits, `-`, `_`, `.`.
pub(super) fn name(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> String {
    let text = reader.required(fields, key);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.chars().all(allowed) {
        let message = format!("`{text}` is no name");
        let hint = "names have letters, digits, `-`, `_` and `.`; put sentences into `title`";
        reader.problem(fields.position_of(key), message, hint);
    }
    text
}

pub(super) fn seed(reader: &mut Reader, fields: &Fields<'_>) -> Seed {
    Seed(reader.number(fields, "seed", 0).unwrap_or_default())
}

/// Reads `time: {scale, incident-clock}`; also returns the clock as written.
pub(super) fn time(reader: &mut Reader, fields: &Fields<'_>) -> (Clock, Option<String>) {
    let mut clock = Clock {
        scale: 1.0,
        zero: None,
    };
    let Some(node) = fields.get("time") else {
        return (clock, None);
    };
    let Some(time) = reader.fields(node, "`time`", &TIME_KEYS) else {
        return (clock, None);
    };
    let scale = reader.parsed(&time, "scale", |text| match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && scale >= 1.0 => Ok(scale),
        _ => Err(format!(
            "`{text}` is no time scale (expected a number of at least 1: 60 is sixty times faster)"
        )),
    });
    clock.scale = scale.unwrap_or(1.0);
    clock.zero = reader.parsed(&time, "incident-clock", |text| {
        clock_time(text).ok_or_else(|| format!("`{text}` is no clock time (expected e.g. 13:26:05)"))
    });
    let written = reader
        .text(&time, "incident-clock")
        .filter(|_| clock.zero.is_some());
    (clock, written)
}

/// Reads the list under `traffic`.
pub(super) fn traffic(reader: &mut Reader, fields: &Fields<'_>) -> Vec<TrafficGroup> {
    let mut groups: Vec<TrafficGroup> = Vec::new();
    for node in fields.list("traffic") {
        let Some(group) = traffic_group(reader, node) else {
            continue;
        };
        if groups.iter().any(|known| known.group == group.group) {
            let message = format!("two traffic groups are called `{}`", group.group);
            reader.problem(node.position, message, "change one of them");
        }
        groups.push(group);
    }
    groups
}

fn traffic_group(reader: &mut Reader, node: &Node) -> Option<TrafficGroup> {
    let fields = reader.fields(node, "a traffic group", &TRAFFIC_KEYS)?;
    let rate = reader.parsed(&fields, "rate", |text| {
        let number = text
            .strip_suffix("/s")
            .and_then(|number| number.trim().parse::<f64>().ok());
        match number {
            Some(rate) if (0.1..=1000.0).contains(&rate) => Ok(rate),
            _ => Err(format!(
                "`{text}` is no rate (expected packets per second between 0.1/s and 1000/s, e.g. 10/s)"
            )),
        }
    });
    Some(TrafficGroup {
        group: name(reader, &fields, "group"),
        from: SelectorText(reader.needed_selector(&fields, "from")),
        to: SelectorText(reader.needed_selector(&fields, "to")),
        both_ways: reader.flag(&fields, "both-ways").unwrap_or_default(),
        interval: Duration::from_secs_f64(1.0 / rate.unwrap_or(DEFAULT_RATE)),
        ports: reader.number(&fields, "ports", 1).unwrap_or(DEFAULT_PORTS),
        counts: reader.flag(&fields, "counts").unwrap_or(true),
    })
}

/// Reads `steady-state`; its limits default to 60 s and 1 s.
pub(super) fn steady(reader: &mut Reader, fields: &Fields<'_>) -> SteadyState {
    let mut steady = SteadyState {
        within: Duration::from_secs(60),
        stable: Duration::from_secs(1),
        holds: Vec::new(),
    };
    let Some(node) = fields.get("steady-state") else {
        return steady;
    };
    if let Some(inner) = reader.fields(node, "`steady-state`", &STEADY_KEYS) {
        steady.within = reader.duration(&inner, "within").unwrap_or(steady.within);
        steady.stable = reader.duration(&inner, "stable").unwrap_or(steady.stable);
        let nodes = inner.list("holds");
        steady.holds = nodes
            .iter()
            .filter_map(|node| predicate(reader, node, None))
            .collect();
    }
    steady
}

/// Joins a path as written with the folder of its file, without `.` and with `..` taken back where that is plain.
pub(super) fn beside(folder: &Path, written: &str) -> PathBuf {
    use std::path::Component;
    let mut path = PathBuf::new();
    for component in folder.join(written).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}
