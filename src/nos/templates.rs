//! Renders nodes' configuration files from templates, variables and timers.
//!
//! All `*.tera` files in a template's folder are loaded with it, so that templates share macros by
//! `{% import "name.tera" as name %}`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{NodeTimers, NosError};
use crate::base::document::{Node as YamlNode, Value as Yaml};
use crate::base::{Document, NodeName, Seed};
use crate::topology::{Node, Topology, labels};

/// Renders templates of one topology; keeps what several nodes share.
pub struct Renderer<'a> {
    topology: &'a Topology,
    seed: Seed,
    nodes: Value,
    engines: BTreeMap<PathBuf, tera::Tera>,
    variables: BTreeMap<PathBuf, Value>,
}

impl<'a> Renderer<'a> {
    /// Prepares rendering for a topology.
    #[must_use]
    pub fn new(topology: &'a Topology, seed: Seed) -> Self {
        let nodes = topology
            .nodes
            .iter()
            .map(|(name, node)| describe(topology, name, node));
        Self {
            topology,
            seed,
            nodes: nodes.collect(),
            engines: BTreeMap::new(),
            variables: BTreeMap::new(),
        }
    }

    /// Renders all templates of a node: file name of the bind → text.
    pub fn render(
        &mut self,
        name: &NodeName,
        node: &Node,
        timers: &NodeTimers,
    ) -> Result<BTreeMap<String, String>, NosError> {
        let mut rendered = BTreeMap::new();
        for (file, template) in node.labels_below(labels::TEMPLATE) {
            let path = self.topology.folder.join(template);
            let context = self.context(name, node, timers)?;
            rendered.insert(file.to_owned(), self.render_one(name, node, &path, &context)?);
        }
        Ok(rendered)
    }

    fn context(
        &mut self,
        name: &NodeName,
        node: &Node,
        timers: &NodeTimers,
    ) -> Result<tera::Context, NosError> {
        let vars = match node.label(labels::VARIABLES) {
            Some(file) => self.variables(name, node, &self.topology.folder.join(file))?,
            None => json!({}),
        };
        let timers: Map<String, Value> = timers
            .iter()
            .map(|(name, effective)| (name.replace('-', "_"), times(effective.value)))
            .collect();
        let mut context = tera::Context::new();
        context.insert("node", &describe(self.topology, name, node));
        context.insert("nodes", &self.nodes);
        context.insert("vars", &vars);
        context.insert("timers", &timers);
        context.insert("seed", &self.seed.0);
        Ok(context)
    }

    fn variables(&mut self, name: &NodeName, node: &Node, path: &Path) -> Result<Value, NosError> {
        if let Some(known) = self.variables.get(path) {
            return Ok(known.clone());
        }
        let text = read(self.topology, name, node, path)?;
        let document = Document::parse(path, &text).map_err(|source| NosError::Variables {
            node: name.clone(),
            source,
        })?;
        let value = to_json(&document.root);
        self.variables.insert(path.to_owned(), value.clone());
        Ok(value)
    }

    fn render_one(
        &mut self,
        name: &NodeName,
        node: &Node,
        path: &Path,
        context: &tera::Context,
    ) -> Result<String, NosError> {
        let text = read(self.topology, name, node, path)?;
        let failed = |error: &tera::Error| {
            let (line, problem) = explain(error, &text);
            NosError::Template {
                template: path.to_owned(),
                line,
                node: name.clone(),
                file: self.topology.file.display().to_string(),
                node_line: node.line,
                problem,
            }
        };
        if !self.engines.contains_key(path) {
            let engine = engine(path).map_err(|error| failed(&error))?;
            self.engines.insert(path.to_owned(), engine);
        }
        self.engines[path]
            .render(&file_name(path), context)
            .map_err(|error| failed(&error))
    }
}

fn engine(path: &Path) -> Result<tera::Tera, tera::Error> {
    let mut engine = tera::Tera::default();
    engine.autoescape_on(Vec::new());
    let mut files = vec![path.to_owned()];
    let folder = path.parent().unwrap_or(Path::new("."));
    if let Ok(entries) = std::fs::read_dir(folder) {
        let others = entries.flatten().map(|entry| entry.path());
        files.extend(
            others.filter(|other| other != path && other.extension().is_some_and(|ext| ext == "tera")),
        );
    }
    files.sort();
    let files = files.into_iter().map(|file| {
        let name = file_name(&file);
        (file, Some(name))
    });
    engine.add_template_files(files)?;
    Ok(engine)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Reads a file that a node's labels or binds name.
pub(super) fn read(
    topology: &Topology,
    name: &NodeName,
    node: &Node,
    path: &Path,
) -> Result<String, NosError> {
    std::fs::read_to_string(path).map_err(|source| NosError::Read {
        file: topology.file.display().to_string(),
        line: node.line,
        node: name.clone(),
        path: path.to_owned(),
        source,
    })
}

/// A duration in the two units that configurations use; whole seconds print without a fraction.
fn times(value: std::time::Duration) -> Value {
    let millis = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    let seconds = if millis.is_multiple_of(1000) {
        json!(millis / 1000)
    } else {
        json!(value.as_secs_f64())
    };
    json!({ "seconds": seconds, "milliseconds": millis })
}

fn describe(topology: &Topology, name: &NodeName, node: &Node) -> Value {
    let interfaces: Vec<Value> = topology
        .links_of(name)
        .filter_map(|link| {
            let far = link.far_end(name)?;
            let own = if link.a == *far { &link.b } else { &link.a };
            Some(json!({
                "name": own.interface,
                "peer": { "node": far.node, "interface": far.interface },
                "link": link.id,
                "mtu": link.mtu,
            }))
        })
        .collect();
    json!({
        "name": name,
        "role": node.role(),
        "site": node.site(),
        "labels": node.labels,
        "interfaces": interfaces,
        "mgmt_ipv4": node.mgmt_ipv4,
    })
}

/// YAML 1.2 core schema: plain `true`, `12` and `1.5` are what they look like, everything quoted is text.
fn to_json(node: &YamlNode) -> Value {
    match &node.value {
        _ if node.is_null() => Value::Null,
        Yaml::Scalar { text, plain: true } => plain_scalar(text),
        Yaml::Scalar { text, .. } => json!(text),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.as_text().unwrap_or_default().to_owned(), to_json(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn plain_scalar(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" => return json!(true),
        "false" | "False" | "FALSE" => return json!(false),
        _ => {}
    }
    let looks_like_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if looks_like_number {
        if let Ok(number) = text.parse::<i64>() {
            return json!(number);
        }
        if let Ok(number) = text.parse::<f64>() {
            return json!(number);
        }
    }
    json!(text)
}

/// Finds the line and says the problem in one line. The engine gives positions for syntax errors only; for a missing
/// variable the first line that names it is the best there is.
fn explain(error: &tera::Error, template: &str) -> (usize, String) {
    let mut messages = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        messages.push(error.to_string());
        cause = error.source();
    }
    let innermost = messages.pop().unwrap_or_default();
    if let Some(at) = innermost.find("--> ") {
        let digits: String = innermost[at + 4..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let what = innermost
            .lines()
            .rev()
            .map(str::trim)
            .find_map(|line| line.strip_prefix("= "))
            .unwrap_or("syntax error");
        return (digits.parse().unwrap_or(1), what.to_owned());
    }
    let named = innermost
        .split('`')
        .nth(1)
        .or_else(|| innermost.split('\'').nth(1));
    let line = named
        .and_then(|word| template.lines().position(|line| line.contains(word)))
        .map_or(1, |index| index + 1);
    (line, innermost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(template: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut topology = crate::nos::planner::tests::topology();
        folder.path().clone_into(&mut topology.folder);
        std::fs::write(folder.path().join("frr.conf.tera"), template).unwrap();
        std::fs::write(
            folder.path().join("variables.yaml"),
            "asn: 58212\nnames: {mx1: a}\n",
        )
        .unwrap();
        let name = NodeName::new("mx1");
        let mut node = topology.nodes.shift_remove(&name).unwrap();
        node.labels
            .insert("faultlab.template.frr.conf".into(), "frr.conf.tera".into());
        node.labels
            .insert(labels::VARIABLES.into(), "variables.yaml".into());
        let rendered = Renderer::new(&topology, Seed(7)).render(&name, &node, &NodeTimers::new());
        let text = match rendered {
            Ok(files) => files["frr.conf"].clone(),
            Err(error) => error.to_string(),
        };
        text.replace(folder.path().to_str().unwrap(), "FOLDER")
    }

    #[test]
    fn a_template_sees_its_node_its_cables_and_the_variables() {
        let text = failing(
            "router bgp {{ vars.asn }} on {{ node.name }}\n{% for i in node.interfaces %}{{ i.name }}→{{ i.peer.node }} {% endfor %}seed {{ seed }} {{ nodes | length }}",
        );
        assert_eq!(text, "router bgp 58212 on mx1\neth1→ca1 eth2→ca2 seed 7 3");
    }

    #[test]
    fn a_missing_variable_is_reported_with_template_line_and_node() {
        insta::assert_snapshot!(failing("hostname {{ node.name }}\nrouter bgp {{ vars.as }}\n"));
    }

    #[test]
    fn a_syntax_error_is_reported_with_template_line_and_node() {
        insta::assert_snapshot!(failing("hostname {{ node.name }}\n{% for x in y %}\n"));
    }
}
