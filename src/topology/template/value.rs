//! Values that templates compute with, with Go's ideas of truth and of nothing.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::Diagnostics;
use crate::base::document::{self, Document};

/// A value. Cloning is cheap.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::topology) enum Value {
    /// No value at all: a key that is not there, data that was never given. Its fields are missing, too.
    Missing,
    /// A value that is null. Asking it for a field is a mistake.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    List(Rc<List>),
    Map(Rc<BTreeMap<Key, Value>>),
    /// `strings`, `conv` or `net`.
    Namespace(&'static str),
}

/// A list that knows how deep lists are nested in it.
#[derive(Debug, PartialEq)]
pub(in crate::topology) struct List {
    pub(super) items: Vec<Value>,
    pub(super) depth: usize,
}

/// A key of a map, in the order in which `range` visits them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::topology) enum Key {
    Bool(bool),
    Int(i64),
    Text(Rc<str>),
}

impl Value {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        let depth = items.iter().map(Self::depth).max().unwrap_or(0) + 1;
        Self::List(Rc::new(List { items, depth }))
    }

    pub(super) fn depth(&self) -> usize {
        match self {
            Self::List(list) => list.depth,
            _ => 0,
        }
    }

    /// Go's truth: not the zero of its type.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Null => false,
            Self::Bool(yes) => *yes,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Namespace(_) => true,
        }
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Self::Missing | Self::Null)
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Namespace(_) => "a group of functions",
        }
    }

    /// The key that this value is in a map.
    pub(super) fn as_key(&self) -> Option<Key> {
        match self {
            Self::Bool(yes) => Some(Key::Bool(*yes)),
            Self::Int(number) => Some(Key::Int(*number)),
            Self::Text(text) => Some(Key::Text(text.clone())),
            _ => None,
        }
    }
}

impl Key {
    pub(super) fn written(&self) -> String {
        match self {
            Self::Bool(yes) => yes.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Text(text) => text.to_string(),
        }
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Bool(yes) => Value::Bool(*yes),
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// Reads variables (YAML or JSON): a mapping, or nothing.
pub(in crate::topology) fn variables(document: &Document) -> Result<Value, Diagnostics> {
    let root = &document.root;
    if !root.is_null() && root.as_mapping().is_none() {
        let mut problems = document.diagnostics();
        let message = format!("a variables file must be a mapping, found {}", root.describe());
        problems.push(root.position, message, None);
        return Err(problems);
    }
    // The names of variables are text, whatever they look like.
    let pairs = root.as_mapping().unwrap_or_default().iter();
    let map = pairs.filter_map(|(name, value)| Some((Key::Text(name.as_text()?.into()), plain(value))));
    Ok(Value::Map(Rc::new(map.collect())))
}

fn plain(node: &document::Node) -> Value {
    match &node.value {
        document::Value::Sequence(items) => Value::list(items.iter().map(plain).collect()),
        document::Value::Mapping(pairs) => {
            let keyed = pairs.iter().filter_map(|(key, value)| {
                let name = match plain(key) {
                    Value::Int(number) => Key::Int(number),
                    _ => Key::Text(key.as_text()?.into()),
                };
                Some((name, plain(value)))
            });
            Value::Map(Rc::new(keyed.collect()))
        }
        document::Value::Scalar { text, plain: false } => Value::text(text),
        document::Value::Scalar { text, plain: true } => scalar(text),
    }
}

/// An unquoted scalar as YAML 1.1 reads it, as far as containerlab's library does: no base 60, and dates are text.
fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Value::text(text);
    }
    if let Some(number) = super::numbers::parse_int(&text.replace('_', "")) {
        return Value::Int(number);
    }
    let float = text.chars().any(|c| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    match text.parse() {
        Ok(number) if float => Value::Float(number),
        _ => Value::text(text),
    }
}

/// Merges maps deeply; what is not a map in both is taken from the later one.
pub(in crate::topology) fn merge(earlier: Value, later: Value) -> Value {
    match (earlier, later) {
        (Value::Map(into), Value::Map(from)) => {
            let mut merged = Rc::unwrap_or_clone(into);
            for (key, value) in from.iter() {
                let value = match merged.remove(key) {
                    Some(old) => merge(old, value.clone()),
                    None => value.clone(),
                };
                merged.insert(key.clone(), value);
            }
            Value::Map(Rc::new(merged))
        }
        (_, later) => later,
    }
}
