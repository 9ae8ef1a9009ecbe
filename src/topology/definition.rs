//! Node properties as written, and inheritance node → group → kind → defaults.
//!
//! Every value keeps the place it was written, so that a mistake inherited by forty nodes is reported where it stands.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::base::{Position, document};

use super::dialect::{NODE, Shape};
use super::kinds;

/// A scalar with its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) at: Position,
}

/// Properties at one level. Values of a wrong shape are absent: the shape check has reported them.
#[derive(Clone, Debug, Default)]
pub(super) struct Definition {
    pub(super) at: Position,
    scalars: BTreeMap<&'static str, Text>,
    lists: BTreeMap<&'static str, Vec<Text>>,
    maps: BTreeMap<&'static str, IndexMap<String, Text>>,
}

impl Definition {
    pub(super) fn read(node: &document::Node, at: Position) -> Self {
        let mut definition = Self {
            at,
            ..Self::default()
        };
        for key in NODE {
            let Some(value) = node.get(key.name) else { continue };
            match &key.shape {
                Shape::Texts => {
                    let items = value.as_sequence().unwrap_or_default();
                    definition
                        .lists
                        .insert(key.name, items.iter().filter_map(scalar).collect());
                }
                Shape::Pairs | Shape::Labels(_) => {
                    definition.maps.insert(key.name, pairs(value));
                }
                _ => {
                    if let Some(text) = scalar(value).filter(|text| !text.value.is_empty()) {
                        definition.scalars.insert(key.name, text);
                    }
                }
            }
        }
        definition
    }

    pub(super) fn text(&self, key: &str) -> Option<&Text> {
        self.scalars.get(key)
    }

    pub(super) fn map(&self, key: &str) -> impl Iterator<Item = (&String, &Text)> {
        self.maps.get(key).into_iter().flatten()
    }

    /// `__IMPORT_ENVS: "true"` in an environment takes over the caller's whole environment; what is written wins.
    pub(super) fn import_environment(&mut self, environment: &BTreeMap<String, String>) {
        let Some(map) = self.maps.get_mut("env") else {
            return;
        };
        let Some(switch) = map
            .get("__IMPORT_ENVS")
            .filter(|text| text.value.eq_ignore_ascii_case("true"))
        else {
            return;
        };
        let at = switch.at;
        for (name, value) in environment {
            map.entry(name.clone()).or_insert_with(|| Text {
                value: value.clone(),
                at,
            });
        }
    }
}

/// Reads a mapping of scalars; null counts as empty text.
pub(super) fn pairs(node: &document::Node) -> IndexMap<String, Text> {
    let mut map = IndexMap::new();
    for (key, value) in node.as_mapping().unwrap_or_default() {
        let text = if value.is_null() {
            Some(Text {
                value: String::new(),
                at: value.position,
            })
        } else {
            scalar(value)
        };
        if let (Some(name), Some(text)) = (key.as_text(), text) {
            map.insert(name.to_owned(), text);
        }
    }
    map
}

/// Reads a scalar.
pub(super) fn scalar(node: &document::Node) -> Option<Text> {
    node.as_text().map(|value| Text {
        value: value.to_owned(),
        at: node.position,
    })
}

/// Everything nodes inherit from.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    pub(super) kinds: IndexMap<String, Definition>,
    pub(super) groups: IndexMap<String, Definition>,
    pub(super) defaults: Definition,
}

impl Inheritance {
    /// Returns a node's levels, most specific first.
    pub(super) fn levels<'a>(&'a self, node: &'a Definition) -> Levels<'a> {
        let defaults = &self.defaults;
        let group_kind = |level: &Definition| self.groups.get(&level.text("group")?.value)?.text("kind");
        let kind = node
            .text("kind")
            .or_else(|| group_kind(node))
            .or_else(|| group_kind(defaults))
            .or_else(|| defaults.text("kind"));
        let from_kind = kind.and_then(|kind| self.kind(&kind.value));
        let group = node
            .text("group")
            .or_else(|| from_kind?.text("group"))
            .or_else(|| defaults.text("group"));
        let from_group = group.and_then(|group| self.groups.get(&group.value));
        Levels {
            kind,
            group,
            chain: [Some(node), from_group, from_kind, Some(defaults)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// Returns what a kind says: under the name used, else under another name of the same kind.
    fn kind(&self, name: &str) -> Option<&Definition> {
        let name = name.to_lowercase();
        let same =
            |other: &String| kinds::canonical(other).is_some_and(|c| Some(c) == kinds::canonical(&name));
        self.kinds
            .iter()
            .find(|(other, _)| other.to_lowercase() == name)
            .or_else(|| self.kinds.iter().find(|(other, _)| same(other)))
            .map(|(_, definition)| definition)
    }
}

/// A node's levels, most specific first.
pub(super) struct Levels<'a> {
    pub(super) kind: Option<&'a Text>,
    pub(super) group: Option<&'a Text>,
    chain: Vec<&'a Definition>,
}

impl<'a> Levels<'a> {
    /// The first level that says something wins.
    pub(super) fn first(&self, key: &str) -> Option<&'a Text> {
        self.chain.iter().find_map(|level| level.text(key))
    }

    /// What only the node itself can say.
    pub(super) fn own(&self, key: &str) -> Option<&'a Text> {
        self.chain.first()?.text(key)
    }

    /// Maps are merged; the more specific level wins key by key.
    pub(super) fn merged(&self, key: &str) -> BTreeMap<String, Text> {
        let mut merged = BTreeMap::new();
        for level in self.chain.iter().rev() {
            merged.extend(level.map(key).map(|(name, text)| (name.clone(), text.clone())));
        }
        merged
    }

    /// All items of a list, the least specific level's first.
    pub(super) fn stacked(&self, key: &str) -> impl Iterator<Item = &'a Text> {
        self.chain
            .iter()
            .rev()
            .flat_map(move |level| level.lists.get(key).into_iter().flatten())
    }

    /// Lists are joined, the least specific level's items first; of equal items the first is kept.
    pub(super) fn joined(&self, key: &str) -> Vec<String> {
        let mut joined: Vec<String> = Vec::new();
        for text in self.stacked(key) {
            if !joined.contains(&text.value) {
                joined.push(text.value.clone());
            }
        }
        joined
    }
}
