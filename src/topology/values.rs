//! What a scalar means where a boolean or a number is wanted, and values as JSON by the shape the dialect gives them.
//!
//! YAML 1.1 as go-yaml v2 reads it, but for base-60 numbers. A quoted scalar is text and nothing else.

use serde_json::{Map, Value, json};

use crate::base::document::{self, Value as Yaml};

use super::dialect::{Key, Shape};

/// Returns the text of a scalar that may be a boolean or a number.
pub(super) fn plain(node: &document::Node) -> Option<&str> {
    match &node.value {
        Yaml::Scalar { text, plain: true } => Some(text),
        _ => None,
    }
}

/// Reads a boolean in any of YAML 1.1's spellings.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Reads a whole number: decimal, `0x`, `0o`, `0b`, octal after a leading zero; underscores between digits.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.len() > 40 {
        return None;
    }
    let digits = digits.replace('_', "").to_ascii_lowercase();
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(two) if two.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits.as_str()),
    };
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}

/// Reads a number.
pub(super) fn number(text: &str) -> Option<f64> {
    if let Some(value) = integer(text) {
        return value.to_string().parse().ok();
    }
    let numeric = |c: char| c.is_ascii_digit() || "+-._eE".contains(c);
    if !text.chars().all(numeric) || !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// Reads a whole number from 0; a fraction is cut off, as Go does it.
pub(super) fn count(text: &str) -> Option<u64> {
    if let Some(value) = integer(text) {
        return u64::try_from(value).ok();
    }
    let value = number(text).filter(|value| (0.0..1e15).contains(value))?;
    format!("{:.0}", value.trunc()).parse().ok()
}

/// Returns a value as JSON; what has the wrong shape is null, and was reported where shapes are checked.
pub(super) fn by_shape(node: &document::Node, shape: &Shape) -> Value {
    let text = node.as_text();
    match shape {
        Shape::Switch => plain(node).and_then(switch).into(),
        Shape::Count => plain(node).and_then(count).into(),
        Shape::Number => plain(node).and_then(number).into(),
        Shape::OneOf(words) => {
            let known = |text: &str| words.iter().find(|word| word.eq_ignore_ascii_case(text)).copied();
            text.map(|text| known(text).unwrap_or(text)).into()
        }
        Shape::Texts => {
            let items = node.as_sequence().unwrap_or_default();
            items
                .iter()
                .map(|item| item.as_text().unwrap_or_default())
                .collect()
        }
        Shape::Pairs | Shape::Labels(_) => mapping(node, |value| json!(value.as_text().unwrap_or_default())),
        Shape::Object(keys) => object(node, keys),
        Shape::Objects(keys) => {
            let items = node.as_sequence().unwrap_or_default();
            items.iter().map(|item| object(item, keys)).collect()
        }
        Shape::Free => free(node),
        Shape::Text | Shape::Nodes(_) | Shape::Links => text.into(),
    }
}

/// Returns a mapping with known keys, in the table's order.
fn object(node: &document::Node, keys: &[Key]) -> Value {
    let mut map = Map::new();
    for key in keys {
        if let Some(value) = node.get(key.name).filter(|value| !value.is_null()) {
            map.insert(key.name.to_owned(), by_shape(value, &key.shape));
        }
    }
    Value::Object(map)
}

fn mapping(node: &document::Node, each: impl Fn(&document::Node) -> Value) -> Value {
    let pairs = node.as_mapping().unwrap_or_default();
    let mut pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| (key.as_text().unwrap_or_default(), value))
        .collect();
    pairs.sort_by_key(|(name, _)| *name);
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), each(value)));
    Value::Object(pairs.collect())
}

/// Returns a value nobody gives a shape: plain scalars by YAML 1.1's rules.
pub(super) fn free(node: &document::Node) -> Value {
    match &node.value {
        _ if node.is_null() => Value::Null,
        Yaml::Sequence(items) => items.iter().map(free).collect(),
        Yaml::Mapping(_) => mapping(node, free),
        Yaml::Scalar { text, plain: false } => json!(text),
        Yaml::Scalar { text, .. } => {
            if let Some(value) = switch(text) {
                return json!(value);
            }
            let whole = integer(text).and_then(|value| i64::try_from(value).ok());
            match (whole, number(text)) {
                (Some(value), _) => json!(value),
                (None, Some(value)) => json!(value),
                (None, None) => json!(text),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_booleans_are_those_of_yaml_1_1_without_base_60() {
        let shown: Vec<_> = [
            "1_000",
            "0x1F",
            "017",
            "0o17",
            "0b11",
            "-3",
            "+4",
            "10022:22",
            "1.5",
            "1e3",
            ".5",
            "yes",
            "Off",
            "y",
            "~",
            "2001-01-01",
            "0",
            "08",
            "1.2.3",
            "-",
            "\"5\"",
            "'on'",
            "9223372036854775808",
        ]
        .iter()
        .map(|text| {
            let document = document::Document::parse(std::path::Path::new("x"), text).unwrap();
            format!("{text} = {}", free(&document.root))
        })
        .collect();
        insta::assert_snapshot!(shown.join("\n"));
        assert_eq!(count("3.7"), Some(3));
        assert_eq!(count("-1"), None);
    }
}
