//! faultlab's own labels: which exist, what they may stand on and what their values must look like.

use crate::base::suggest::did_you_mean;
use crate::base::{document, duration};

use super::definition::Text;
use super::dialect::{LABELS, Label, On};
use super::model::labels;
use super::shape::Problems;

/// Checks the names and, as far as the value alone tells, the values of labels where they are written.
pub(super) fn check_names(node: &document::Node, on: On, problems: &mut Problems) {
    for (key, value) in node.as_mapping().unwrap_or_default() {
        let Some(name) = key.as_text().filter(|name| name.starts_with("faultlab.")) else {
            continue;
        };
        match LABELS.iter().find(|label| names(label, name)) {
            None => unknown(key, name, on, problems),
            Some(label) if label.on != on => {
                let (right, wrong) = match label.on {
                    On::Node => ("nodes", "links"),
                    On::Link => ("links", "nodes"),
                };
                let message = format!("label `{name}` belongs on {right}, not on {wrong}");
                problems.add(key.position, message, None);
            }
            Some(label) => check_value(label, name, value, problems),
        }
    }
}

fn names(label: &Label, name: &str) -> bool {
    if label.name.ends_with('.') {
        name.strip_prefix(label.name).is_some_and(|rest| !rest.is_empty())
    } else {
        name == label.name
    }
}

fn unknown(key: &document::Node, name: &str, on: On, problems: &mut Problems) {
    let known = || LABELS.iter().filter(|label| label.on == on);
    let prefix_slip = || {
        let (head, rest) = name.strip_prefix("faultlab.")?.split_once('.')?;
        let prefixes = known().filter_map(|label| label.name.strip_prefix("faultlab.")?.strip_suffix('.'));
        did_you_mean(head, prefixes).map(|prefix| format!("faultlab.{prefix}.{rest}"))
    };
    let guess = did_you_mean(
        name,
        known().map(|label| label.name).filter(|n| !n.ends_with('.')),
    )
    .map(ToOwned::to_owned)
    .or_else(prefix_slip);
    let shown = |label: &Label| {
        let rest = if label.name.ends_with('.') { "NAME" } else { "" };
        format!("{}{rest}", label.name)
    };
    let hint = match guess {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!(
            "known labels: {}",
            known().map(shown).collect::<Vec<_>>().join(", ")
        ),
    };
    problems.add(key.position, format!("unknown label `{name}`"), hint);
}

fn check_value(label: &Label, name: &str, value: &document::Node, problems: &mut Problems) {
    let text = value.as_text().unwrap_or_default();
    if text.trim().is_empty() {
        let at = value.position;
        problems.add(at, format!("label `{name}` has no value"), None);
        return;
    }
    match label.name {
        labels::TIMER => {
            if let Err(problem) = duration::parse(text) {
                problems.add(value.position, format!("label `{name}`: {problem}"), None);
            }
        }
        labels::UNITS => {
            for unit in words(text) {
                if !unit.parse::<u16>().is_ok_and(|id| (1..=4094).contains(&id)) {
                    let message = format!("label `{name}`: `{unit}` is not a VLAN ID (expected 1 to 4094)");
                    problems.add(value.position, message, None);
                }
            }
        }
        _ => {}
    }
}

/// Checks what needs the node: that the members of its bundles are interfaces with a cable, each in one bundle only.
pub(super) fn check_bundles<'a>(
    node: &str,
    texts: impl Iterator<Item = (&'a str, &'a Text)>,
    cabled: &[&str],
    problems: &mut Problems,
) {
    let mut taken: Vec<(&str, &str)> = Vec::new();
    for (name, text) in texts {
        let Some(bundle) = name.strip_prefix(labels::BUNDLE) else {
            continue;
        };
        for member in words(&text.value) {
            if let Some((_, other)) = taken.iter().find(|(taken, _)| *taken == member) {
                let message =
                    format!("interface `{member}` of node `{node}` is in bundles `{other}` and `{bundle}`");
                problems.add(text.at, message, "a port belongs to one bundle".to_owned());
            } else if !cabled.contains(&member) {
                let message =
                    format!("bundle `{bundle}` of node `{node}` has member `{member}`, which has no link");
                let hint = match cabled {
                    [] => format!("node `{node}` has no links"),
                    _ => format!("interfaces of `{node}` with a link: {}", cabled.join(", ")),
                };
                problems.add(text.at, message, hint);
            }
            taken.push((member, bundle));
        }
    }
}

/// Splits a label's list at spaces and commas.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',']).filter(|word| !word.is_empty())
}
