//! Checking a YAML tree against the dialect: unknown keys and wrong shapes, all of them, at every level.

use std::collections::BTreeSet;

use crate::base::suggest::did_you_mean;
use crate::base::{Diagnostics, Position, document};

use super::dialect::{self, Key, Named, Shape};
use super::{annotations, kinds, values};

/// The problems found so far. What many nodes inherit is reported once, where it stands.
pub(super) struct Problems {
    list: Diagnostics,
    seen: BTreeSet<(Position, String)>,
}

impl Problems {
    pub(super) fn new(list: Diagnostics) -> Self {
        Self {
            list,
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn add(&mut self, at: Position, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let message = message.into();
        if self.seen.insert((at, message.clone())) {
            self.list.push(at, message, hint.into());
        }
    }

    pub(super) fn unknown_key(&mut self, key: &document::Node, place: &str, known: &[&str]) {
        let name = key.as_text().unwrap_or_default().to_owned();
        if self.seen.insert((key.position, name)) {
            self.list.unknown_key(key, place, known);
        }
    }

    pub(super) fn into_list(self) -> Diagnostics {
        self.list
    }
}

/// Checks a value against a shape; `place` names it in messages, e.g. `` `mgmt` ``.
pub(super) fn check(node: &document::Node, shape: &Shape, place: &str, problems: &mut Problems) {
    if node.is_null() {
        return;
    }
    match shape {
        Shape::Text | Shape::Switch | Shape::Count | Shape::Number | Shape::OneOf(_) => {
            scalar(node, shape, place, problems);
        }
        Shape::Texts => {
            for item in list(node, place, problems) {
                if item.as_text().is_none() && !item.is_null() {
                    wrong(item, &format!("each item of {place}"), "a single value", problems);
                }
            }
        }
        Shape::Pairs | Shape::Labels(_) => {
            for (key, value) in mapping(node, place, problems) {
                if value.as_text().is_none() && !value.is_null() {
                    let name = key.as_text().unwrap_or_default();
                    wrong(value, &format!("`{name}` in {place}"), "a single value", problems);
                }
            }
            if let Shape::Labels(on) = shape {
                annotations::check_names(node, *on, problems);
            }
        }
        Shape::Object(keys) => object(node, keys, place, problems),
        Shape::Objects(keys) => {
            for item in list(node, place, problems) {
                object(item, keys, &format!("an item of {place}"), problems);
            }
        }
        Shape::Nodes(named) => nodes(node, *named, place, problems),
        Shape::Links => {
            list(node, place, problems);
        }
        Shape::Free => {
            mapping(node, place, problems);
        }
    }
}

/// Name of the root in messages.
pub(super) const WHOLE: &str = "the topology file";

/// Checks a mapping's keys and their values.
pub(super) fn object(node: &document::Node, keys: &[Key], place: &str, problems: &mut Problems) {
    for (key, value) in mapping(node, place, problems) {
        let name = key.as_text().unwrap_or_default();
        match keys.iter().find(|known| known.name == name) {
            Some(known) if matches!(place, WHOLE | "`topology`") => {
                check(value, &known.shape, &format!("`{name}`"), problems);
            }
            Some(known) => check(value, &known.shape, &format!("`{name}` of {place}"), problems),
            None => problems.unknown_key(key, place, &dialect::names(keys)),
        }
    }
}

fn nodes(node: &document::Node, named: Named, place: &str, problems: &mut Problems) {
    for (key, value) in mapping(node, place, problems) {
        let Some(name) = key.as_text() else {
            wrong(key, &format!("each key of {place}"), "a name", problems);
            continue;
        };
        let place = match named {
            Named::Node => format!("node `{name}`"),
            Named::Kind => format!("kind `{name}`"),
            Named::Group => format!("group `{name}`"),
        };
        match named {
            Named::Node => node_name(key, name, problems),
            Named::Kind if kinds::canonical(name).is_none() => {
                problems.add(key.position, format!("unknown kind `{name}`"), kinds::hint(name));
            }
            Named::Kind | Named::Group => {}
        }
        if !value.is_null() {
            object(value, dialect::NODE, &place, problems);
        }
    }
}

fn node_name(key: &document::Node, name: &str, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._|".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
        let message = format!(
            "`{name}` is not a node name (expected a letter or digit, then letters, digits, `-`, `.`, `_` or `|`)"
        );
        problems.add(key.position, message, None);
    }
}

fn scalar(node: &document::Node, shape: &Shape, place: &str, problems: &mut Problems) {
    let expected = match shape {
        Shape::Switch => "true or false".to_owned(),
        Shape::Count => "a whole number from 0".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::OneOf(words) => format!("one of {}", words.join(", ")),
        _ => "a single value".to_owned(),
    };
    let Some(text) = node.as_text() else {
        return wrong(node, place, &expected, problems);
    };
    let plain = values::plain(node);
    let fits = match shape {
        Shape::Switch => plain.and_then(values::switch).is_some(),
        Shape::Count => plain.and_then(values::count).is_some(),
        Shape::Number => plain.and_then(values::number).is_some(),
        Shape::OneOf(words) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
        _ => true,
    };
    if !fits {
        let hint = match shape {
            Shape::Switch | Shape::Count | Shape::Number if plain.is_none() => {
                Some("quotes make it text: take them away".to_owned())
            }
            Shape::OneOf(words) => {
                did_you_mean(text, words.iter().copied()).map(|guess| format!("did you mean `{guess}`?"))
            }
            _ => None,
        };
        problems.add(
            node.position,
            format!("{place} must be {expected}, found `{text}`"),
            hint,
        );
    }
}

fn list<'a>(node: &'a document::Node, place: &str, problems: &mut Problems) -> &'a [document::Node] {
    node.as_sequence().unwrap_or_else(|| {
        if !node.is_null() {
            wrong(node, place, "a list", problems);
        }
        &[]
    })
}

fn mapping<'a>(
    node: &'a document::Node,
    place: &str,
    problems: &mut Problems,
) -> &'a [(document::Node, document::Node)] {
    node.as_mapping().unwrap_or_else(|| {
        wrong(node, place, "a mapping", problems);
        &[]
    })
}

fn wrong(node: &document::Node, place: &str, expected: &str, problems: &mut Problems) {
    let message = format!("{place} must be {expected}, found {}", node.describe());
    problems.add(node.position, message, None);
}
