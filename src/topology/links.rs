//! Links: both ways of writing them, and what must hold of their ends.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::base::suggest::did_you_mean;
use crate::base::{EndpointName, NodeName, Position, document};

use super::definition::{Text, pairs, scalar};
use super::dialect::{BRIEF_LINK, ENDPOINT, OTHER_LINK_TYPES, SPECIAL_ENDPOINTS, VETH_LINK};
use super::model::{Link, LinkId, Node};
use super::shape::{self, Problems};

/// containerlab's default.
const MTU: u32 = 9500;

/// Linux keeps 16 bytes for a name, the last one zero.
const LONGEST_INTERFACE: usize = 15;

/// An end as written.
struct End {
    node: Text,
    interface: Text,
}

/// Reads all links against the nodes that exist; `management_free` tells which nodes may use eth0.
pub(super) fn read(
    list: Option<&document::Node>,
    nodes: &IndexMap<NodeName, Node>,
    management_free: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) -> Vec<Link> {
    let mut links = Vec::new();
    let mut used: BTreeMap<EndpointName, Position> = BTreeMap::new();
    for item in list.and_then(document::Node::as_sequence).unwrap_or_default() {
        let Some([a, b]) = ends(item, nodes, problems) else {
            continue;
        };
        let ends = [&a, &b].map(|end| checked_end(end, nodes, management_free, problems));
        if a.node.value == b.node.value {
            let message = format!("both ends of the link are on node `{}`", a.node.value);
            problems.add(b.node.at, message, "a link joins two nodes".to_owned());
            continue;
        }
        for (end, name) in [&a, &b].into_iter().zip(ends.iter().flatten()) {
            let first = *used.entry(name.clone()).or_insert(end.node.at);
            if first != end.node.at {
                let message = format!("endpoint `{name}` is used twice");
                let hint = format!("the first link with it is on line {}", first.line);
                problems.add(end.node.at, message, hint);
            }
        }
        let [Some(a_name), Some(b_name)] = ends else {
            continue;
        };
        let labels = item.get("labels").map(pairs).unwrap_or_default();
        links.push(Link {
            id: LinkId(format!("{a_name}--{b_name}")),
            a: a_name,
            b: b_name,
            mtu: mtu(item, problems),
            labels: labels
                .into_iter()
                .map(|(name, text)| (name, text.value))
                .collect(),
            line: item.position.line,
        });
    }
    links
}

/// Finds out how a link is written and returns its two ends.
fn ends(
    item: &document::Node,
    nodes: &IndexMap<NodeName, Node>,
    problems: &mut Problems,
) -> Option<[End; 2]> {
    if item.as_mapping().is_none() {
        let message = format!("a link must be a mapping, found {}", item.describe());
        let hint = "write it `- endpoints: [\"a:eth1\", \"b:eth1\"]`".to_owned();
        problems.add(item.position, message, hint);
        return None;
    }
    if let Some(written) = item.get("type") {
        let name = written.as_text().unwrap_or_default();
        if name != "veth" {
            other_type(written.position, name, problems);
            return None;
        }
        shape::object(item, VETH_LINK, "a link of type `veth`", problems);
    } else {
        shape::object(item, BRIEF_LINK, "a link", problems);
    }
    let list = two(item, problems)?;
    if item.get("type").is_some() {
        let found: Vec<_> = list.iter().filter_map(|end| long_end(end, problems)).collect();
        return found.try_into().ok();
    }
    let found: Vec<_> = list
        .iter()
        .filter_map(|end| brief_end(end, nodes, problems))
        .collect();
    found.try_into().ok()
}

fn two<'a>(item: &'a document::Node, problems: &mut Problems) -> Option<&'a [document::Node]> {
    let Some(node) = item.get("endpoints").filter(|node| !node.is_null()) else {
        let hint = "write `endpoints: [\"a:eth1\", \"b:eth1\"]`".to_owned();
        problems.add(item.position, "a link has no `endpoints`", hint);
        return None;
    };
    let list = node.as_sequence()?;
    if list.len() != 2 {
        let message = format!("a link has exactly two endpoints, found {}", list.len());
        problems.add(node.position, message, None);
        return None;
    }
    Some(list)
}

fn other_type(at: Position, name: &str, problems: &mut Problems) {
    if OTHER_LINK_TYPES.contains(&name) {
        let message = format!("link type `{name}` is not supported yet");
        let hint = "supported: cables between two nodes (`veth`, or no type)".to_owned();
        problems.add(at, message, hint);
        return;
    }
    let known = OTHER_LINK_TYPES.iter().copied().chain(["veth"]);
    let hint = match did_you_mean(name, known) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("known types: veth, {}", OTHER_LINK_TYPES.join(", ")),
    };
    problems.add(at, format!("unknown link type `{name}`"), hint);
}

fn brief_end(
    node: &document::Node,
    nodes: &IndexMap<NodeName, Node>,
    problems: &mut Problems,
) -> Option<End> {
    let text = scalar(node)?;
    let Some((name, interface)) = text.value.split_once(':') else {
        let message = format!("`{}` is not an endpoint (expected node:interface)", text.value);
        problems.add(text.at, message, None);
        return None;
    };
    if SPECIAL_ENDPOINTS.contains(&name) && !nodes.contains_key(name) {
        other_type(text.at, name, problems);
        return None;
    }
    let part = |value: &str| Text {
        value: value.to_owned(),
        at: text.at,
    };
    Some(End {
        node: part(name),
        interface: part(interface),
    })
}

fn long_end(node: &document::Node, problems: &mut Problems) -> Option<End> {
    node.as_mapping()?;
    let mut part = |key: &str| {
        let found = node.get(key).and_then(scalar);
        if found.is_none() {
            problems.add(node.position, format!("an endpoint has no `{key}`"), None);
        }
        found
    };
    let (name, interface) = (part(ENDPOINT[0].name), part(ENDPOINT[1].name));
    Some(End {
        node: name?,
        interface: interface?,
    })
}

fn checked_end(
    end: &End,
    nodes: &IndexMap<NodeName, Node>,
    management_free: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) -> Option<EndpointName> {
    let (node, interface) = (end.node.value.as_str(), end.interface.value.as_str());
    let known = nodes.contains_key(node);
    if !known {
        let message = format!("endpoint names node `{node}`, which is not defined");
        let names: Vec<_> = nodes.keys().map(NodeName::as_str).collect();
        let hint = match did_you_mean(node, names.iter().copied()) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("defined nodes: {}", names.join(", ")),
        };
        problems.add(end.node.at, message, hint);
    }
    if let Err((problem, hint)) = check_interface(interface, management_free(node)) {
        problems.add(end.interface.at, problem, hint);
        return None;
    }
    known.then(|| EndpointName {
        node: node.into(),
        interface: interface.into(),
    })
}

fn check_interface(name: &str, eth0_is_free: bool) -> Result<(), (String, Option<String>)> {
    let length = name.chars().count();
    let problem = if name.is_empty() {
        "an interface needs a name".to_owned()
    } else if length > LONGEST_INTERFACE {
        format!("interface name `{name}` has {length} characters (at most {LONGEST_INTERFACE})")
    } else if name.contains(['/', ':']) || name.contains(char::is_whitespace) || matches!(name, "." | "..") {
        let hint = "use the Linux name, e.g. `eth1`".to_owned();
        let message =
            format!("interface name `{name}` contains what Linux does not allow (`/`, `:` or a space)");
        return Err((message, Some(hint)));
    } else if name == "eth0" && !eth0_is_free {
        let hint = "begin with `eth1`, or set `network-mode: none` on the node".to_owned();
        return Err(("eth0 is the management interface".to_owned(), Some(hint)));
    } else {
        return Ok(());
    };
    Err((problem, None))
}

fn mtu(item: &document::Node, problems: &mut Problems) -> u32 {
    let Some(text) = item.get("mtu").and_then(scalar) else {
        return MTU;
    };
    match text.value.parse() {
        // Zero means unset, and what is no number was reported by the shape check.
        Ok(0) | Err(_) => MTU,
        Ok(mtu @ 68..=65_535) => mtu,
        Ok(_) => {
            let message = format!("MTU {} is not possible (expected 68 to 65535)", text.value);
            problems.add(text.at, message, None);
            MTU
        }
    }
}
