//! Where nodes stand: sites side by side, rows by distance from the internet.
//!
//! Sites equally far from the internet form a tier; tiers stand below each other, nodes without a site between them.
//! So the frames of sites never overlap each other or a stranger.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::base::NodeName;
use crate::topology::model::{LinkId, Topology};

use super::routes::{self, Route};

/// Width of a node's box.
pub const BOX_WIDTH: f64 = 118.0;
/// Height of a node's box.
pub const BOX_HEIGHT: f64 = 46.0;

const SLOT: f64 = 158.0;
const ROW: f64 = 116.0;
const SITE_PADDING: f64 = 22.0;
const SITE_TITLE: f64 = 26.0;
const SITE_GAP: f64 = 36.0;
const MARGIN: f64 = 18.0;

/// Role from which distances are counted.
const INTERNET: &str = "internet";

/// A point of the drawing, in its own units; y grows downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Upper left corner.
    pub corner: Point,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// A finished drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Centre of each node, in file order.
    pub positions: IndexMap<NodeName, Point>,
    /// Frame of each site.
    pub sites: IndexMap<String, Place>,
    /// Way of each link.
    pub routes: IndexMap<LinkId, Route>,
    /// Width and height of the whole.
    pub size: (f64, f64),
}

/// Lays a topology out.
#[must_use]
pub fn layout(topology: &Topology) -> Layout {
    let graph = Graph::new(topology);
    let blocks = graph.blocks();
    let width = blocks.iter().map(Block::width).fold(SLOT, f64::max);
    let mut placed = Placement {
        graph: &graph,
        x: vec![0.0; graph.names.len()],
        y: vec![0.0; graph.names.len()],
        sites: IndexMap::new(),
    };
    let mut top = MARGIN;
    let mut rows: Vec<Row> = Vec::new();
    for block in &blocks {
        top = placed.block(block, width, top, &mut rows);
    }
    placed.untangle(&mut rows);
    let positions: Vec<Point> = placed
        .x
        .iter()
        .zip(&placed.y)
        .map(|(&x, &y)| Point { x, y })
        .collect();
    let routes = routes::all(topology, &graph.index, &positions);
    let boxes = positions.iter().map(|point| point.y + BOX_HEIGHT / 2.0);
    let frames = placed.sites.values().map(|place| place.corner.y + place.height);
    let bottom = boxes
        .chain(frames)
        .chain(routes.values().map(Route::bottom))
        .fold(0.0, f64::max);
    Layout {
        positions: graph
            .names
            .iter()
            .map(|name| (*name).clone())
            .zip(positions)
            .collect(),
        sites: placed.sites,
        routes,
        size: (width + 2.0 * MARGIN, bottom + MARGIN),
    }
}

/// The topology by numbers.
struct Graph<'a> {
    names: Vec<&'a NodeName>,
    index: BTreeMap<&'a str, usize>,
    sites: Vec<&'a str>,
    neighbours: Vec<Vec<usize>>,
    rank: Vec<usize>,
}

/// Nodes that stand together: the sites of a tier, or nodes without a site.
enum Block<'a> {
    Tier(Vec<(&'a str, Vec<Vec<usize>>)>),
    Free(Vec<usize>),
}

/// Nodes of one row that may change places with each other.
struct Row {
    nodes: Vec<usize>,
}

impl<'a> Graph<'a> {
    fn new(topology: &'a Topology) -> Self {
        let names: Vec<_> = topology.nodes.keys().collect();
        let index: BTreeMap<&str, usize> = names
            .iter()
            .enumerate()
            .map(|(i, name)| (name.as_str(), i))
            .collect();
        let mut neighbours = vec![Vec::new(); names.len()];
        for link in &topology.links {
            let ends = (index.get(link.a.node.as_str()), index.get(link.b.node.as_str()));
            if let (Some(&a), Some(&b)) = ends {
                neighbours[a].push(b);
                neighbours[b].push(a);
            }
        }
        let mut start: Vec<usize> = topology
            .nodes
            .values()
            .enumerate()
            .filter(|(_, node)| node.role() == INTERNET)
            .map(|(i, _)| i)
            .collect();
        if start.is_empty() && !names.is_empty() {
            start.push(0);
        }
        Self {
            rank: distances(&neighbours, start),
            sites: topology.nodes.values().map(super::Node::site).collect(),
            names,
            index,
            neighbours,
        }
    }

    fn blocks(&self) -> Vec<Block<'a>> {
        let mut first: IndexMap<&str, usize> = IndexMap::new();
        for (node, site) in self.sites.iter().enumerate().filter(|(_, site)| !site.is_empty()) {
            let rank = first.entry(site).or_insert(usize::MAX);
            *rank = (*rank).min(self.rank[node]);
        }
        let mut tiers: Vec<(usize, Vec<&'a str>)> = Vec::new();
        let mut by_rank: Vec<_> = first.into_iter().collect();
        by_rank.sort_by_key(|(_, rank)| *rank);
        for (site, rank) in by_rank {
            match tiers.last_mut() {
                Some((start, sites)) if rank == *start => sites.push(site),
                _ => tiers.push((rank, vec![site])),
            }
        }
        let mut blocks = Vec::new();
        let mut from = 0;
        for (start, mut sites) in tiers {
            self.free(from..start, &mut blocks);
            sites.sort_by_key(|site| self.sites.iter().position(|other| other == site));
            blocks.push(self.tier(&sites));
            from = start;
        }
        self.free(from..usize::MAX, &mut blocks);
        blocks
    }

    /// Adds the nodes without a site whose distance lies in `ranks`, one block a row.
    fn free(&self, ranks: std::ops::Range<usize>, blocks: &mut Vec<Block<'a>>) {
        let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (node, rank) in self.rank.iter().enumerate() {
            if self.sites[node].is_empty() && ranks.contains(rank) {
                rows.entry(*rank).or_default().push(node);
            }
        }
        for row in rows.into_values() {
            blocks.extend(chunks(&row, 9).into_iter().map(Block::Free));
        }
    }

    fn tier(&self, sites: &[&'a str]) -> Block<'a> {
        let most = match sites.len() {
            1 => 9,
            2 => 5,
            3 => 4,
            _ => 3,
        };
        let member = |node: &usize| sites.contains(&self.sites[*node]);
        let mut ranks: Vec<usize> = (0..self.names.len())
            .filter(member)
            .map(|n| self.rank[n])
            .collect();
        ranks.sort_unstable();
        ranks.dedup();
        let mut columns: Vec<(&str, Vec<Vec<usize>>)> =
            sites.iter().map(|site| (*site, Vec::new())).collect();
        for rank in ranks {
            let cells: Vec<Vec<Vec<usize>>> = sites
                .iter()
                .map(|site| {
                    let here = |n: &usize| self.sites[*n] == *site && self.rank[*n] == rank;
                    let cell: Vec<usize> = (0..self.names.len()).filter(here).collect();
                    chunks(&cell, most)
                })
                .collect();
            let depth = cells.iter().map(Vec::len).max().unwrap_or_default();
            for (column, mut cell) in columns.iter_mut().zip(cells) {
                cell.resize(depth, Vec::new());
                column.1.extend(cell);
            }
        }
        Block::Tier(columns)
    }
}

/// Distance of each node from the nearest of `start`; what cannot be reached comes last.
fn distances(neighbours: &[Vec<usize>], start: Vec<usize>) -> Vec<usize> {
    let mut rank = vec![usize::MAX; neighbours.len()];
    let mut now = start;
    let mut distance = 0;
    while !now.is_empty() {
        let mut next = Vec::new();
        for node in now {
            if rank[node] == usize::MAX {
                rank[node] = distance;
                next.extend(&neighbours[node]);
            }
        }
        now = next;
        distance += 1;
    }
    for unreached in rank.iter_mut().filter(|rank| **rank == usize::MAX) {
        *unreached = distance;
    }
    rank
}

/// Splits a row into as few rows of at most `most` as possible, evenly.
fn chunks(row: &[usize], most: usize) -> Vec<Vec<usize>> {
    if row.is_empty() {
        return Vec::new();
    }
    let count = row.len().div_ceil(most);
    row.chunks(row.len().div_ceil(count))
        .map(<[usize]>::to_vec)
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of boxes in a drawing")]
fn units(count: usize) -> f64 {
    count as f64
}

impl Block<'_> {
    fn width(&self) -> f64 {
        match self {
            Self::Free(nodes) => units(nodes.len()) * SLOT,
            Self::Tier(columns) => {
                let gaps = units(columns.len().saturating_sub(1)) * SITE_GAP;
                columns.iter().map(|(_, rows)| column_width(rows)).sum::<f64>() + gaps
            }
        }
    }
}

fn column_width(rows: &[Vec<usize>]) -> f64 {
    let most = rows.iter().map(Vec::len).max().unwrap_or_default();
    // Neighbours in a row may leave some room for their link.
    units(most.max(1)) * SLOT + 2.0 * SITE_PADDING
}

struct Placement<'a> {
    graph: &'a Graph<'a>,
    x: Vec<f64>,
    y: Vec<f64>,
    sites: IndexMap<String, Place>,
}

impl Placement<'_> {
    /// Places a block from `top` downwards and returns where the next one begins.
    fn block(&mut self, block: &Block<'_>, width: f64, top: f64, rows: &mut Vec<Row>) -> f64 {
        match block {
            Block::Free(nodes) => {
                let spacing = (width / units(nodes.len())).clamp(SLOT, 2.0 * SLOT);
                self.row(nodes, MARGIN + width / 2.0, spacing, top + BOX_HEIGHT / 2.0, rows);
                top + ROW
            }
            Block::Tier(columns) => {
                let depth = columns
                    .iter()
                    .map(|(_, rows)| rows.len())
                    .max()
                    .unwrap_or_default();
                let stretch = (width - block.width()) / units(columns.len()).max(1.0);
                let mut left = MARGIN;
                for (site, cells) in columns {
                    let wide = column_width(cells) + stretch;
                    self.site(site, cells, Point { x: left, y: top }, wide, rows);
                    left += wide + SITE_GAP;
                }
                top + units(depth) * ROW + SITE_TITLE + SITE_PADDING
            }
        }
    }

    fn site(&mut self, site: &str, cells: &[Vec<usize>], corner: Point, width: f64, rows: &mut Vec<Row>) {
        let used = |cell: &Vec<usize>| !cell.is_empty();
        let first = cells.iter().position(used).unwrap_or_default();
        let last = cells.iter().rposition(used).unwrap_or_default();
        let most = cells.iter().map(Vec::len).max().unwrap_or(1);
        let spacing = ((width - 2.0 * SITE_PADDING) / units(most.max(1))).clamp(SLOT, 1.5 * SLOT);
        for (index, cell) in cells.iter().enumerate() {
            let y = corner.y + SITE_TITLE + units(index) * ROW + BOX_HEIGHT / 2.0;
            self.row(cell, corner.x + width / 2.0, spacing, y, rows);
        }
        let frame = Place {
            corner: Point {
                x: corner.x,
                y: corner.y + units(first) * ROW,
            },
            width,
            height: units(last - first) * ROW + SITE_TITLE + BOX_HEIGHT + SITE_PADDING,
        };
        self.sites.insert(site.to_owned(), frame);
    }

    fn row(&mut self, nodes: &[usize], centre: f64, spacing: f64, y: f64, rows: &mut Vec<Row>) {
        let first = centre - spacing * (units(nodes.len()) - 1.0) / 2.0;
        for (index, &node) in nodes.iter().enumerate() {
            self.x[node] = first + spacing * units(index);
            self.y[node] = y;
        }
        if nodes.len() > 1 {
            rows.push(Row {
                nodes: nodes.to_vec(),
            });
        }
    }

    /// Lets nodes of a row change places so that each stands near its neighbours in other rows.
    fn untangle(&mut self, rows: &mut [Row]) {
        for sweep in 0..4 {
            let order: Vec<usize> = if sweep % 2 == 0 {
                (0..rows.len()).collect()
            } else {
                (0..rows.len()).rev().collect()
            };
            for index in order {
                let nodes = &mut rows[index].nodes;
                let mut slots: Vec<f64> = nodes.iter().map(|&node| self.x[node]).collect();
                slots.sort_by(f64::total_cmp);
                nodes.sort_by(|&a, &b| self.pull(a).total_cmp(&self.pull(b)).then(a.cmp(&b)));
                for (&node, slot) in nodes.iter().zip(slots) {
                    self.x[node] = slot;
                }
            }
        }
    }

    /// Mean place of a node's neighbours in other rows, rounded so that near ties keep file order.
    fn pull(&self, node: usize) -> f64 {
        let others: Vec<f64> = self.graph.neighbours[node]
            .iter()
            .filter(|&&other| (self.y[other] - self.y[node]).abs() > 1.0)
            .map(|&other| self.x[other])
            .collect();
        if others.is_empty() {
            return self.x[node];
        }
        (others.iter().sum::<f64>() / units(others.len())).round()
    }
}
