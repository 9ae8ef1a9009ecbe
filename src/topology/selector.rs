//! Choosing nodes: `role:customer & site:firstcolo`, `mx1, mx2`, `all, !ca1`.
//!
//! Parts between commas are taken from left to right: each adds its nodes, and a part that is only `!x` removes them. When
//! the first part removes, it removes from all. Within a part, `&` keeps what all factors have in common.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::base::NodeName;
use crate::base::suggest::did_you_mean;

use super::model::{Node, Topology};
use super::{TopologyError, kinds};

/// A choice of nodes, independent of any topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Selector {
    parts: Vec<Vec<Factor>>,
}

/// A term, or everything but it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Factor {
    without: bool,
    term: Term,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    All,
    /// A node; the flag tells whether it was written `node:NAME`.
    Name(String, bool),
    Role(String),
    Site(String),
    Kind(String),
    Nos(String),
    Label(String, String),
}

impl Selector {
    /// Returns the chosen nodes in the order of the topology file. Terms that match nothing choose nothing.
    #[must_use]
    pub fn select(&self, topology: &Topology) -> Vec<NodeName> {
        let nodes = || topology.nodes.iter();
        let mut chosen: BTreeSet<&NodeName> = BTreeSet::new();
        for (index, part) in self.parts.iter().enumerate() {
            if let [Factor { without: true, term }] = part.as_slice() {
                if index == 0 {
                    chosen.extend(nodes().map(|(name, _)| name));
                }
                chosen.retain(|name| !term.holds(name, &topology.nodes[name.as_str()]));
            } else {
                let holds = |(name, node): &(&NodeName, &Node)| part.iter().all(|f| f.holds(name, node));
                chosen.extend(nodes().filter(holds).map(|(name, _)| name));
            }
        }
        let kept = nodes().filter(|(name, _)| chosen.contains(name));
        kept.map(|(name, _)| name.clone()).collect()
    }

    /// Returns the chosen nodes, or why there are none: a name that the topology does not have, or nothing left.
    pub fn resolve(&self, topology: &Topology) -> Result<Vec<NodeName>, TopologyError> {
        for factor in self.parts.iter().flatten() {
            factor.term.check(topology)?;
        }
        let chosen = self.select(topology);
        if chosen.is_empty() {
            return Err(TopologyError::Nothing {
                text: self.to_string(),
            });
        }
        Ok(chosen)
    }
}

impl Factor {
    fn holds(&self, name: &NodeName, node: &Node) -> bool {
        self.term.holds(name, node) != self.without
    }
}

impl Term {
    fn holds(&self, name: &NodeName, node: &Node) -> bool {
        match self {
            Self::All => true,
            Self::Name(wanted, _) => name.as_str() == wanted,
            Self::Role(role) => node.role() == role,
            Self::Site(site) => node.site() == site,
            Self::Kind(kind) => node.kind == kinds::canonical(kind).unwrap_or(kind),
            Self::Nos(nos) => node.nos() == nos,
            Self::Label(key, value) => node.label(key) == Some(value),
        }
    }

    fn check(&self, topology: &Topology) -> Result<(), TopologyError> {
        if topology.nodes.iter().any(|(name, node)| self.holds(name, node)) {
            return Ok(());
        }
        let nodes = || topology.nodes.values();
        let (what, value, known): (&str, &str, BTreeSet<&str>) = match self {
            Self::All => ("node", "all", BTreeSet::new()),
            Self::Name(name, _) => (
                "node",
                name,
                topology.nodes.keys().map(NodeName::as_str).collect(),
            ),
            Self::Role(role) => ("role", role, nodes().map(Node::role).collect()),
            Self::Site(site) => ("site", site, nodes().map(Node::site).collect()),
            Self::Kind(kind) => ("kind", kind, nodes().map(|node| node.kind.as_str()).collect()),
            Self::Nos(nos) => ("nos", nos, nodes().map(Node::nos).collect()),
            Self::Label(key, value) => (
                "label value",
                value,
                nodes().filter_map(|n| n.label(key)).collect(),
            ),
        };
        let known: Vec<&str> = known.into_iter().filter(|name| !name.is_empty()).collect();
        let mut hint = match known.as_slice() {
            [] => format!(" (no node has a {what})"),
            _ => format!(" (known: {})", known.join(", ")),
        };
        if let Some(guess) = did_you_mean(value, known.iter().copied()) {
            let _ = write!(hint, "; did you mean `{guess}`?");
        }
        Err(TopologyError::NoMatch {
            term: self.to_string(),
            what: what.to_owned(),
            value: value.to_owned(),
            hint,
        })
    }
}

impl FromStr for Selector {
    type Err = TopologyError;

    fn from_str(text: &str) -> Result<Self, TopologyError> {
        let syntax = |problem: String| TopologyError::Syntax {
            text: text.to_owned(),
            problem,
        };
        let part = |part: &str| part.split('&').map(factor).collect::<Result<Vec<_>, _>>();
        let parts: Result<Vec<_>, String> = text.split(',').map(part).collect();
        Ok(Self {
            parts: parts.map_err(syntax)?,
        })
    }
}

fn factor(text: &str) -> Result<Factor, String> {
    let text = text.trim();
    let (without, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    if text.is_empty() {
        return Err(
            "a term is missing (expected e.g. `all`, `mx1`, `role:customer & site:fra8`, `!ca1`)".to_owned(),
        );
    }
    if text.contains(char::is_whitespace) {
        return Err(format!("`{text}` holds a space (join terms with `,` or `&`)"));
    }
    Ok(Factor {
        without,
        term: term(text)?,
    })
}

fn term(text: &str) -> Result<Term, String> {
    const PREFIXES: [&str; 6] = ["node", "role", "site", "kind", "nos", "label"];
    let Some((prefix, value)) = text.split_once(':') else {
        return Ok(match text {
            "all" => Term::All,
            _ => Term::Name(text.to_owned(), false),
        });
    };
    if value.is_empty() {
        return Err(format!("`{prefix}:` has no value"));
    }
    let owned = value.to_owned();
    match prefix {
        "node" => Ok(Term::Name(owned, true)),
        "role" => Ok(Term::Role(owned)),
        "site" => Ok(Term::Site(owned)),
        "kind" => Ok(Term::Kind(owned)),
        "nos" => Ok(Term::Nos(owned)),
        "label" => match value.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Term::Label(key.to_owned(), value.to_owned())),
            _ => Err(format!("`{text}` is not a label term (expected label:key=value)")),
        },
        _ => {
            let guess =
                did_you_mean(prefix, PREFIXES).map(|guess| format!("; did you mean `{guess}:{value}`?"));
            Err(format!(
                "unknown prefix `{prefix}:` (known: {}){}",
                PREFIXES.map(|prefix| format!("{prefix}:")).join(" "),
                guess.unwrap_or_default()
            ))
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            for (index, factor) in part.iter().enumerate() {
                if index > 0 {
                    f.write_str(" & ")?;
                }
                write!(f, "{}{}", if factor.without { "!" } else { "" }, factor.term)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Name(name, false) => f.write_str(name),
            Self::Name(name, true) => write!(f, "node:{name}"),
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Site(site) => write!(f, "site:{site}"),
            Self::Kind(kind) => write!(f, "kind:{kind}"),
            Self::Nos(nos) => write!(f, "nos:{nos}"),
            Self::Label(key, value) => write!(f, "label:{key}={value}"),
        }
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl TryFrom<String> for Selector {
    type Error = TopologyError;
    fn try_from(text: String) -> Result<Self, TopologyError> {
        text.parse()
    }
}

impl JsonSchema for Selector {
    fn schema_name() -> Cow<'static, str> {
        "Selector".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Nodes: all, NAME, node:NAME, role:R, site:S, kind:K, nos:N, label:key=value; comma adds, ! removes, & intersects.",
            "examples": ["all", "role:customer & site:firstcolo", "mx1, mx2", "role:aggregation, !ca1"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{LoadOptions, parse};
    use std::path::Path;

    fn topology() -> Topology {
        let text = "\
name: lab
topology:
  defaults: {kind: linux}
  nodes:
    mx1: {image: quay.io/frr:10, labels: {faultlab.role: edge, faultlab.site: fra8}}
    ca1: {labels: {faultlab.role: aggregation, faultlab.site: fra8, faultlab.nos: mclag-switch}}
    ca2: {labels: {faultlab.role: aggregation, faultlab.site: fr4, faultlab.nos: mclag-switch}}
    c1: {labels: {faultlab.role: customer, faultlab.site: fr4, tier: gold}}
";
        parse(Path::new("lab.clab.yaml"), text, &LoadOptions::default()).unwrap()
    }

    fn select(text: &str) -> String {
        let selector: Selector = text.parse().unwrap();
        let names: Vec<_> = selector
            .select(&topology())
            .iter()
            .map(ToString::to_string)
            .collect();
        names.join(" ")
    }

    #[test]
    fn selectors_choose_nodes_in_file_order() {
        for (selector, expected) in [
            ("all", "mx1 ca1 ca2 c1"),
            ("c1,mx1", "mx1 c1"),
            ("node:ca1", "ca1"),
            ("role:aggregation", "ca1 ca2"),
            ("role:aggregation & site:fr4", "ca2"),
            ("role:aggregation & !site:fr4", "ca1"),
            ("all, !role:aggregation", "mx1 c1"),
            ("!ca1", "mx1 ca2 c1"),
            ("role:aggregation, !ca1, c1", "ca2 c1"),
            ("kind:linux & nos:frr", "mx1"),
            ("nos:mclag-switch", "ca1 ca2"),
            ("label:tier=gold", "c1"),
            ("role:nobody", ""),
        ] {
            assert_eq!(select(selector), expected, "{selector}");
        }
    }

    #[test]
    fn selectors_print_as_they_are_read() {
        for text in ["all", "role:a & !site:b, node:c, !d", "label:k=v"] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.to_string(), text);
            let json = serde_json::to_string(&selector).unwrap();
            assert_eq!(serde_json::from_str::<Selector>(&json).unwrap(), selector);
        }
    }

    #[test]
    fn mistakes_in_selectors_list_what_there_is() {
        let mut messages = Vec::new();
        for text in ["", "a,,b", "rol:x", "role:", "label:x", "a b"] {
            messages.push(text.parse::<Selector>().unwrap_err().to_string());
        }
        for text in [
            "mx2",
            "role:agregation",
            "site:x",
            "label:tier=silver",
            "label:no=x",
            "mx1 & ca1",
        ] {
            let selector: Selector = text.parse().unwrap();
            messages.push(selector.resolve(&topology()).unwrap_err().to_string());
        }
        insta::assert_snapshot!(messages.join("\n"));
    }
}
