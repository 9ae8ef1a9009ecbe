//! Takes values out of a document's tree and collects every problem with its place.
//!
//! A value that is wrong is reported once and then treated as absent, so that one slip does not hide the next.

use std::time::Duration;

use crate::base::document::Value;
use crate::base::{Diagnostics, Document, Node, Position, duration, suggest};

/// The problems found so far, and ways to read values.
pub(super) struct Reader {
    pub(super) problems: Diagnostics,
}

/// A mapping whose keys were checked.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
    pub(super) place: &'n str,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// Returns a list's items; a single value stands for a list of one.
    pub(super) fn list(&self, key: &str) -> &'n [Node] {
        match self.get(key) {
            Some(node) => match &node.value {
                Value::Sequence(items) => items,
                _ => std::slice::from_ref(node),
            },
            None => &[],
        }
    }

    pub(super) fn position(&self) -> Position {
        self.node.position
    }

    /// Returns the position of a key, or of the mapping.
    pub(super) fn position_of(&self, key: &str) -> Position {
        self.get(key).map_or(self.node.position, |node| node.position)
    }
}

impl Reader {
    pub(super) fn new(document: &Document) -> Self {
        Self {
            problems: document.diagnostics(),
        }
    }

    pub(super) fn problem(&mut self, at: Position, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(at, message, Some(hint.into()));
    }

    /// Reads a mapping and reports keys it may not have.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        place: &'n str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let Some(pairs) = node.as_mapping() else {
            let found = node.describe();
            self.problem(
                node.position,
                format!("expected a mapping for {place}, found {found}"),
                format!("its keys are: {}", known.join(", ")),
            );
            return None;
        };
        for (key, _) in pairs {
            if !key.as_text().is_some_and(|name| known.contains(&name)) {
                self.problems.unknown_key(key, place, known);
            }
        }
        Some(Fields { node, place })
    }

    /// Returns the one key of `choices` that is there; reports none or several.
    pub(super) fn one_of<'k>(&mut self, fields: &Fields<'_>, choices: &[&'k str]) -> Option<&'k str> {
        let given: Vec<_> = choices
            .iter()
            .copied()
            .filter(|key| fields.node.get(key).is_some())
            .collect();
        match given.as_slice() {
            [one] => Some(one),
            [] => {
                let message = format!("{} says nothing to do or expect", fields.place);
                self.problem(
                    fields.position(),
                    message,
                    format!("give one of: {}", choices.join(", ")),
                );
                None
            }
            [_, second, ..] => {
                let at = fields.position_of(second);
                let message = format!("{} has both `{}`", fields.place, given.join("` and `"));
                self.problem(at, message, "keep one of them");
                None
            }
        }
    }

    pub(super) fn scalar(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = node.as_text().map(str::to_owned);
        if text.is_none() {
            let message = format!("expected a single value for {what}, found {}", node.describe());
            self.problems.push(node.position, message, None);
        }
        text
    }

    pub(super) fn text(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.get(key)?;
        self.scalar(node, &format!("`{key}`"))
    }

    /// Reads a text that must be there; an empty text stands for one that was reported.
    pub(super) fn required(&mut self, fields: &Fields<'_>, key: &str) -> String {
        if self.needs(fields, key) {
            self.text(fields, key).unwrap_or_default()
        } else {
            String::new()
        }
    }

    /// Reports a key that is not there.
    pub(super) fn needs(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        let there = fields.get(key).is_some();
        if !there {
            let message = format!("{} has no `{key}`", fields.place);
            self.problem(fields.position(), message, format!("add `{key}: …`"));
        }
        there
    }

    /// Reads a value with a function whose error is a message.
    pub(super) fn parsed<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let node = fields.get(key)?;
        let text = self.scalar(node, &format!("`{key}`"))?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problems
                    .push(node.position, format!("{key}: {message}"), None);
                None
            }
        }
    }

    pub(super) fn duration(&mut self, fields: &Fields<'_>, key: &str) -> Option<Duration> {
        self.parsed(fields, key, duration::parse)
    }

    pub(super) fn number<T: std::str::FromStr + PartialOrd + Copy + std::fmt::Display>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        least: T,
    ) -> Option<T> {
        self.parsed(fields, key, |text| match text.parse::<T>() {
            Ok(number) if number >= least => Ok(number),
            _ => Err(format!("`{text}` is not a number of at least {least}")),
        })
    }

    pub(super) fn flag(&mut self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        self.parsed(fields, key, |text| match text {
            "true" | "yes" | "ok" => Ok(true),
            "false" | "no" => Ok(false),
            _ => Err(format!("`{text}` is neither true nor false")),
        })
    }

    /// Reads one word of a fixed list.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.scalar(node, what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let hint = match suggest::did_you_mean(&text, names.iter().copied()) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("known: {}", names.join(", ")),
        };
        self.problem(node.position, format!("`{text}` is no known {what}"), hint);
        None
    }

    /// Reads a selector: a text, or a list of texts for their union.
    pub(super) fn selector(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let nodes = fields.list(key);
        let texts: Vec<_> = nodes
            .iter()
            .filter_map(|node| self.scalar(node, "a selector"))
            .collect();
        (!texts.is_empty()).then(|| texts.join(","))
    }

    /// Reads a selector that must be there.
    pub(super) fn needed_selector(&mut self, fields: &Fields<'_>, key: &str) -> String {
        self.needs(fields, key);
        self.selector(fields, key).unwrap_or_default()
    }
}
