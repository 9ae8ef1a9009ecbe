//! The resolved lab as JSON in containerlab's own words: what a file comes to when all its rules are applied.

use serde_json::{Map, Value, json};

use super::model::{Attachment, EndDetails, Link, Node, Topology};
use crate::base::EndpointName;

/// Returns name, prefix, management network, nodes with everything they inherit, and links; keys always in the same order.
#[must_use]
pub fn resolved(topology: &Topology) -> Value {
    let nodes: Map<_, _> = topology
        .nodes
        .iter()
        .map(|(name, of)| (name.to_string(), node(of)))
        .collect();
    let mut links: Vec<_> = topology
        .links
        .iter()
        .map(|link| (link.line, cable(link)))
        .collect();
    links.extend(
        topology
            .attachments
            .iter()
            .map(|link| (link.line, attachment(link))),
    );
    links.sort_by_key(|(line, _)| *line);
    json!({
        "name": topology.name,
        "prefix": topology.prefix.as_deref().unwrap_or("clab"),
        "mgmt": management(topology),
        "nodes": nodes,
        "links": links.into_iter().map(|(_, link)| link).collect::<Vec<_>>(),
    })
}

fn management(topology: &Topology) -> Value {
    let of = &topology.management;
    let mut map = Map::new();
    map.insert("network".to_owned(), json!(of.network));
    for (name, subnet) in [("ipv4-subnet", of.ipv4_subnet), ("ipv6-subnet", of.ipv6_subnet)] {
        if let Some((address, length)) = subnet {
            map.insert(name.to_owned(), json!(format!("{address}/{length}")));
        }
    }
    for (name, value) in &of.properties {
        map.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(map)
}

fn node(node: &Node) -> Value {
    let mut map = Map::new();
    map.insert("kind".to_owned(), json!(node.kind));
    if !node.group.is_empty() {
        map.insert("group".to_owned(), json!(node.group));
    }
    map.extend(node.properties.clone());
    Value::Object(map)
}

fn cable(link: &Link) -> Value {
    let details = &link.details;
    let mut map = Map::new();
    map.insert("type".to_owned(), json!(details.link_type));
    let ends = [end(&link.a, &details.ends[0]), end(&link.b, &details.ends[1])];
    map.insert("endpoints".to_owned(), json!(ends));
    map.insert("mtu".to_owned(), json!(link.mtu));
    if !link.labels.is_empty() {
        map.insert("labels".to_owned(), json!(link.labels));
    }
    if !details.vars.is_empty() {
        map.insert("vars".to_owned(), json!(details.vars));
    }
    Value::Object(map)
}

fn attachment(link: &Attachment) -> Value {
    let mut map = Map::new();
    map.insert("type".to_owned(), json!(link.link_type));
    map.insert("endpoint".to_owned(), end(&link.end, &link.details));
    map.extend(link.parameters.clone());
    map.insert("mtu".to_owned(), json!(link.mtu));
    if !link.labels.is_empty() {
        map.insert("labels".to_owned(), json!(link.labels));
    }
    if !link.vars.is_empty() {
        map.insert("vars".to_owned(), json!(link.vars));
    }
    Value::Object(map)
}

fn end(name: &EndpointName, details: &EndDetails) -> Value {
    let mut map = Map::new();
    map.insert("node".to_owned(), json!(name.node));
    map.insert("interface".to_owned(), json!(name.interface));
    if let Value::Object(details) = json!(details) {
        map.extend(details);
    }
    Value::Object(map)
}
