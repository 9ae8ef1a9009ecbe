//! The JSON Schema of topology files, made from the same table that reads them.
//!
//! Stricter than containerlab in nothing: keys, shapes and labels are what [`super::load()`] accepts.

use serde_json::{Map, Value, json};

use super::dialect::{BRIEF_LINK, FILE, Key, LABELS, LINK_END, LinkForm, NODE, Named, On, Shape};
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
        "briefLink": brief(),
        "linkEnd": required(object(LINK_END), &["node", "interface"]),
        "longLink": {"oneOf": LinkForm::ALL.iter().map(long).collect::<Vec<_>>()},
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

fn brief() -> Value {
    let mut schema = required(object(BRIEF_LINK), &["endpoints"]);
    schema["properties"]["type"]["enum"] = json!(["", "brief", null]);
    schema
}

fn long(form: &LinkForm) -> Value {
    let keys: Vec<_> = std::iter::once("type")
        .chain(form.required.iter().copied())
        .collect();
    let mut schema = required(object(form.keys), &keys);
    schema["properties"]["type"] = json!({"const": form.of.as_str(), "description": "Type of the link."});
    if form.required.contains(&"endpoints") {
        schema["properties"]["endpoints"]["minItems"] = json!(2);
        schema["properties"]["endpoints"]["maxItems"] = json!(2);
    }
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
        // Editors read YAML 1.2, where `yes` is text.
        Shape::Switch => {
            json!({"anyOf": [{"type": ["boolean", "null"]}, {"enum": ["yes", "no", "on", "off"]}]})
        }
        Shape::Count => json!({"type": ["number", "null"], "minimum": 0}),
        Shape::Number => json!({"type": ["number", "null"]}),
        Shape::OneOf(words) => json!({"anyOf": [{"enum": words}, text()]}),
        Shape::Texts => json!({"type": ["array", "null"], "items": text()}),
        Shape::Pairs => json!({"type": ["object", "null"], "additionalProperties": text()}),
        Shape::Labels(On::Node) => json!({"$ref": "#/$defs/nodeLabels"}),
        Shape::Labels(On::Link) => json!({"$ref": "#/$defs/linkLabels"}),
        Shape::Object(keys) if std::ptr::eq(*keys, NODE) => json!({"$ref": "#/$defs/node"}),
        Shape::Object(keys) if std::ptr::eq(*keys, LINK_END) => json!({"$ref": "#/$defs/linkEnd"}),
        Shape::Objects(keys) if std::ptr::eq(*keys, LINK_END) => {
            json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/linkEnd"}})
        }
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
                {"$ref": "#/$defs/longLink"},
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
