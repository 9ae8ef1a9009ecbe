//! The drawing itself: boxes, frames and lines of a [`Layout`] as SVG.
//!
//! Colours are CSS variables with fallbacks, so the same drawing follows the report's light and dark look.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::NodeName;
use crate::topology::model::{Link, Node, Topology, labels};

use super::entity;
use super::layout::{BOX_HEIGHT, BOX_WIDTH, Layout, Place, Point, layout};
use super::routes::Route;

const STYLE: &str = include_str!("svg.css");

/// Something to point out on a node: a class for its colour and a line for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// `bad`, `warn` or `good`.
    pub class: String,
    /// Shown when the pointer rests on the node.
    pub note: String,
}

/// Draws a topology as a file of its own.
#[must_use]
pub fn svg(topology: &Topology) -> String {
    draw(topology, &layout(topology), &BTreeMap::new(), true)
}

/// Draws a layout; `standalone` adds name space and style sheet, which a page that embeds it brings along itself.
#[must_use]
pub fn draw(
    topology: &Topology,
    layout: &Layout,
    marks: &BTreeMap<NodeName, Mark>,
    standalone: bool,
) -> String {
    let (width, height) = layout.size;
    let mut out = String::new();
    let space = if standalone {
        " xmlns=\"http://www.w3.org/2000/svg\""
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "<svg class=\"topology\"{space} viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"topology {}\">",
        entity(&topology.name)
    );
    if standalone {
        let _ = writeln!(out, "<style>{STYLE}</style>");
        let _ = writeln!(
            out,
            "<rect class=\"t-page\" width=\"{width:.0}\" height=\"{height:.0}\"/>"
        );
    }
    for (site, place) in &layout.sites {
        frame(&mut out, site, place);
    }
    for link in &topology.links {
        if let Some(route) = layout.routes.get(&link.id) {
            line(&mut out, link, route);
        }
    }
    for (name, at) in &layout.positions {
        if let Some(node) = topology.nodes.get(name) {
            boxed(&mut out, name, node, *at, marks.get(name));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Returns the style sheet that [`draw`]'s classes need.
#[must_use]
pub fn style() -> &'static str {
    STYLE
}

fn frame(out: &mut String, site: &str, place: &Place) {
    let Point { x, y } = place.corner;
    let _ = writeln!(
        out,
        "<rect class=\"t-site\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"12\"/>\
         <text class=\"t-site-name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        place.width,
        place.height,
        x + 12.0,
        y + 17.0,
        entity(site)
    );
}

fn line(out: &mut String, link: &Link, route: &Route) {
    let path = route.path();
    let risk = link
        .labels
        .get(labels::SRLG)
        .map(|group| format!(", shared risk {group}"));
    let title = format!(
        "{} – {}, MTU {}{}",
        link.a,
        link.b,
        link.mtu,
        risk.unwrap_or_default()
    );
    let _ = writeln!(
        out,
        "<g class=\"t-link\"><title>{}</title><path class=\"t-touch\" d=\"{path}\"/><path class=\"t-wire\" d=\"{path}\"/></g>",
        entity(&title)
    );
}

fn boxed(out: &mut String, name: &NodeName, node: &Node, at: Point, mark: Option<&Mark>) {
    let (x, y) = (at.x - BOX_WIDTH / 2.0, at.y - BOX_HEIGHT / 2.0);
    // Routers are round, switches square, hosts in between, as on a whiteboard.
    let (shape, radius) = match node.nos() {
        "frr" => ("router", BOX_HEIGHT / 2.0),
        nos if nos.contains("switch") => ("switch", 3.0),
        _ => ("host", 10.0),
    };
    let (class, remark) = mark.map_or((String::new(), String::new()), |mark| {
        (format!(" t-{}", mark.class), format!("\n{}", mark.note))
    });
    let title = format!("{name}: {} ({}){remark}", node.role(), node.nos());
    let role = shortened(node.role(), 17);
    let lift = if role.is_empty() { 4.5 } else { -2.0 };
    let _ = writeln!(
        out,
        "<g class=\"t-node t-{shape}{class}\"><title>{}</title>\
         <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"{radius}\"/>\
         <text class=\"t-name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
         <text class=\"t-role\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
        entity(&title),
        at.x,
        at.y + lift,
        entity(&shortened(name.as_str(), 15)),
        at.x,
        at.y + 13.0,
        entity(&role)
    );
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most - 1).collect();
    format!("{head}…")
}
