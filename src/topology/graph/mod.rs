//! Drawings of a topology: DOT, Mermaid and SVG.
//!
//! The SVG's layout is ours, without springs or randomness: the same file always gives the same picture, so a reader
//! recognises the lab from report to report.

pub mod layout;
mod routes;
pub mod svg;

use std::fmt::Write as _;

use super::model::{Node, Topology};

pub use layout::{Layout, Place, Point, layout};
pub use routes::Route;
pub use svg::{Mark, draw, svg};

/// Returns the topology in Graphviz's language.
#[must_use]
pub fn dot(topology: &Topology) -> String {
    let mut out = format!("graph \"{}\" {{\n", quoted(&topology.name));
    out.push_str("  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9];\n");
    for (index, (site, nodes)) in by_site(topology).into_iter().enumerate() {
        let indent = if site.is_empty() { "  " } else { "    " };
        if !site.is_empty() {
            let _ = writeln!(
                out,
                "  subgraph cluster_{index} {{\n    label=\"{}\";",
                quoted(site)
            );
        }
        for (name, node) in nodes {
            let name = quoted(name);
            let _ = match node.role() {
                "" => writeln!(out, "{indent}\"{name}\";"),
                role => writeln!(out, "{indent}\"{name}\" [label=\"{name}\\n{}\"];", quoted(role)),
            };
        }
        if !site.is_empty() {
            out.push_str("  }\n");
        }
    }
    for link in &topology.links {
        let _ = writeln!(
            out,
            "  \"{}\" -- \"{}\" [taillabel=\"{}\", headlabel=\"{}\"];",
            quoted(link.a.node.as_str()),
            quoted(link.b.node.as_str()),
            quoted(link.a.interface.as_str()),
            quoted(link.b.interface.as_str()),
        );
    }
    out.push_str("}\n");
    out
}

/// Returns the topology as a Mermaid flow chart.
#[must_use]
pub fn mermaid(topology: &Topology) -> String {
    // Mermaid has reserved words and dislikes dots, so nodes are numbered and named by their labels.
    let id = |name: &str| format!("n{}", topology.nodes.get_index_of(name).unwrap_or_default());
    let mut out = "graph TD\n".to_owned();
    for (index, (site, nodes)) in by_site(topology).into_iter().enumerate() {
        if !site.is_empty() {
            let _ = writeln!(out, "  subgraph s{index} [\"{}\"]", entity(site));
        }
        for (name, node) in nodes {
            let role = match node.role() {
                "" => String::new(),
                role => format!("<br/><small>{}</small>", entity(role)),
            };
            let _ = writeln!(out, "    {}[\"{}{role}\"]", id(name), entity(name));
        }
        if !site.is_empty() {
            out.push_str("  end\n");
        }
    }
    for link in &topology.links {
        let label = entity(&format!("{} – {}", link.a.interface, link.b.interface));
        let (a, b) = (id(link.a.node.as_str()), id(link.b.node.as_str()));
        let _ = writeln!(out, "  {a} ---|\"{label}\"| {b}");
    }
    out
}

/// Sites in file order, each with its nodes in file order; nodes without a site first.
fn by_site(topology: &Topology) -> Vec<(&str, Vec<(&str, &Node)>)> {
    let mut sites: Vec<(&str, Vec<(&str, &Node)>)> = vec![("", Vec::new())];
    for (name, node) in &topology.nodes {
        let entry = (name.as_str(), node);
        match sites.iter_mut().find(|(site, _)| *site == node.site()) {
            Some((_, nodes)) => nodes.push(entry),
            None => sites.push((node.site(), vec![entry])),
        }
    }
    sites
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Escapes text for HTML, SVG and Mermaid labels.
fn entity(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
