//! Expectations: one temporal form each, and checks that their names lead somewhere.

use super::predicate::{point, predicate};
use super::reader::{Fields, Reader};
use crate::assertions::{Anchor, Expectation, Op, Point, Predicate, Temporal, TrafficState, Window};
use crate::base::{Node, Position, suggest};

/// Keys that say how something must behave; each holds a predicate.
pub(super) const FORMS: [&str; 6] = ["always", "never", "eventually", "at-end", "unchanged", "stable"];

pub(super) const KEYS: [&str; 17] = [
    "name",
    "always",
    "never",
    "eventually",
    "at-end",
    "unchanged",
    "stable",
    "for-longer-than",
    "in-total",
    "at-most-times",
    "within",
    "after",
    "already-true",
    "hold",
    "from",
    "to",
    "because",
];

/// Reads the list under `expectations`.
pub(super) fn expectations(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Expectation> {
    let nodes = fields.list("expectations");
    let mut list: Vec<Expectation> = Vec::new();
    for node in nodes {
        let Some(expectation) = expectation(reader, node) else {
            continue;
        };
        if list.iter().any(|known| known.name == expectation.name) {
            let message = format!("two expectations are called `{}`", expectation.name);
            reader.problem(
                node.position,
                message,
                "reports tell them apart by name: change one",
            );
        }
        list.push(expectation);
    }
    list
}

fn expectation(reader: &mut Reader, node: &Node) -> Option<Expectation> {
    let fields = reader.fields(node, "an expectation", &KEYS)?;
    let name = reader.required(&fields, "name");
    let form = reader.one_of(&fields, &FORMS)?;
    check_modifiers(reader, &fields, form);
    let implied = (form == "unchanged").then_some(Op::Changed);
    let what = predicate(reader, fields.get(form)?, implied);
    let how = temporal(reader, &fields, form);
    let window = Window {
        from: point(reader, &fields, "from"),
        to: point(reader, &fields, "to"),
    };
    let line = node.position.line;
    let source = format!("{}:{line}", reader.problems.path().display());
    Some(Expectation {
        name,
        what: what?,
        how: how?,
        window,
        source: Some(source),
    })
}

/// Reports keys that mean nothing with this form, because a silently ignored limit would be a wrong verdict.
fn check_modifiers(reader: &mut Reader, fields: &Fields<'_>, form: &str) {
    const MODIFIERS: [(&str, &[&str]); 7] = [
        ("for-longer-than", &["never", "eventually"]),
        ("in-total", &["never"]),
        ("at-most-times", &["never"]),
        ("within", &["eventually", "stable"]),
        ("after", &["eventually"]),
        ("already-true", &["eventually"]),
        ("hold", &["stable"]),
    ];
    for (key, forms) in MODIFIERS {
        if fields.get(key).is_some() && !forms.contains(&form) {
            let message = format!("`{key}` means nothing with `{form}`");
            reader.problem(
                fields.position_of(key),
                message,
                format!("it goes with: {}", forms.join(", ")),
            );
        }
    }
    if form == "eventually" && fields.get("for-longer-than").is_some() {
        for key in ["within", "after", "already-true"] {
            if fields.get(key).is_some() {
                let message = format!("`{key}` means nothing with `for-longer-than`");
                reader.problem(
                    fields.position_of(key),
                    message,
                    "use `from` and `to` for the window",
                );
            }
        }
    }
    if form == "never" && fields.get("for-longer-than").is_none() {
        for key in ["in-total", "at-most-times"] {
            if fields.get(key).is_some() {
                let message = format!("`{key}` needs `for-longer-than`");
                reader.problem(
                    fields.position_of(key),
                    message,
                    "say how long one of them may last",
                );
            }
        }
    }
}

fn temporal(reader: &mut Reader, fields: &Fields<'_>, form: &str) -> Option<Temporal> {
    let longer = reader.duration(fields, "for-longer-than");
    Some(match (form, longer) {
        ("always", _) => Temporal::Always,
        ("never", Some(longest)) => Temporal::NeverLongerThan {
            longest,
            total: reader.duration(fields, "in-total"),
            count: reader.number(fields, "at-most-times", 0),
        },
        ("never" | "unchanged", _) => Temporal::Never,
        ("at-end", _) => Temporal::AtEnd,
        ("eventually", Some(limit)) => Temporal::LongerThan { limit },
        ("eventually", None) => Temporal::Eventually {
            within: reader.duration(fields, "within"),
            after: point(reader, fields, "after"),
            already_true: reader.flag(fields, "already-true").unwrap_or_default(),
        },
        _ => {
            reader.needs(fields, "hold");
            Temporal::StableFor {
                hold: reader.duration(fields, "hold")?,
                within: reader.duration(fields, "within"),
            }
        }
    })
}

/// What names in expectations may refer to.
pub(super) struct Names<'a> {
    /// Traffic groups.
    pub(super) groups: Vec<&'a str>,
    /// Ids and titles of steps.
    pub(super) steps: Vec<&'a str>,
}

/// Checks the traffic group and the steps that a predicate or expectation names.
pub(super) fn check(reader: &mut Reader, at: Position, expectation: &Expectation, names: &Names<'_>) {
    check_predicate(reader, at, &expectation.what, names);
    let after = match &expectation.how {
        Temporal::Eventually { after, .. } => after.as_ref(),
        _ => None,
    };
    let window = &expectation.window;
    for point in window.from.iter().chain(&window.to).chain(after) {
        check_point(reader, at, point, names);
    }
}

pub(super) fn check_predicate(reader: &mut Reader, at: Position, predicate: &Predicate, names: &Names<'_>) {
    match predicate {
        Predicate::Traffic(traffic) => {
            for group in &traffic.flows.groups {
                check_name(reader, at, "traffic group", group, &names.groups);
            }
            if matches!(traffic.is, TrafficState::DeliveringAtLeast(part) if part == 0.0) {
                reader.problem(
                    at,
                    "at least 0 % of the flows always deliver",
                    "give a part above 0",
                );
            }
        }
        Predicate::Reached(point) => check_point(reader, at, point, names),
        Predicate::State(_) | Predicate::Log(_) => {}
    }
}

fn check_point(reader: &mut Reader, at: Position, point: &Point, names: &Names<'_>) {
    if let Anchor::Step { step, .. } = &point.anchor {
        check_name(reader, at, "step", step, &names.steps);
    }
}

pub(super) fn check_name(reader: &mut Reader, at: Position, kind: &str, name: &str, known: &[&str]) {
    if known.contains(&name) {
        return;
    }
    let hint = match suggest::did_you_mean(name, known.iter().copied()) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None if known.is_empty() => format!("there is no {kind}"),
        None => format!("known: {}", known.join(", ")),
    };
    reader.problem(at, format!("no {kind} is called `{name}`"), hint);
}
