//! All properties of a node after inheritance, each by the rule its key has in the dialect's table.
//!
//! Names and order are the table's, so two nodes that say the same print the same.

use indexmap::IndexSet;
use serde_json::{Map, Value};

use crate::base::document;

use super::definition::Levels;
use super::dialect::{Key, Merge, NODE, Shape};
use super::values;

/// Keys of `credentials` that used to stand beside it.
const LEGACY: [&str; 2] = ["username", "password"];

/// Returns what a node inherits and says itself; `kind` and `group` are resolved elsewhere.
pub(super) fn properties(levels: &Levels<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    for key in NODE {
        if matches!(key.name, "kind" | "group") || LEGACY.contains(&key.name) {
            continue;
        }
        if let Some(value) = merged(key, levels).filter(says_something) {
            all.insert(key.name.to_owned(), value);
        }
    }
    all
}

/// Go cannot tell unset from empty text, zero or an empty list; only booleans and objects are told apart.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(_) | Value::Object(_) => true,
    }
}

fn merged(key: &Key, levels: &Levels<'_>) -> Option<Value> {
    if key.name == "env" {
        let env = levels.environment();
        return (!env.is_empty()).then(|| env.into_iter().collect());
    }
    let values = || {
        levels
            .nodes(key.name)
            .map(|node| values::by_shape(node, &key.shape))
    };
    match key.merge {
        Merge::First => values().find(says_something),
        Merge::Deep => {
            let maps: Vec<_> = values().filter_map(as_object).collect();
            let mut merged = Map::new();
            for map in maps.into_iter().rev() {
                deepen(&mut merged, map);
            }
            merged.sort_keys();
            (!merged.is_empty()).then_some(Value::Object(merged))
        }
        Merge::Join => Some(joined(values().collect())),
        Merge::ByTarget => Some(by_target(values().collect())),
        Merge::Fields => fields(&key.shape, &values().filter_map(as_object).collect::<Vec<_>>()),
        Merge::Own => {
            let own = levels.own_node(key.name)?;
            Some(values::by_shape(own, &key.shape))
        }
        Merge::Credentials => credentials(levels),
        Merge::Stages => stages(&key.shape, values().filter_map(as_object).collect()),
    }
}

fn as_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// Lays a more specific map over another.
fn deepen(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Object(under)), Value::Object(over)) => deepen(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

/// Joins lists given most specific first; the least specific one comes first.
fn joined(lists: Vec<Value>) -> Value {
    let mut joined: IndexSet<String> = IndexSet::new();
    for list in lists.into_iter().rev() {
        let items = list.as_array().into_iter().flatten();
        joined.extend(items.filter_map(|item| item.as_str().map(ToOwned::to_owned)));
    }
    joined.into_iter().collect()
}

fn by_target(lists: Vec<Value>) -> Value {
    let mut kept = std::collections::BTreeMap::new();
    for list in lists.into_iter().rev() {
        for item in list.as_array().into_iter().flatten() {
            kept.insert(target(item.as_str().unwrap_or_default()).to_owned(), item.clone());
        }
    }
    kept.into_values().collect()
}

/// Returns the path in the node of `source:target[:mode]` or `[name:]target[:mode]`.
pub(super) fn target(mount: &str) -> &str {
    let mut parts = mount.split(':');
    let first = parts.next().unwrap_or_default();
    parts
        .next()
        .filter(|second| second.starts_with('/'))
        .unwrap_or(first)
}

fn fields(shape: &Shape, maps: &[Map<String, Value>]) -> Option<Value> {
    let Shape::Object(keys) = shape else { return None };
    let mut merged = Map::new();
    for key in *keys {
        let found = maps.iter().filter_map(|map| map.get(key.name));
        if let Some(value) = found.clone().find(|value| says_something(value)) {
            merged.insert(key.name.to_owned(), value.clone());
        }
    }
    (!merged.is_empty()).then_some(Value::Object(merged))
}

fn credentials(levels: &Levels<'_>) -> Option<Value> {
    let text = |node: Option<&document::Node>| {
        let text = node.and_then(document::Node::as_text)?;
        (!text.is_empty()).then(|| Value::from(text))
    };
    let mut merged = Map::new();
    for level in levels.each() {
        let object = level.node("credentials");
        for name in LEGACY {
            let value = text(object.and_then(|node| node.get(name))).or_else(|| text(level.node(name)));
            merged.extend(value.map(|value| (name.to_owned(), value)));
        }
        if !merged.is_empty() {
            break;
        }
    }
    let file = levels
        .nodes("credentials")
        .find_map(|node| text(node.get("identity-file")));
    merged.extend(file.map(|value| ("identity-file".to_owned(), value)));
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// Joins what each level waits for and runs; a wait said twice is one wait, a command said twice runs twice.
fn stages(shape: &Shape, maps: Vec<Map<String, Value>>) -> Option<Value> {
    let Shape::Object(keys) = shape else { return None };
    let mut merged = Map::new();
    for (stage, lists) in maps.into_iter().rev().flatten() {
        let Value::Object(lists) = lists else { continue };
        let under = merged.entry(stage).or_insert_with(|| Map::new().into());
        for (name, list) in lists {
            let (Value::Array(items), Some(under)) = (list, under.as_object_mut()) else {
                continue;
            };
            let all = under
                .entry(name.clone())
                .or_insert_with(|| Vec::<Value>::new().into());
            for mut item in items {
                if name == "exec" {
                    item = with_defaults(item);
                }
                if let Some(all) = all.as_array_mut()
                    && (name == "exec" || !all.contains(&item))
                {
                    all.push(item);
                }
            }
        }
    }
    let in_order: Map<_, _> = keys
        .iter()
        .filter_map(|key| merged.remove_entry(key.name))
        .collect();
    (!in_order.is_empty()).then_some(Value::Object(in_order))
}

fn with_defaults(command: Value) -> Value {
    let Value::Object(mut command) = command else {
        return command;
    };
    for (name, default) in [("target", "container"), ("phase", "on-enter")] {
        command.entry(name).or_insert_with(|| default.into());
    }
    Value::Object(command)
}
