//! One fault of the catalogue, decoded from its file under `faults/`.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Diagnostics, Document, FaultId, Node};
use crate::record::Fidelity;

/// A fault, as documented in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Definition {
    /// Its id, which is also its file's name.
    pub fault: FaultId,
    /// Heading for people.
    pub title: String,
    /// Layer it acts on: `physical`, `process`, `control-plane`, `node`, `site`.
    pub layer: String,
    /// What a target is.
    pub acts_on: ActsOn,
    /// NOS flavours it is defined for; empty: any. For a link both ends must be of them.
    pub nos: Vec<String>,
    /// How exactly it stands for the real event.
    pub fidelity: Fidelity,
    /// What it does and what to expect.
    pub about: String,
    /// How it is done.
    pub mechanism: Mechanism,
    /// How landing is verified.
    pub verify: String,
    /// How it is undone.
    pub undo: String,
    /// An example step.
    pub example: String,
    /// Where it was seen or described.
    pub references: Vec<String>,
}

/// What a fault's target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActsOn {
    /// Nodes.
    Node,
    /// Cables.
    Link,
}

/// How a fault is done. Few mechanisms serve many faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Mechanism {
    /// Signals a service each time it runs until its supervisor gives it up.
    KillServiceUntilFailed {
        /// The service.
        service: String,
        /// Signal name, e.g. `SIGABRT`.
        signal: String,
    },
    /// SIGSTOP to a service's main process.
    StopService {
        /// The service.
        service: String,
    },
    /// Carrier away on both ends.
    CutLink,
    /// Drops kinds of traffic in both directions, carrier up.
    BlockTraffic {
        /// Kinds: `all`, `lacp`, `bfd`, `arp`, `iccp`.
        traffic: Vec<String>,
    },
    /// Power cut.
    PowerOff,
}

const KEYS: [&str; 11] = [
    "fault",
    "title",
    "layer",
    "acts-on",
    "nos",
    "fidelity",
    "about",
    "mechanism",
    "verify",
    "undo",
    "example",
];
const KEYS_OPTIONAL: [&str; 1] = ["references"];

impl Definition {
    /// Decodes a definition.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn decode(path: &Path, text: &str) -> Result<Self, Diagnostics> {
        let document = Document::parse(path, text)?;
        let mut problems = document.diagnostics();
        let root = &document.root;
        check_keys(root, &mut problems);
        let field = |name: &str| {
            root.get(name)
                .and_then(Node::as_text)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let list = |name: &str| -> Vec<String> {
            let items = root.get(name).and_then(Node::as_sequence).unwrap_or_default();
            items
                .iter()
                .filter_map(Node::as_text)
                .map(str::to_owned)
                .collect()
        };
        let acts_on = keyword(root, "acts-on", &mut problems);
        let fidelity = keyword(root, "fidelity", &mut problems);
        let mechanism = mechanism(root, &mut problems);
        let (Some(acts_on), Some(fidelity), Some(mechanism)) = (acts_on, fidelity, mechanism) else {
            return Err(problems);
        };
        problems.into_result(Self {
            fault: FaultId::new(field("fault")),
            title: field("title"),
            layer: field("layer"),
            acts_on,
            nos: list("nos"),
            fidelity,
            about: field("about"),
            mechanism,
            verify: field("verify"),
            undo: field("undo"),
            example: field("example"),
            references: list("references"),
        })
    }
}

fn check_keys(root: &Node, problems: &mut Diagnostics) {
    let known: Vec<&str> = KEYS.iter().chain(&KEYS_OPTIONAL).copied().collect();
    for (key, _) in root.as_mapping().unwrap_or_default() {
        if !key.as_text().is_some_and(|name| known.contains(&name)) {
            problems.unknown_key(key, "a fault", &known);
        }
    }
    for name in KEYS {
        if root.get(name).is_none_or(Node::is_null) {
            problems.push(root.position, format!("a fault needs the key `{name}`"), None);
        }
    }
}

/// Decodes a key whose value is one word of a serde enum.
fn keyword<T: for<'de> Deserialize<'de>>(root: &Node, name: &str, problems: &mut Diagnostics) -> Option<T> {
    let node = root.get(name)?;
    let word = node.as_text().unwrap_or_default();
    match serde_json::from_value(serde_json::Value::String(word.to_owned())) {
        Ok(value) => Some(value),
        Err(error) => {
            problems.push(
                node.position,
                format!("`{name}` cannot be `{word}`: {error}"),
                None,
            );
            None
        }
    }
}

fn mechanism(root: &Node, problems: &mut Diagnostics) -> Option<Mechanism> {
    let node = root.get("mechanism")?;
    let json: serde_json::Map<String, serde_json::Value> = node
        .as_mapping()
        .unwrap_or_default()
        .iter()
        .filter_map(|(key, value)| Some((key.as_text()?.to_owned(), to_json(value))))
        .collect();
    match serde_json::from_value(json.into()) {
        Ok(mechanism) => Some(mechanism),
        Err(error) => {
            problems.push(
                node.position,
                format!("the mechanism cannot be read: {error}"),
                None,
            );
            None
        }
    }
}

fn to_json(node: &Node) -> serde_json::Value {
    match node.as_sequence() {
        Some(items) => items.iter().map(to_json).collect(),
        None => node.as_text().unwrap_or_default().into(),
    }
}
