//! Links: both ways of writing them and all types, and what must hold of their ends.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::base::suggest::did_you_mean;
use crate::base::{EndpointName, NodeName, Position, document};

use super::definition::{Text, scalar};
use super::dialect::{BRIEF_LINK, LinkForm, SPECIAL_ENDPOINTS};
use super::interfaces;
use super::kinds;
use super::link_parts;
use super::model::{Attachment, EndDetails, Link, LinkDetails, LinkId, LinkType, Node};
use super::shape::{self, Problems};

/// What links are read against.
pub(super) struct Surroundings<'a> {
    pub(super) nodes: &'a IndexMap<NodeName, Node>,
    /// Nodes of the file that a filter left out; links to them are left out too.
    pub(super) left_out: &'a dyn Fn(&str) -> bool,
}

/// All links of a file.
#[derive(Default)]
pub(super) struct Links {
    pub(super) cables: Vec<Link>,
    pub(super) attachments: Vec<Attachment>,
}

/// An end in a node, as written.
struct End {
    node: Text,
    interface: Text,
    details: EndDetails,
}

/// A link as written: its type, the ends in nodes, and the interface of this machine.
struct Written {
    link_type: LinkType,
    ends: Vec<End>,
    host: Option<Text>,
    brief: bool,
}

/// Reads all links.
pub(super) fn read(
    list: Option<&document::Node>,
    surroundings: &Surroundings<'_>,
    problems: &mut Problems,
) -> Links {
    let mut reader = Reader {
        surroundings,
        problems,
        used: HashMap::new(),
        of_host: HashMap::new(),
        unknown: 0,
    };
    let mut links = Links::default();
    for item in list.and_then(document::Node::as_sequence).unwrap_or_default() {
        reader.link(item, &mut links);
    }
    links
}

struct Reader<'a> {
    surroundings: &'a Surroundings<'a>,
    problems: &'a mut Problems,
    /// Where each endpoint was first used.
    used: HashMap<EndpointName, Position>,
    /// Where each interface of this machine's own namespace was first used: bridges, hosts and management share it.
    of_host: HashMap<String, Position>,
    /// How many ends name a node that does not exist.
    unknown: usize,
}

impl Reader<'_> {
    fn link(&mut self, item: &document::Node, links: &mut Links) {
        let Some(written) = self.written(item) else { return };
        let left_out = |end: &End| (self.surroundings.left_out)(&end.node.value);
        if written.ends.iter().any(left_out) {
            return;
        }
        let labels = link_parts::labels(item);
        let vars = link_parts::vars(item);
        let mtu = link_parts::mtu(item, self.problems);
        if let Some(host) = &written.host
            && written.link_type != LinkType::Macvlan
        {
            self.take_on_host(host);
        }
        let mut ends = Vec::new();
        let mut details = Vec::new();
        for end in written.ends {
            let mut detail = end.details.clone();
            if let Some((name, alias)) = self.checked(&end) {
                detail.alias = alias;
                ends.push(name);
                details.push(detail);
            }
        }
        let mut both = ends.into_iter().zip(details);
        let (first, second) = (both.next(), both.next());
        match (written.link_type, first, second) {
            (LinkType::Veth | LinkType::VethStitch, Some((a, of_a)), Some((b, of_b))) => {
                links.cables.push(Link {
                    id: LinkId(format!("{a}--{b}")),
                    details: LinkDetails {
                        link_type: self.cable_type(written.link_type, written.brief, [&a, &b]),
                        ends: [of_a, of_b],
                        vars,
                    },
                    a,
                    b,
                    mtu,
                    labels,
                    line: item.position.line,
                });
            }
            (LinkType::Veth | LinkType::VethStitch, ..) | (_, None, _) => {}
            (link_type, Some((end, details)), _) => {
                let mut parameters = link_parts::parameters(item, link_type, self.problems);
                if let Some(host) = written.host {
                    parameters.insert("host-interface".to_owned(), host.value.into());
                }
                parameters.sort_keys();
                links.attachments.push(Attachment {
                    link_type,
                    end,
                    details,
                    mtu,
                    parameters,
                    labels,
                    vars,
                    line: item.position.line,
                });
            }
        }
    }

    /// A chassis of several containers has its cables stitched unless the file says otherwise.
    fn cable_type(&self, written: LinkType, brief: bool, ends: [&EndpointName; 2]) -> LinkType {
        let stitched = |end: &EndpointName| {
            let node = self.surroundings.nodes.get(end.node.as_str());
            node.is_some_and(|node| node.kind == "nokia_srsim")
        };
        if brief && ends.into_iter().any(stitched) {
            return LinkType::VethStitch;
        }
        written
    }

    /// Finds out how a link is written.
    fn written(&mut self, item: &document::Node) -> Option<Written> {
        if item.as_mapping().is_none() {
            let message = format!("a link must be a mapping, found {}", item.describe());
            let hint = "write it `- endpoints: [\"a:eth1\", \"b:eth1\"]`".to_owned();
            self.problems.add(item.position, message, hint);
            return None;
        }
        let Some(named) = item
            .get("type")
            .and_then(scalar)
            .filter(|text| !text.value.is_empty())
        else {
            return self.brief(item);
        };
        let name = named.value.trim().to_lowercase();
        if name == "brief" {
            return self.brief(item);
        }
        let Some(form) = LinkForm::ALL.iter().find(|form| form.of.as_str() == name) else {
            let known: Vec<_> = LinkForm::ALL.iter().map(|form| form.of.as_str()).collect();
            let hint = match did_you_mean(&name, known.iter().copied()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("known types: {}", known.join(", ")),
            };
            let message = format!("unknown link type `{}`", named.value);
            self.problems.add(named.at, message, hint);
            return None;
        };
        self.long(item, form)
    }

    fn brief(&mut self, item: &document::Node) -> Option<Written> {
        shape::object(item, BRIEF_LINK, "a link", self.problems);
        let texts: Vec<Text> = self.two(item)?.iter().filter_map(scalar).collect();
        let mut parts = Vec::new();
        for text in &texts {
            let Some((node, interface)) = text.value.split_once(':') else {
                let message = format!("`{}` is not an endpoint (expected node:interface)", text.value);
                self.problems.add(text.at, message, None);
                continue;
            };
            let part = |value: &str| Text {
                value: value.to_owned(),
                at: text.at,
            };
            parts.push((part(node), part(interface)));
        }
        let [first, second] = <[_; 2]>::try_from(parts).ok()?;
        let special = |(node, _): &(Text, Text)| {
            let name = node.value.trim().to_lowercase();
            let mut all = SPECIAL_ENDPOINTS.into_iter();
            all.find(|(special, _)| *special == name).map(|(_, of)| of)
        };
        let addresses = |index: usize| EndDetails {
            ipv4: link_parts::listed(item, "ipv4", index),
            ipv6: link_parts::listed(item, "ipv6", index),
            ..EndDetails::default()
        };
        let end = |(node, interface): (Text, Text), index: usize| End {
            node,
            interface,
            details: addresses(index),
        };
        link_parts::check_listed(item, self.problems);
        let (link_type, ends, host) = match (special(&first), special(&second)) {
            (Some(of), _) => (of, vec![end(second, 1)], Some(first.1)),
            (None, Some(of)) => (of, vec![end(first, 0)], Some(second.1)),
            (None, None) => (LinkType::Veth, vec![end(first, 0), end(second, 1)], None),
        };
        Some(Written {
            link_type,
            ends,
            host,
            brief: true,
        })
    }

    fn long(&mut self, item: &document::Node, form: &LinkForm) -> Option<Written> {
        let place = format!("a link of type `{}`", form.of.as_str());
        shape::object(item, form.keys, &place, self.problems);
        let mut complete = true;
        for key in form.required.iter().filter(|key| **key != "endpoints") {
            if item.get(key).is_none_or(document::Node::is_null) {
                self.problems
                    .add(item.position, format!("{place} has no `{key}`"), None);
                complete = false;
            }
        }
        link_parts::check_listed(item, self.problems);
        let ends: Vec<Option<End>> = if form.required.contains(&"endpoints") {
            let list = self.two(item)?;
            list.iter()
                .enumerate()
                .map(|(index, end)| self.long_end(item, end, index))
                .collect()
        } else {
            let end = item.get("endpoint").filter(|end| !end.is_null())?;
            vec![self.long_end(item, end, 0)]
        };
        let ends: Option<Vec<End>> = ends.into_iter().collect();
        Some(Written {
            link_type: form.of,
            ends: ends.filter(|_| complete)?,
            host: item.get("host-interface").and_then(scalar),
            brief: false,
        })
    }

    fn two<'b>(&mut self, item: &'b document::Node) -> Option<&'b [document::Node]> {
        let Some(node) = item.get("endpoints").filter(|node| !node.is_null()) else {
            let hint = "write `endpoints: [\"a:eth1\", \"b:eth1\"]`".to_owned();
            self.problems
                .add(item.position, "a link has no `endpoints`", hint);
            return None;
        };
        let list = node.as_sequence()?;
        if list.len() != 2 {
            let message = format!("a link has exactly two endpoints, found {}", list.len());
            self.problems.add(node.position, message, None);
            return None;
        }
        Some(list)
    }

    fn long_end(&mut self, item: &document::Node, node: &document::Node, index: usize) -> Option<End> {
        node.as_mapping()?;
        let mut part = |key: &str| {
            let found = node.get(key).and_then(scalar);
            if found.is_none() {
                self.problems
                    .add(node.position, format!("an endpoint has no `{key}`"), None);
            }
            found
        };
        let (name, interface) = (part("node"), part("interface"));
        let text = |key: &str| node.get(key).and_then(scalar);
        link_parts::check_end(node, self.problems);
        let address = |key: &str| {
            let own = text(key).map(|text| text.value);
            own.or_else(|| link_parts::listed(item, key, index))
        };
        Some(End {
            node: name?,
            interface: interface?,
            details: EndDetails {
                alias: None,
                mac: text("mac").map(|text| text.value),
                ipv4: address("ipv4"),
                ipv6: address("ipv6"),
                vars: link_parts::vars(node),
            },
        })
    }

    /// Checks an end against its node; returns its name and what the file called the interface, if that differs.
    fn checked(&mut self, end: &End) -> Option<(EndpointName, Option<String>)> {
        let (name, written) = (end.node.value.as_str(), end.interface.value.as_str());
        let Some(node) = self.surroundings.nodes.get(name) else {
            self.unknown_node(&end.node);
            return None;
        };
        // A node without a kind was reported; its ports are nobody's guess.
        let interface = match interfaces::resolve(&node.kind, written) {
            Ok(interface) => interface,
            Err(expected) => {
                let message = if written.is_empty() {
                    "an interface needs a name".to_owned()
                } else {
                    format!(
                        "`{written}` is no interface of node `{name}` of kind `{}`",
                        node.kind
                    )
                };
                self.problems
                    .add(end.interface.at, message, format!("expected {expected}"));
                return None;
            }
        };
        let of_host = kinds::INFRASTRUCTURE.contains(&node.kind.as_str()) && !name.contains('|');
        let mode = node.property("network-mode").unwrap_or_default();
        let without_management = mode.eq_ignore_ascii_case("none");
        if interface.name == "eth0" && !of_host && !without_management {
            let hint = "begin with `eth1`, or set `network-mode: none` on the node".to_owned();
            self.problems
                .add(end.interface.at, "eth0 is the management interface", hint);
            return None;
        }
        let endpoint = EndpointName {
            node: name.into(),
            interface: interface.name.as_str().into(),
        };
        let first = *self.used.entry(endpoint.clone()).or_insert(end.node.at);
        if first != end.node.at {
            let same = match &interface.alias {
                Some(alias) => format!("endpoint `{name}:{alias}`, which is `{endpoint}`, is used twice"),
                None => format!("endpoint `{endpoint}` is used twice"),
            };
            let hint = format!("the first link with it is on line {}", first.line);
            self.problems.add(end.node.at, same, hint);
        } else if of_host {
            self.take_on_host(&Text {
                value: interface.name.clone(),
                at: end.interface.at,
            });
        }
        Some((endpoint, interface.alias))
    }

    fn unknown_node(&mut self, node: &Text) {
        /// A file whose links are all wrong is told so without a search for each.
        const MOST_GUESSES: usize = 50;
        let message = format!("endpoint names node `{}`, which is not defined", node.value);
        self.unknown += 1;
        if self.unknown > MOST_GUESSES {
            self.problems.add(node.at, message, None);
            return;
        }
        let names = || self.surroundings.nodes.keys().map(NodeName::as_str);
        let hint = match did_you_mean(&node.value, names()) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("defined nodes: {}", link_parts::some_of(names())),
        };
        self.problems.add(node.at, message, hint);
    }

    /// All bridges, hosts and the management network have their interfaces in one namespace, this machine's.
    fn take_on_host(&mut self, interface: &Text) {
        let name = &interface.value;
        let first = *self.of_host.entry(name.clone()).or_insert(interface.at);
        if first != interface.at {
            let message = format!("interface `{name}` of this machine is used twice");
            let hint = format!(
                "bridges, `host:` and `mgmt-net:` share one name space; the first one is on line {}",
                first.line
            );
            self.problems.add(interface.at, message, hint);
        }
    }
}
