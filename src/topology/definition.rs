//! Node properties as written, and inheritance node → group → kind → defaults.
//!
//! Every value keeps the place it was written, so that a mistake inherited by forty nodes is reported where it stands.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use serde_json::Value;

use crate::base::{Position, document};

use super::dialect::NODE;

/// A scalar with its place.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) at: Position,
}

/// Properties at one level. What has a wrong shape reads as absent: the shape check has reported it.
#[derive(Debug, Default)]
pub(super) struct Definition<'a> {
    pub(super) at: Position,
    properties: HashMap<&'static str, &'a document::Node>,
    /// The caller's environment, when this level asks for it.
    imported: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Definition<'a> {
    pub(super) fn read(
        node: &'a document::Node,
        at: Position,
        environment: &'a BTreeMap<String, String>,
    ) -> Self {
        let written = node.as_mapping().unwrap_or_default();
        let properties: HashMap<_, _> = written
            .iter()
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(key, value)| {
                let name = key.as_text()?;
                let known = NODE.iter().find(|known| known.name == name)?;
                Some((known.name, value))
            })
            .collect();
        let switch = properties.get("env").and_then(|env| env.get("__IMPORT_ENVS"));
        let asked = switch
            .and_then(|switch| switch.as_text())
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        Self {
            at,
            properties,
            imported: asked.then_some(environment),
        }
    }

    /// Returns a property, unless it is null.
    pub(super) fn node(&self, key: &str) -> Option<&'a document::Node> {
        self.properties.get(key).copied()
    }

    /// Returns a property that is one scalar; empty text counts as unset.
    pub(super) fn text(&self, key: &str) -> Option<Text> {
        self.node(key)
            .and_then(scalar)
            .filter(|text| !text.value.is_empty())
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
pub(super) struct Inheritance<'a> {
    pub(super) kinds: IndexMap<String, Definition<'a>>,
    pub(super) groups: IndexMap<String, Definition<'a>>,
    pub(super) defaults: Definition<'a>,
}

impl<'a> Inheritance<'a> {
    /// Returns a node's levels, most specific first.
    pub(super) fn levels<'b>(&'b self, node: &'b Definition<'a>) -> Levels<'b> {
        let defaults = &self.defaults;
        let group_kind = |level: &Definition<'_>| {
            let group = level.text("group")?;
            self.groups.get(&group.value)?.text("kind")
        };
        let kind = node
            .text("kind")
            .or_else(|| group_kind(node))
            .or_else(|| group_kind(defaults))
            .or_else(|| defaults.text("kind"));
        let from_kind = kind.as_ref().and_then(|kind| self.kind(&kind.value));
        let group = node
            .text("group")
            .or_else(|| from_kind?.text("group"))
            .or_else(|| defaults.text("group"));
        let from_group = group.as_ref().and_then(|group| self.groups.get(&group.value));
        Levels {
            kind,
            group,
            node,
            chain: [Some(node), from_group, from_kind, Some(defaults)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// Returns what is said of a kind, under exactly the name that was used: an alias is another entry.
    fn kind(&self, name: &str) -> Option<&Definition<'a>> {
        let mut entries = self.kinds.iter();
        let (_, definition) = entries.find(|(entry, _)| entry.eq_ignore_ascii_case(name))?;
        Some(definition)
    }
}

/// A node's levels, most specific first.
pub(super) struct Levels<'a> {
    pub(super) kind: Option<Text>,
    pub(super) group: Option<Text>,
    node: &'a Definition<'a>,
    chain: Vec<&'a Definition<'a>>,
}

impl<'a> Levels<'a> {
    /// All levels, most specific first.
    pub(super) fn each(&self) -> impl Iterator<Item = &'a Definition<'a>> {
        self.chain.iter().copied()
    }

    /// What each level says, most specific first.
    pub(super) fn nodes<'b>(&'b self, key: &'b str) -> impl Iterator<Item = &'a document::Node> + 'b {
        self.chain.iter().filter_map(move |level| level.node(key))
    }

    /// The first level that says something wins.
    pub(super) fn first(&self, key: &str) -> Option<Text> {
        self.chain.iter().find_map(|level| level.text(key))
    }

    /// What only the node itself can say.
    pub(super) fn own(&self, key: &str) -> Option<Text> {
        self.node.text(key)
    }

    /// What only the node itself can say.
    pub(super) fn own_node(&self, key: &str) -> Option<&'a document::Node> {
        self.node.node(key)
    }

    /// Maps are merged; the more specific level wins key by key.
    pub(super) fn merged(&self, key: &str) -> BTreeMap<String, Text> {
        let mut merged = BTreeMap::new();
        for level in self.chain.iter().rev() {
            merged.extend(level.node(key).map(pairs).into_iter().flatten());
        }
        merged
    }

    /// The environment, with what levels import from the caller's own.
    pub(super) fn environment(&self) -> BTreeMap<String, Value> {
        let mut merged = BTreeMap::new();
        for level in self.chain.iter().rev() {
            let imported = level.imported.into_iter().flatten();
            merged.extend(imported.map(|(name, value)| (name.clone(), value.as_str().into())));
            let written = level.node("env").map(pairs).into_iter().flatten();
            merged.extend(written.map(|(name, text)| (name, text.value.into())));
        }
        merged
    }

    /// All items of a list, the least specific level's first.
    pub(super) fn stacked(&self, key: &str) -> Vec<Text> {
        let lists = self.chain.iter().rev().filter_map(|level| level.node(key));
        lists
            .flat_map(|list| list.as_sequence().unwrap_or_default())
            .filter_map(scalar)
            .collect()
    }
}
