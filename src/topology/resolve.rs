//! From the tree of a file to the checked graph: every part is read although another has mistakes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};

use crate::base::suggest::did_you_mean;
use crate::base::{NodeName, document};

use super::annotations;
use super::checks;
use super::definition::{Definition, Inheritance, Levels, Text, scalar};
use super::dialect::FILE;
use super::files::Files;
use super::git;
use super::kinds;
use super::link_parts::some_of;
use super::links::{self, Links, Surroundings};
use super::load::LoadOptions;
use super::management::Plan;
use super::merge;
use super::model::{Node, Topology};
use super::shape::{self, Problems};
use super::stages::Waits;
use super::values;

pub(super) fn checked(
    path: &Path,
    root: &document::Node,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Topology {
    if root.is_null() {
        problems.add(root.position, "the file is empty", None);
    } else {
        shape::object(root, FILE, shape::WHOLE, problems);
    }
    let folder = std::path::absolute(path)
        .ok()
        .and_then(|path| path.parent().map(Path::to_owned))
        .unwrap_or_default();
    let name = lab_name(root, &folder, options, problems);
    let files = Files::new(folder.clone(), &name, options);
    let mut plan = Plan::read(root.get("mgmt"), problems);
    let graph = Graph::read(root, options, problems);
    let nodes = graph.nodes(&files, &mut plan, problems);
    let surroundings = Surroundings {
        nodes: &nodes,
        left_out: &|node| graph.left_out(node),
    };
    let links = links::read(graph.links, &surroundings, problems);
    graph.check_bundles(&nodes, &links, problems);
    Topology {
        name,
        prefix: root
            .get("prefix")
            .and_then(document::Node::as_text)
            .map(ToOwned::to_owned),
        file: path.to_owned(),
        folder,
        management: plan.model(),
        nodes,
        links: links.cables,
        attachments: links.attachments,
    }
}

fn lab_name(root: &document::Node, folder: &Path, options: &LoadOptions, problems: &mut Problems) -> String {
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
    let name = git::named(&name, folder);
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
    nodes: IndexMap<String, Definition<'a>>,
    inheritance: Inheritance<'a>,
    links: Option<&'a document::Node>,
    filter: &'a [String],
}

impl<'a> Graph<'a> {
    fn read(root: &'a document::Node, options: &'a LoadOptions, problems: &mut Problems) -> Self {
        let topology = root.get("topology").filter(|node| !node.is_null());
        if topology.is_none() && root.as_mapping().is_some() {
            problems.add(root.position, "the file has no `topology`", None);
        }
        let part = |key: &str| topology.and_then(|topology| topology.get(key));
        let environment = &options.environment;
        let definitions = |key: &str| -> IndexMap<String, Definition<'a>> {
            let pairs = part(key).and_then(document::Node::as_mapping).unwrap_or_default();
            pairs
                .iter()
                .filter_map(|(name, node)| {
                    let definition = Definition::read(node, name.position, environment);
                    Some((name.as_text()?.to_owned(), definition))
                })
                .collect()
        };
        let nodes = definitions("nodes");
        if let (true, Some(topology)) = (nodes.is_empty(), topology.filter(|t| t.as_mapping().is_some())) {
            let at = part("nodes").map_or(topology.position, |node| node.position);
            problems.add(at, "the topology has no nodes", None);
        }
        for wanted in &options.node_filter {
            if !nodes.contains_key(wanted) {
                let names = || nodes.keys().map(String::as_str);
                let hint = match did_you_mean(wanted, names()) {
                    Some(guess) => format!("did you mean `{guess}`?"),
                    None => format!("defined nodes: {}", some_of(names())),
                };
                let at = part("nodes").map_or(root.position, |node| node.position);
                let message = format!("the node filter names `{wanted}`, which is not defined");
                problems.add(at, message, hint);
            }
        }
        Self {
            nodes,
            inheritance: Inheritance {
                kinds: definitions("kinds"),
                groups: definitions("groups"),
                defaults: part("defaults").map_or_else(Definition::default, |node| {
                    Definition::read(node, node.position, environment)
                }),
            },
            links: part("links"),
            filter: &options.node_filter,
        }
    }

    /// Returns whether the file has a node that the filter does not.
    fn left_out(&self, node: &str) -> bool {
        !self.filter.is_empty()
            && self.nodes.contains_key(node)
            && !self.filter.iter().any(|wanted| wanted == node)
    }

    /// Nodes in file order; fixed addresses are taken before others are given.
    fn nodes(&self, files: &Files, plan: &mut Plan, problems: &mut Problems) -> IndexMap<NodeName, Node> {
        let mut nodes: IndexMap<NodeName, Node> = IndexMap::new();
        let mut waits = Waits::default();
        for (name, definition) in &self.nodes {
            if self.left_out(name) {
                continue;
            }
            let levels = self.inheritance.levels(definition);
            let node = resolve(name, definition, &levels, files, plan, problems);
            self.check_parent(name, definition, &node, problems);
            waits.add(name, &levels, problems);
            nodes.insert(name.as_str().into(), node);
        }
        waits.check(&|node| self.left_out(node), problems);
        for (name, node) in &mut nodes {
            if has_management(node) {
                plan.assign(
                    name.as_str(),
                    (&mut node.mgmt_ipv4, &mut node.mgmt_ipv6),
                    problems,
                );
            }
        }
        nodes
    }

    /// A bridge `name|parent` stands inside another node.
    fn check_parent(&self, name: &str, definition: &Definition<'_>, node: &Node, problems: &mut Problems) {
        let Some((_, parent)) = name.split_once('|') else {
            return;
        };
        if node.kind == "bridge" && !self.nodes.contains_key(parent) {
            let message = format!("bridge `{name}` stands in node `{parent}`, which is not defined");
            let others = self.nodes.keys().filter(|node| !node.contains('|'));
            let guess = did_you_mean(parent, others.map(String::as_str));
            problems.add(
                definition.at,
                message,
                guess.map(|guess| format!("did you mean `{guess}`?")),
            );
        }
    }

    fn check_bundles(&self, nodes: &IndexMap<NodeName, Node>, links: &Links, problems: &mut Problems) {
        let ends = links.cables.iter().flat_map(|link| [&link.a, &link.b]);
        let ends = ends.chain(links.attachments.iter().map(|link| &link.end));
        let mut cabled: BTreeMap<&str, IndexSet<&str>> = BTreeMap::new();
        for end in ends {
            let of_node = cabled.entry(end.node.as_str()).or_default();
            of_node.insert(end.interface.as_str());
        }
        for (name, definition) in self
            .nodes
            .iter()
            .filter(|(name, _)| nodes.contains_key(name.as_str()))
        {
            let labels = self.inheritance.levels(definition).merged("labels");
            let texts = labels.iter().map(|(name, text)| (name.as_str(), text));
            let cabled: Vec<_> = cabled.get(name.as_str()).into_iter().flatten().copied().collect();
            annotations::check_bundles(name, texts, &cabled, problems);
        }
    }
}

/// Whether a node gets an interface in the management network.
fn has_management(node: &Node) -> bool {
    let mode = node.property("network-mode").unwrap_or_default().to_lowercase();
    !kinds::INFRASTRUCTURE.contains(&node.kind.as_str())
        && node.kind != "ext-container"
        && !matches!(mode.as_str(), "none" | "host")
        && !mode.starts_with("container:")
}

/// Applies inheritance to a node and checks what came out.
fn resolve(
    name: &str,
    definition: &Definition<'_>,
    levels: &Levels<'_>,
    files: &Files,
    plan: &mut Plan,
    problems: &mut Problems,
) -> Node {
    let text = |key: &str| levels.first(key).map(|text| text.value);
    let labels = levels.merged("labels");
    files.check_labels(&labels, problems);
    files.check_named(levels, problems);
    checks::properties(levels, problems);
    let mut properties = merge::properties(levels);
    files.without_magic_words(name, &mut properties);
    let mut fixed = |key: &str, v6: bool| {
        let text = levels.own(key)?;
        plan.reserve(name, &text, v6, problems)
    };
    let strings = |key: &str| -> BTreeMap<String, String> {
        let map = properties.get(key).and_then(|value| value.as_object());
        map.into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect()
    };
    Node {
        mgmt_ipv4: fixed("mgmt-ipv4", false),
        mgmt_ipv6: fixed("mgmt-ipv6", true),
        kind: kind(name, definition, levels.kind.as_ref(), problems),
        node_type: text("type").unwrap_or_default().trim().to_owned(),
        image: text("image").unwrap_or_default(),
        group: levels
            .group
            .as_ref()
            .map(|text| text.value.clone())
            .unwrap_or_default(),
        startup_config: text("startup-config"),
        binds: files.binds(name, &levels.stacked("binds"), problems),
        exec: properties
            .get("exec")
            .and_then(|value| value.as_array())
            .into_iter()
            .flatten()
            .map(|item| item.as_str().unwrap_or_default().to_owned())
            .collect(),
        cmd: text("cmd"),
        env: strings("env"),
        labels: strings("labels"),
        sysctls: strings("sysctls"),
        startup_delay: levels
            .first("startup-delay")
            .and_then(|text| values::count(&text.value))
            .map_or(Duration::ZERO, Duration::from_secs),
        line: definition.at.line,
        properties,
    }
}

fn kind(name: &str, definition: &Definition<'_>, written: Option<&Text>, problems: &mut Problems) -> String {
    let Some(text) = written else {
        let message = format!("node `{name}` has no kind");
        let hint = "give it `kind: linux`, or set one in its group or in `defaults`".to_owned();
        problems.add(definition.at, message, hint);
        return String::new();
    };
    if let Some(kind) = kinds::canonical(&text.value) {
        return kind.to_owned();
    }
    problems.add(
        text.at,
        format!("unknown kind `{}`", text.value),
        kinds::hint(&text.value),
    );
    String::new()
}
