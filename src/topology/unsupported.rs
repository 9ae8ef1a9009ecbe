//! What a file asks for and a runtime does not do, told before anything is created.
//!
//! Most of it leaves a lab that still means the same to its users (no memory limit, no restart policy) and is a warning.
//! Where the lab could not mean the same (a vendor's node without its image, a link to this machine), it is refused.

use std::fmt;

use indexmap::IndexMap;

use super::model::{Link, LinkType, Node, Topology, labels};
use crate::base::NodeName;

/// The runtimes, as far as they differ in what they do for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nodes are namespaces of this machine running its programs; no images.
    Namespaces,
    /// Nodes are containers of the reference image.
    Docker,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Namespaces => "namespaces",
            Self::Docker => "docker",
        })
    }
}

/// One thing that a runtime does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Line in the file.
    pub line: usize,
    /// What has it, e.g. `` node `r1` ``.
    pub place: String,
    /// What is not done, as a fragment, e.g. `` `memory` is ignored ``.
    pub problem: String,
    /// The next move.
    pub hint: Option<String>,
    /// Whether the lab could not mean the same without it.
    pub refused: bool,
}

/// Properties that both runtimes do as containerlab does.
const HONOURED: &[&str] = &[
    "type",
    "image",
    "exec",
    "binds",
    "env",
    "labels",
    "sysctls",
    "mgmt-ipv4",
    "mgmt-ipv6",
    "network-mode",
];

/// Properties that say something to other tools, or nothing where no image is pulled and no lab is changed in place.
const ELSEWHERE: &[&str] = &[
    "image-pull-policy",
    "link-apply-mode",
    "auto-remove",
    "position",
    "config",
];

/// Images that are an ordinary Linux with tools: this machine's Linux stands for them.
const PLAIN: &[&str] = &[
    "alpine",
    "busybox",
    "debian",
    "ubuntu",
    "network-multitool",
    "multitool",
    "netshoot",
];

/// Lists what a topology asks for and `target` does not do. `models` are the values of `faultlab.nos` that run without an
/// image.
#[must_use]
pub fn unsupported(topology: &Topology, target: Target, models: &[&str]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (name, node) in &topology.nodes {
        remarks.extend(whole_node(name, node, target, models));
        for key in node.properties.keys() {
            remarks.extend(property(name, node, key, target));
        }
    }
    for link in &topology.links {
        remarks.extend(cable(link, target));
    }
    for link in &topology.attachments {
        let made = link.link_type.as_str();
        remarks.push(Remark {
            line: link.line,
            place: format!("link `{}`", link.end),
            problem: format!("links of type `{made}` are not made on runtime {target}"),
            hint: Some("make it a cable between two nodes, or take it out with `--node-filter`".to_owned()),
            refused: true,
        });
    }
    remarks
}

fn of_node(name: &NodeName, node: &Node, problem: String) -> Remark {
    Remark {
        line: node.line,
        place: format!("node `{name}`"),
        problem,
        hint: None,
        refused: false,
    }
}

/// Whether the runtime can have this node at all.
fn whole_node(name: &NodeName, node: &Node, target: Target, models: &[&str]) -> Option<Remark> {
    let kind = &node.kind;
    let refused = |problem: String, hint: String| Remark {
        hint: Some(hint),
        refused: true,
        ..of_node(name, node, problem)
    };
    if ["bridge", "ovs-bridge", "host", "ext-container", "k8s-kind"].contains(&kind.as_str()) {
        return Some(refused(
            format!("kind `{kind}` is something outside the lab, which runtime {target} does not touch"),
            "take it out with `--node-filter`, or make it a node of kind `linux`".to_owned(),
        ));
    }
    // A label that names no model is told with a guess where nodes are planned.
    let modelled = node.label(labels::NOS).is_some() || models.contains(&node.nos());
    (!modelled).then(|| {
        refused(
            format!(
                "kind `{kind}`{} needs its vendor's image, which runtime {target} does not run",
                with_image(node)
            ),
            format!(
                "set the label `{}` to one of {} to model it",
                labels::NOS,
                models.join(", ")
            ),
        )
    })
}

fn with_image(node: &Node) -> String {
    if node.image.is_empty() {
        return String::new();
    }
    format!(" with image `{}`", node.image)
}

fn property(name: &NodeName, node: &Node, key: &str, target: Target) -> Option<Remark> {
    let value = node.property(key).unwrap_or_default();
    let fetched =
        matches!(key, "startup-config" | "license") && !value.contains('\n') && value.contains("://");
    if fetched {
        return Some(Remark {
            hint: Some("save the file beside the topology and name its path".to_owned()),
            refused: true,
            ..of_node(
                name,
                node,
                format!("`{key}` is `{value}`, and faultlab fetches nothing from elsewhere"),
            )
        });
    }
    if ELSEWHERE.contains(&key) {
        return None;
    }
    let ignored = || {
        Some(of_node(
            name,
            node,
            format!("`{key}` is ignored on runtime {target}"),
        ))
    };
    match key {
        "network-mode" if value == "host" || value.starts_with("container:") => Some(Remark {
            hint: Some("use `network-mode: none`".to_owned()),
            refused: true,
            ..of_node(
                name,
                node,
                format!("`network-mode: {value}` is not possible on runtime {target}"),
            )
        }),
        "image" if node.label(labels::NOS).is_none() && node.nos() == "linux" => {
            let plain = PLAIN.contains(&node.image_name());
            let stands = match target {
                Target::Namespaces => "this machine's Linux",
                Target::Docker => "the reference image",
            };
            let problem = format!("`image` {value} is not run on runtime {target}: {stands} stands for it");
            (!plain).then(|| of_node(name, node, problem))
        }
        key if HONOURED.contains(&key) => None,
        _ => ignored(),
    }
}

fn cable(link: &Link, target: Target) -> Vec<Remark> {
    let remark = |problem: String, refused: bool| Remark {
        line: link.line,
        place: format!("link `{}`", link.id),
        problem,
        hint: None,
        refused,
    };
    let mut remarks = Vec::new();
    if link.a.node == link.b.node {
        let problem = format!("a cable from a node to itself is not made on runtime {target}");
        remarks.push(remark(problem, true));
    }
    if link.details.link_type == LinkType::VethStitch {
        let problem = format!("`veth-stitch` is a plain cable on runtime {target}");
        remarks.push(remark(problem, false));
    }
    for (end, details) in [&link.a, &link.b].into_iter().zip(&link.details.ends) {
        if let Some(alias) = &details.alias
            && end.interface.as_str().starts_with("clab-")
        {
            let problem = format!("`{}:{alias}` is `{end}` on runtime {target}", end.node);
            remarks.push(remark(problem, false));
        }
        let given = [
            ("mac", &details.mac),
            ("ipv4", &details.ipv4),
            ("ipv6", &details.ipv6),
        ];
        for (key, _) in given.into_iter().filter(|(_, value)| value.is_some()) {
            let problem = format!("`{key}` of an end is ignored on runtime {target}");
            remarks.push(remark(problem, false));
        }
    }
    remarks.dedup();
    remarks
}

/// Returns remarks as lines for people: equal ones of many nodes or links in one line, those that end it all first.
#[must_use]
pub fn told(topology: &Topology, remarks: &[Remark]) -> Vec<String> {
    const MOST_PLACES: usize = 5;
    let mut grouped: IndexMap<(bool, &str, Option<&str>), Vec<&Remark>> = IndexMap::new();
    for remark in remarks {
        let key = (!remark.refused, remark.problem.as_str(), remark.hint.as_deref());
        grouped.entry(key).or_default().push(remark);
    }
    grouped.sort_by(|a, _, b, _| a.0.cmp(&b.0));
    let line = |((_, problem, hint), remarks): ((bool, &str, Option<&str>), Vec<&Remark>)| {
        let mut places: Vec<_> = remarks
            .iter()
            .map(|remark| remark.place.as_str())
            .take(MOST_PLACES)
            .collect();
        let more = format!("{} more", remarks.len() - places.len());
        if remarks.len() > MOST_PLACES {
            places.push(&more);
        }
        let file = topology.file.display();
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!(
            "{file}:{}: {}: {problem}{hint}",
            remarks[0].line,
            places.join(", ")
        )
    };
    grouped.into_iter().map(line).collect()
}
