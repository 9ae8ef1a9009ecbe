//! How links run: from edge to edge of boxes, through the gaps of the rows between them, below a row's own boxes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::topology::model::{LinkId, Topology};

use super::layout::{BOX_HEIGHT, BOX_WIDTH, Point};

/// Distance between links that run in parallel.
const APART: f64 = 9.0;
/// Room left between a link and a box it passes.
const AIR: f64 = 12.0;
/// How far a link between distant boxes of one row sags; half the space between rows.
const SAG: f64 = 46.0;
/// Radius of a bend.
const BEND: f64 = 16.0;

/// The way of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Corners of the way; the first and the last lie on the edges of the two boxes.
    pub points: Vec<Point>,
    /// Whether it hangs below its row in one arc instead.
    pub arc: bool,
}

impl Route {
    /// Returns its lowest place.
    pub(super) fn bottom(&self) -> f64 {
        let lowest = self.points.iter().map(|point| point.y).fold(0.0, f64::max);
        if self.arc { lowest + SAG } else { lowest }
    }

    /// Returns the way as SVG path data.
    #[must_use]
    pub fn path(&self) -> String {
        let [first, inner @ .., last] = self.points.as_slice() else {
            return String::new();
        };
        let mut path = format!("M{:.1} {:.1}", first.x, first.y);
        if self.arc {
            let below = first.y + SAG / 0.75;
            let _ = write!(
                path,
                "C{:.1} {below:.1} {:.1} {below:.1} {:.1} {:.1}",
                first.x, last.x, last.x, last.y
            );
            return path;
        }
        let mut before = *first;
        for (corner, after) in inner.iter().zip(&self.points[2..]) {
            let (enter, leave) = (toward(*corner, before), toward(*corner, *after));
            let _ = write!(
                path,
                "L{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}",
                enter.x, enter.y, corner.x, corner.y, leave.x, leave.y
            );
            before = *corner;
        }
        let _ = write!(path, "L{:.1} {:.1}", last.x, last.y);
        path
    }
}

/// Returns the point on the way from `corner` to `other` where its bend begins.
fn toward(corner: Point, other: Point) -> Point {
    let length = (other.x - corner.x).hypot(other.y - corner.y).max(1.0);
    let share = (BEND / length).min(0.5);
    Point {
        x: corner.x + (other.x - corner.x) * share,
        y: corner.y + (other.y - corner.y) * share,
    }
}

/// Returns the way of every link.
pub(super) fn all(
    topology: &Topology,
    index: &BTreeMap<&str, usize>,
    positions: &[Point],
) -> IndexMap<LinkId, Route> {
    let mut siblings: BTreeMap<(usize, usize), Vec<&LinkId>> = BTreeMap::new();
    let mut ends = Vec::new();
    for link in &topology.links {
        let found = (index.get(link.a.node.as_str()), index.get(link.b.node.as_str()));
        if let (Some(&a), Some(&b)) = found {
            siblings.entry((a.min(b), a.max(b))).or_default().push(&link.id);
            ends.push((&link.id, a, b));
        }
    }
    let mut routes = IndexMap::new();
    for (id, a, b) in ends {
        let group = &siblings[&(a.min(b), a.max(b))];
        let place = group.iter().position(|other| *other == id).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a handful of parallel links")]
        let aside = (place as f64 - (group.len() as f64 - 1.0) / 2.0) * APART;
        routes.insert(id.clone(), route(positions, positions[a], positions[b], aside));
    }
    routes
}

fn route(positions: &[Point], a: Point, b: Point, aside: f64) -> Route {
    if (a.y - b.y).abs() < 1.0 {
        return along_row(positions, a, b, aside);
    }
    let (high, low) = if a.y < b.y { (a, b) } else { (b, a) };
    // Leaving toward the other end fans links out over the edge of their box.
    let lean = |from: f64, to: f64| ((to - from) * 0.12).clamp(-42.0, 42.0) + aside;
    let start = Point {
        x: high.x + lean(high.x, low.x),
        y: high.y + BOX_HEIGHT / 2.0,
    };
    let end = Point {
        x: low.x + lean(low.x, high.x),
        y: low.y - BOX_HEIGHT / 2.0,
    };
    let mut rows: Vec<f64> = positions
        .iter()
        .map(|point| point.y)
        .filter(|y| *y > high.y + 1.0 && *y < low.y - 1.0)
        .collect();
    rows.sort_by(f64::total_cmp);
    rows.dedup();
    let mut points = vec![start];
    for y in rows {
        let from = points[points.len() - 1];
        let at = |y: f64| from.x + (end.x - from.x) * (y - from.y) / (end.y - from.y);
        let (top, bottom) = (y - BOX_HEIGHT / 2.0 - 4.0, y + BOX_HEIGHT / 2.0 + 4.0);
        let boxes: Vec<f64> = positions
            .iter()
            .filter(|p| (p.y - y).abs() < 1.0)
            .map(|p| p.x)
            .collect();
        let blocked = |x: f64| {
            boxes
                .iter()
                .any(|centre| (x - centre).abs() < BOX_WIDTH / 2.0 + AIR - 1.0)
        };
        if blocked(at(top)) || blocked(at(y)) || blocked(at(bottom)) {
            let x = gap(&boxes, at(y), &blocked) + aside / 2.0;
            points.extend([Point { x, y: top }, Point { x, y: bottom }]);
        }
    }
    points.push(end);
    Route { points, arc: false }
}

/// The free place in a row nearest to `wanted`: beside one of its boxes.
fn gap(boxes: &[f64], wanted: f64, blocked: &dyn Fn(f64) -> bool) -> f64 {
    let beside = BOX_WIDTH / 2.0 + AIR;
    boxes
        .iter()
        .flat_map(|centre| [centre - beside, centre + beside])
        .filter(|x| !blocked(*x))
        .min_by(|x, y| (x - wanted).abs().total_cmp(&(y - wanted).abs()))
        .unwrap_or(wanted)
}

fn along_row(positions: &[Point], a: Point, b: Point, aside: f64) -> Route {
    let (left, right) = if a.x < b.x { (a, b) } else { (b, a) };
    let between = |p: &Point| (p.y - a.y).abs() < 1.0 && p.x > left.x + 1.0 && p.x < right.x - 1.0;
    if positions.iter().any(between) {
        let y = left.y + BOX_HEIGHT / 2.0;
        let start = Point {
            x: left.x + BOX_WIDTH * 0.28 + aside,
            y,
        };
        let end = Point {
            x: right.x - BOX_WIDTH * 0.28 + aside,
            y,
        };
        return Route {
            points: vec![start, end],
            arc: true,
        };
    }
    let y = left.y + aside;
    let start = Point {
        x: left.x + BOX_WIDTH / 2.0,
        y,
    };
    let end = Point {
        x: right.x - BOX_WIDTH / 2.0,
        y,
    };
    Route {
        points: vec![start, end],
        arc: false,
    }
}
