//! Predicates: `{state: …}`, `{traffic: …}`, `{log: …}`, `{reached: …}`.

use serde_json::Value;

use super::reader::{Fields, Reader};
use crate::assertions::{
    Between, FlowSelection, LogPredicate, Op, Point, Predicate, Quantifier, Selection, StatePredicate,
    TrafficPredicate, TrafficState, known_points,
};
use crate::base::document::Value as Yaml;
use crate::base::{Node, suggest};
use crate::record::StateKind;

/// Keys by which a predicate says what it looks at.
pub(super) const SUBJECTS: [&str; 4] = ["state", "traffic", "log", "reached"];

pub(super) const STATE_KEYS: [&str; 15] = [
    "state",
    "on",
    "key",
    "field",
    "quantifier",
    "equals",
    "not",
    "one-of",
    "less",
    "greater",
    "present",
    "absent",
    "changed",
    "differs-between",
    "same-between",
];

pub(super) const TRAFFIC_KEYS: [&str; 7] = [
    "traffic",
    "from",
    "to",
    "is",
    "delivering-at-least",
    "delivering-at-most",
    "pairs-out-at-least",
];

pub(super) const LOG_KEYS: [&str; 3] = ["log", "on", "daemon"];

pub(super) const STATES: [(&str, StateKind); 12] = [
    ("interface", StateKind::Interface),
    ("lacp", StateKind::Lacp),
    ("iccp", StateKind::Iccp),
    ("bfd", StateKind::Bfd),
    ("mac-table", StateKind::MacTable),
    ("bgp", StateKind::Bgp),
    ("ospf", StateKind::Ospf),
    ("fib", StateKind::Fib),
    ("alarm", StateKind::Alarm),
    ("process", StateKind::Process),
    ("config", StateKind::Config),
    ("node", StateKind::Node),
];

/// Reads a predicate. `op` stands in for a comparison that the form implies (`unchanged` implies `changed`).
pub(super) fn predicate(reader: &mut Reader, node: &Node, op: Option<Op>) -> Option<Predicate> {
    let subject = SUBJECTS.into_iter().find(|subject| node.get(subject).is_some());
    match subject {
        Some("state") => state(reader, node, op),
        Some("traffic") => traffic(reader, node),
        Some("log") => log(reader, node),
        Some("reached") => {
            let fields = reader.fields(node, "a predicate of an instant", &["reached"])?;
            Some(Predicate::Reached(point(reader, &fields, "reached")?))
        }
        _ => {
            let found = node.describe();
            let hint = "e.g. {state: alarm, on: ca2, field: color, equals: red} or {traffic: all, is: out}";
            reader.problem(
                node.position,
                format!(
                    "expected a predicate with one of `state`, `traffic`, `log`, `reached`, found {found}"
                ),
                hint,
            );
            None
        }
    }
}

fn state(reader: &mut Reader, node: &Node, implied: Option<Op>) -> Option<Predicate> {
    let fields = reader.fields(node, "a predicate of state", &STATE_KEYS)?;
    let kind = fields
        .get("state")
        .and_then(|node| reader.word(node, "state", &STATES));
    let on = reader.needed_selector(&fields, "on");
    let quantifier = fields.get("quantifier").and_then(|node| {
        reader.word(
            node,
            "quantifier",
            &[("all", Quantifier::All), ("any", Quantifier::Any)],
        )
    });
    let op = match implied {
        Some(op) => Some(op),
        None => comparison(reader, &fields),
    };
    Some(Predicate::State(StatePredicate {
        on: Selection::unresolved(&on),
        state: kind?,
        key: reader.text(&fields, "key").unwrap_or_else(|| "*".to_owned()),
        field: reader.text(&fields, "field"),
        op: op?,
        quantifier: quantifier.unwrap_or_default(),
    }))
}

fn comparison(reader: &mut Reader, fields: &Fields<'_>) -> Option<Op> {
    const BETWEEN: [(&str, Between); 2] = [("nodes", Between::Nodes), ("keys", Between::Keys)];
    let node = |key| fields.get(key);
    match reader.one_of(fields, &STATE_KEYS[5..])? {
        "equals" => Some(Op::Equals(value(node("equals")?))),
        "not" => Some(Op::Not(value(node("not")?))),
        "one-of" => Some(Op::OneOf(fields.list("one-of").iter().map(value).collect())),
        "less" => reader.number(fields, "less", f64::MIN).map(Op::Less),
        "greater" => reader.number(fields, "greater", f64::MIN).map(Op::Greater),
        "present" => set(reader, fields, "present", Op::Present),
        "absent" => set(reader, fields, "absent", Op::Absent),
        "changed" => set(reader, fields, "changed", Op::Changed),
        "differs-between" => reader
            .word(node("differs-between")?, "comparison", &BETWEEN)
            .map(Op::DiffersBetween),
        _ => reader
            .word(node("same-between")?, "comparison", &BETWEEN)
            .map(Op::SameBetween),
    }
}

/// Reads `present: true`; `false` would be a riddle.
fn set(reader: &mut Reader, fields: &Fields<'_>, key: &str, op: Op) -> Option<Op> {
    if reader.flag(fields, key)? {
        return Some(op);
    }
    let hint = "write `absent: true` for the opposite of `present: true`, or use `never`";
    reader.problem(
        fields.position_of(key),
        format!("`{key}: false` says nothing"),
        hint,
    );
    None
}

/// A scalar as written: numbers and booleans only when they are not quoted.
fn value(node: &Node) -> Value {
    match &node.value {
        Yaml::Scalar { text, plain: true } => {
            let special = matches!(text.as_str(), "true" | "false");
            let number = text.parse::<f64>().is_ok_and(f64::is_finite);
            if special || number {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            } else {
                Value::String(text.clone())
            }
        }
        Yaml::Scalar { text, .. } => Value::String(text.clone()),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(pairs) => pairs
            .iter()
            .map(|(key, item)| (key.as_text().unwrap_or_default().to_owned(), value(item)))
            .collect(),
    }
}

/// Reads which flows: `traffic: all|GROUP|[GROUP, …]`, `from`, `to`.
pub(super) fn flows(reader: &mut Reader, fields: &Fields<'_>) -> FlowSelection {
    let nodes = fields.list("traffic");
    let groups = nodes
        .iter()
        .filter_map(|node| reader.scalar(node, "a traffic group"));
    let groups = groups.filter(|group| group != "all").collect();
    let selection = |text: Option<String>| text.map(|text| Selection::unresolved(&text));
    FlowSelection {
        groups,
        from: selection(reader.selector(fields, "from")),
        to: selection(reader.selector(fields, "to")),
    }
}

fn traffic(reader: &mut Reader, node: &Node) -> Option<Predicate> {
    const IS: [(&str, TrafficState); 3] = [
        ("out", TrafficState::Out),
        ("delivered", TrafficState::Delivered),
        ("black-holed", TrafficState::BlackHoled),
    ];
    let fields = reader.fields(node, "a predicate of traffic", &TRAFFIC_KEYS)?;
    let flows = flows(reader, &fields);
    let is = match reader.one_of(&fields, &TRAFFIC_KEYS[3..])? {
        "is" => reader.word(fields.get("is")?, "state of traffic", &IS)?,
        "delivering-at-least" => {
            TrafficState::DeliveringAtLeast(reader.parsed(&fields, "delivering-at-least", part)?)
        }
        "delivering-at-most" => {
            TrafficState::DeliveringAtMost(reader.parsed(&fields, "delivering-at-most", part)?)
        }
        _ => TrafficState::PairsOutAtLeast(reader.number(&fields, "pairs-out-at-least", 1)?),
    };
    Some(Predicate::Traffic(TrafficPredicate { flows, is }))
}

/// Reads `40%` or `0.4`.
fn part(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    match number {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        _ => Err(format!("`{text}` is no part (expected e.g. 40% or 0.4)")),
    }
}

fn log(reader: &mut Reader, node: &Node) -> Option<Predicate> {
    let fields = reader.fields(node, "a predicate of logs", &LOG_KEYS)?;
    let on = reader.needed_selector(&fields, "on");
    Some(Predicate::Log(LogPredicate {
        on: Selection::unresolved(&on),
        daemon: reader.text(&fields, "daemon"),
        contains: reader.text(&fields, "log")?,
    }))
}

/// Reads a point in time.
pub(super) fn point(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Option<Point> {
    let text = reader.text(fields, key)?;
    if let Ok(point) = text.parse::<Point>() {
        return Some(point);
    }
    let word = text.split_whitespace().next().unwrap_or_default();
    let known = known_points();
    let guess = suggest::did_you_mean(word, known.iter().copied());
    let all = known.join(", ");
    let hint = guess.map_or_else(
        || format!("known: {all}, step:ID started, step:ID done; offsets like +2s may follow"),
        |guess| format!("did you mean `{guess}`?"),
    );
    reader.problem(
        fields.position_of(key),
        format!("{key}: `{text}` is no point in time"),
        hint,
    );
    None
}
