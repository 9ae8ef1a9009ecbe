//! The JSON Schema of topology files, made from the same table that reads them.
//!
//! Stricter than containerlab in nothing: keys, shapes and labels are what [`super::load()`] accepts.

use serde_json::{Map, Value, json};

use super::dialect::{BRIEF_LINK, ENDPOINT, FILE, Key, LABELS, NODE, Named, On, Shape, VETH_LINK};
use super::kinds;

/// Returns the schema (JSON Schema draft 2020-12).
#[must_use]
pub fn json_schema() -> Value {
    let mut file = object(FILE);
    let keywords = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("containerlab topology, as faultlab reads it")),
        ("required", json!(["name", "topology"])),
    ];
    let definitions = json!({
        "text": {"type": ["string", "number", "boolean", "null"]},
        "node": node(),
        "nodeLabels": labels(On::Node),
        "linkLabels": labels(On::Link),
        "kind": kind(),
        "briefLink": required(object(BRIEF_LINK), &["endpoints"]),
        "vethLink": veth(),
    });
    if let Some(map) = file.as_object_mut() {
        for (name, value) in keywords {
            map.insert(name.to_owned(), value);
        }
        map["properties"]["topology"]["required"] = json!(["nodes"]);
        map["properties"]["name"]["pattern"] = json!("^[a-zA-Z0-9][a-zA-Z0-9._-]*$");
        map.insert("$defs".to_owned(), definitions);
    }
    file
}

fn node() -> Value {
    let mut schema = object(NODE);
    schema["type"] = json!(["object", "null"]);
    schema["properties"]["kind"] = json!({"$ref": "#/$defs/kind", "description": NODE[0].about});
    schema
}

/// Kinds are read in any case, so the list is a suggestion for editors beside a pattern that accepts all spellings.
fn kind() -> Value {
    let names: Vec<_> = kinds::all().collect();
    let any_case: Vec<_> = names
        .iter()
        .map(|name| {
            let letters = name.chars().map(|c| match c {
                c if c.is_ascii_lowercase() => format!("[{c}{}]", c.to_ascii_uppercase()),
                c => c.to_string(),
            });
            letters.collect::<String>()
        })
        .collect();
    json!({"anyOf": [
        {"enum": names},
        {"type": "string", "pattern": format!("^({})$", any_case.join("|"))},
        {"type": "null"},
    ]})
}

fn veth() -> Value {
    let mut schema = required(object(VETH_LINK), &["type", "endpoints"]);
    schema["properties"]["type"] = json!({"const": "veth", "description": VETH_LINK[0].about});
    let ends = json!({
        "type": "array",
        "items": required(object(ENDPOINT), &["node", "interface"]),
        "minItems": 2,
        "maxItems": 2,
        "description": VETH_LINK[1].about,
    });
    schema["properties"]["endpoints"] = ends;
    schema
}

fn required(mut schema: Value, keys: &[&str]) -> Value {
    schema["required"] = json!(keys);
    schema
}

fn object(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let mut schema = shape(&key.shape);
            schema["description"] = json!(key.about);
            (key.name.to_owned(), schema)
        })
        .collect();
    json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
}

fn shape(shape: &Shape) -> Value {
    let text = || json!({"$ref": "#/$defs/text"});
    match shape {
        Shape::Text => text(),
        Shape::Switch => json!({"type": ["boolean", "string", "null"]}),
        Shape::Count => json!({"type": ["integer", "string", "null"], "minimum": 0, "pattern": "^[0-9]+$"}),
        Shape::Number => json!({"type": ["number", "string", "null"]}),
        Shape::OneOf(words) => json!({"anyOf": [{"enum": words}, text()]}),
        Shape::Texts => json!({"type": ["array", "null"], "items": text()}),
        Shape::Pairs => json!({"type": ["object", "null"], "additionalProperties": text()}),
        Shape::Labels(On::Node) => json!({"$ref": "#/$defs/nodeLabels"}),
        Shape::Labels(On::Link) => json!({"$ref": "#/$defs/linkLabels"}),
        Shape::Object(keys) if std::ptr::eq(*keys, NODE) => json!({"$ref": "#/$defs/node"}),
        Shape::Object(keys) => object(keys),
        Shape::Objects(keys) => json!({"type": ["array", "null"], "items": object(keys)}),
        Shape::Nodes(Named::Node) => nodes("^[a-zA-Z0-9][a-zA-Z0-9._|-]*$"),
        Shape::Nodes(Named::Group) => nodes(""),
        Shape::Nodes(Named::Kind) => json!({
            "type": ["object", "null"],
            "propertyNames": {"$ref": "#/$defs/kind"},
            "additionalProperties": {"$ref": "#/$defs/node"},
        }),
        Shape::Links => json!({
            "type": ["array", "null"],
            "items": {"anyOf": [
                {"$ref": "#/$defs/briefLink"},
                {"$ref": "#/$defs/vethLink"},
            ]},
        }),
        Shape::Free => json!({"type": ["object", "null"]}),
    }
}

fn nodes(pattern: &str) -> Value {
    json!({
        "type": ["object", "null"],
        "propertyNames": {"pattern": pattern},
        "additionalProperties": {"$ref": "#/$defs/node"},
    })
}

/// Labels are free, but those in faultlab's name space are a closed list.
fn labels(on: On) -> Value {
    let mut properties = Map::new();
    let mut patterns = Map::new();
    let mut known = Vec::new();
    for label in LABELS.iter().filter(|label| label.on == on) {
        let escaped = label.name.replace('.', "\\.");
        let schema = json!({"type": ["string", "number", "boolean"], "description": label.about});
        if label.name.ends_with('.') {
            patterns.insert(format!("^{escaped}.+$"), schema);
            known.push(format!("{escaped}.+"));
        } else {
            properties.insert(label.name.to_owned(), schema);
            known.push(escaped);
        }
    }
    json!({
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": patterns,
        "propertyNames": {"pattern": format!("^(?!faultlab\\.)|^({})$", known.join("|"))},
        "additionalProperties": {"$ref": "#/$defs/text"},
    })
}
