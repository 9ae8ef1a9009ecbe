//! From a file to the checked graph: template → environment → strict YAML → all problems at once, or a [`Topology`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use crate::base::{Diagnostics, Document, NodeName, Position, document};

use super::annotations;
use super::definition::{Definition, Inheritance, Levels, Text, scalar};
use super::dialect::FILE;
use super::error::TopologyError;
use super::files::Files;
use super::kinds;
use super::links;
use super::management::Plan;
use super::model::{Node, Topology};
use super::prepared::Prepared;
use super::shape::{self, Problems};
use super::sources::Sources;

/// How to read a topology.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Environment for `$VARIABLES` in the text, `~` in paths and `__IMPORT_ENVS`.
    pub environment: BTreeMap<String, String>,
    /// Whether files that the topology names must exist.
    pub check_files: bool,
    /// Name of the lab instead of the file's.
    pub name: Option<String>,
    /// Variables of the template, later files over earlier ones; when empty, those beside the topology file.
    pub variables: Vec<PathBuf>,
}

/// Reads a topology file, the only `*.clab.yaml` of a folder, or standard input (`-`), with its variables and templates.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Topology, TopologyError> {
    finish(Sources::read(path, options)?, options)
}

/// Reads the text of a topology; `path` gives it a name and its relative paths a start.
///
/// Pure apart from looking whether files exist, and that only if asked for.
pub fn parse(path: &Path, text: &str, options: &LoadOptions) -> Result<Topology, TopologyError> {
    finish(Sources::only(path, text), options)
}

fn finish(sources: Sources, options: &LoadOptions) -> Result<Topology, TopologyError> {
    let path = sources.files[0].path.clone();
    let prepared = Prepared::new(sources, &options.environment).map_err(TopologyError::Invalid)?;
    let invalid = |found: &Diagnostics| TopologyError::Invalid(prepared.restore(found));
    let (document, diagnostics) = Document::parse_collecting(&path, &prepared.text);
    let Some(document) = document else {
        return Err(invalid(&diagnostics));
    };
    let mut problems = Problems::new(diagnostics);
    let mut topology = checked(&path, &document.root, options, &mut problems);
    for line in topology.nodes.values_mut().map(|node| &mut node.line) {
        *line = prepared.line(*line);
    }
    for line in topology.links.iter_mut().map(|link| &mut link.line) {
        *line = prepared.line(*line);
    }
    problems.into_list().into_result(topology).map_err(|found| invalid(&found))
}

fn checked(path: &Path, root: &document::Node, options: &LoadOptions, problems: &mut Problems) -> Topology {
    if root.is_null() {
        problems.add(root.position, "the file is empty", None);
    } else {
        shape::object(root, FILE, shape::WHOLE, problems);
    }
    let name = lab_name(root, options, problems);
    let folder = std::path::absolute(path)
        .ok()
        .and_then(|path| path.parent().map(Path::to_owned))
        .unwrap_or_default();
    let files = Files::new(folder.clone(), &name, options);
    let mut plan = Plan::read(root.get("mgmt"), problems);
    let graph = Graph::read(root, options, problems);
    let nodes = graph.nodes(&files, &mut plan, problems);
    let links = links::read(
        graph.links,
        &nodes,
        &|node| graph.without_management(node),
        problems,
    );
    graph.check_bundles(&nodes, &links, problems);
    Topology {
        name,
        file: path.to_owned(),
        folder,
        management: plan.model(),
        nodes,
        links,
    }
}

fn lab_name(root: &document::Node, options: &LoadOptions, problems: &mut Problems) -> String {
    let written = root.get("name").and_then(scalar);
    let (name, at) = match (&options.name, written) {
        (Some(name), written) => (name.clone(), written.map_or(root.position, |text| text.at)),
        (None, Some(text)) => (text.value, text.at),
        (None, None) => {
            if root.as_mapping().is_some() {
                problems.add(
                    root.position,
                    "the topology has no `name`",
                    "add `name: my-lab`".to_owned(),
                );
            }
            return String::new();
        }
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
        let message = format!(
            "`{name}` is not a lab name (expected a letter or digit, then letters, digits, `-`, `.` or `_`)"
        );
        problems.add(at, message, None);
    }
    name
}

/// `topology:` as written.
struct Graph<'a> {
    nodes: IndexMap<String, Definition>,
    inheritance: Inheritance,
    links: Option<&'a document::Node>,
}

impl<'a> Graph<'a> {
    fn read(root: &'a document::Node, options: &LoadOptions, problems: &mut Problems) -> Self {
        let topology = root.get("topology").filter(|node| !node.is_null());
        if topology.is_none() && root.as_mapping().is_some() {
            problems.add(root.position, "the file has no `topology`", None);
        }
        let part = |key: &str| topology.and_then(|topology| topology.get(key));
        let definitions = |key: &str| -> IndexMap<String, Definition> {
            let pairs = part(key).and_then(document::Node::as_mapping).unwrap_or_default();
            pairs
                .iter()
                .filter_map(|(name, node)| {
                    let mut definition = Definition::read(node, name.position);
                    definition.import_environment(&options.environment);
                    Some((name.as_text()?.to_owned(), definition))
                })
                .collect()
        };
        let nodes = definitions("nodes");
        if let (true, Some(topology)) = (nodes.is_empty(), topology.filter(|t| t.as_mapping().is_some())) {
            let at = part("nodes").map_or(topology.position, |node| node.position);
            problems.add(at, "the topology has no nodes", None);
        }
        let mut defaults =
            part("defaults").map_or_else(Definition::default, |node| Definition::read(node, node.position));
        defaults.import_environment(&options.environment);
        Self {
            nodes,
            inheritance: Inheritance {
                kinds: definitions("kinds"),
                groups: definitions("groups"),
                defaults,
            },
            links: part("links"),
        }
    }

    /// Nodes in file order; fixed addresses are taken before others are given.
    fn nodes(&self, files: &Files, plan: &mut Plan, problems: &mut Problems) -> IndexMap<NodeName, Node> {
        let mut nodes: IndexMap<NodeName, Node> = IndexMap::new();
        for (name, definition) in &self.nodes {
            let levels = self.inheritance.levels(definition);
            let node = resolve(name, definition, &levels, files, plan, problems);
            nodes.insert(name.as_str().into(), node);
        }
        for (name, node) in &mut nodes {
            if !kinds::INFRASTRUCTURE.contains(&node.kind.as_str()) && !self.without_management(name.as_str())
            {
                plan.assign(
                    name.as_str(),
                    (&mut node.mgmt_ipv4, &mut node.mgmt_ipv6),
                    problems,
                );
            }
        }
        nodes
    }

    fn without_management(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|definition| {
            let levels = self.inheritance.levels(definition);
            levels
                .first("network-mode")
                .is_some_and(|mode| mode.value.eq_ignore_ascii_case("none"))
        })
    }

    fn check_bundles(
        &self,
        nodes: &IndexMap<NodeName, Node>,
        links: &[super::Link],
        problems: &mut Problems,
    ) {
        for (name, definition) in &self.nodes {
            let node: &NodeName = &name.as_str().into();
            if !nodes.contains_key(node) {
                continue;
            }
            let mut cabled: Vec<&str> = links
                .iter()
                .flat_map(|link| [&link.a, &link.b])
                .filter(|end| end.node == *node)
                .map(|end| end.interface.as_str())
                .collect();
            cabled.dedup();
            let labels = self.inheritance.levels(definition).merged("labels");
            let texts = labels.iter().map(|(name, text)| (name.as_str(), text));
            annotations::check_bundles(name, texts, &cabled, problems);
        }
    }
}

/// Applies inheritance to a node and checks what came out.
fn resolve(
    name: &str,
    definition: &Definition,
    levels: &Levels<'_>,
    files: &Files,
    plan: &mut Plan,
    problems: &mut Problems,
) -> Node {
    let text = |key: &str| levels.first(key).map(|text| text.value.clone());
    let texts = |key: &str| -> BTreeMap<String, String> {
        let merged = levels.merged(key);
        merged
            .into_iter()
            .map(|(name, text)| (name, text.value))
            .collect()
    };
    let labels = levels.merged("labels");
    files.check_labels(&labels, problems);
    let startup_config = levels.first("startup-config");
    if let Some(config) = startup_config {
        files.check_startup_config(config, problems);
    }
    let mut fixed = |key: &str, v6: bool| {
        let text = levels.own(key)?;
        plan.reserve(name, text, v6, problems)
    };
    Node {
        mgmt_ipv4: fixed("mgmt-ipv4", false),
        mgmt_ipv6: fixed("mgmt-ipv6", true),
        kind: kind(name, definition, levels.kind, problems),
        node_type: text("type").unwrap_or_default().trim().to_owned(),
        image: text("image").unwrap_or_default(),
        group: levels.group.map(|text| text.value.clone()).unwrap_or_default(),
        startup_config: startup_config.map(|text| text.value.clone()),
        binds: files.binds(name, levels.stacked("binds"), problems),
        exec: levels.joined("exec"),
        cmd: text("cmd"),
        env: texts("env"),
        labels: labels
            .into_iter()
            .map(|(name, text)| (name, text.value))
            .collect(),
        sysctls: texts("sysctls"),
        startup_delay: levels.first("startup-delay").map_or(Duration::ZERO, delay),
        line: definition.at.line,
    }
}

fn kind(name: &str, definition: &Definition, written: Option<&Text>, problems: &mut Problems) -> String {
    let Some(text) = written else {
        let message = format!("node `{name}` has no kind");
        let hint = "give it `kind: linux`, or set one in its group or in `defaults`".to_owned();
        problems.add(definition.at, message, hint);
        return String::new();
    };
    if let Some(kind) = kinds::canonical(&text.value) {
        return kind.to_owned();
    }
    let at: Position = text.at;
    problems.add(
        at,
        format!("unknown kind `{}`", text.value),
        kinds::hint(&text.value),
    );
    String::new()
}

/// Whole seconds; anything else was reported by the shape check.
fn delay(text: &Text) -> Duration {
    Duration::from_secs(text.value.parse().unwrap_or_default())
}
