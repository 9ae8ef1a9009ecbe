//! The HTML report: one file that needs nothing else, to be mailed around and read on a phone.
//!
//! The page is a template; this folder computes everything it shows, so that the template only places it.

mod experiment;

use serde::Serialize;

use crate::record::{Capability, InputHash};
use crate::topology::graph;

use super::Report;
use super::facts::{self, Experiment, RunFacts};
use super::matrix::{Cell, Matrix};
use super::terminal::tally;
use super::wording;

use experiment::ExperimentView;

const TEMPLATE: &str = include_str!("../../../templates/report.html.tera");
const STYLE: &str = include_str!("../../../templates/report.css");

/// Renders a run as a page of its own.
#[must_use]
pub fn html(report: &Report<'_>) -> String {
    let facts = RunFacts::new(report);
    let experiments = facts::experiments(report);
    let page = Page::new(report, &facts, &experiments);
    let context = tera::Context::from_serialize(&page).expect("a page is plain data");
    let mut tera = tera::Tera::default();
    // The name's ending turns on escaping.
    tera.add_raw_template("report.html", TEMPLATE)
        .expect("the embedded template is parsed by tests");
    tera.render("report.html", &context)
        .expect("the template uses only fields that every page has")
}

#[derive(Serialize)]
struct Page<'p> {
    style: String,
    run: &'p str,
    verdict: &'static str,
    class: &'static str,
    tally: String,
    exit_code: u8,
    version: &'p str,
    seed: &'p str,
    wall_clock: &'p str,
    scales: String,
    designs: Vec<&'p str>,
    rows: Vec<RowView<'p>>,
    experiments: Vec<ExperimentView<'p>>,
    capabilities: &'p [Capability],
    inputs: &'p [InputHash],
    left_behind: &'p [&'p str],
    files: Vec<String>,
}

#[derive(Serialize)]
struct RowView<'p> {
    name: &'p str,
    cells: Vec<CellView>,
}

#[derive(Serialize, Default)]
struct CellView {
    class: &'static str,
    verdict: &'static str,
    kept: String,
    outage: String,
    reason: String,
    link: String,
}

impl<'p> Page<'p> {
    fn new(report: &Report<'p>, facts: &'p RunFacts<'p>, experiments: &'p [Experiment<'p>]) -> Self {
        let matrix = Matrix::new(report, facts);
        let verdict = wording::run_verdict(report.results);
        let mut scales: Vec<String> = experiments
            .iter()
            .map(|e| format!("{}×", e.clock.scale))
            .collect();
        scales.sort();
        scales.dedup();
        Self {
            style: format!("{STYLE}\n{}", graph::svg::style()),
            run: report.run.as_str(),
            verdict: match wording::class(verdict) {
                "good" => "passed",
                "warn" => "inconclusive",
                _ => "failed",
            },
            class: wording::class(verdict),
            tally: tally(report.results, facts.not_applicable.len()),
            exit_code: report.exit_code,
            version: facts.version,
            seed: &facts.seed,
            wall_clock: facts.wall_clock,
            scales: scales.join(", "),
            rows: rows(&matrix, experiments),
            designs: matrix.designs.into_iter().collect(),
            experiments: experiments.iter().map(ExperimentView::new).collect(),
            capabilities: facts.capabilities,
            inputs: facts.inputs,
            left_behind: &facts.left_behind,
            files: report
                .files
                .iter()
                .map(|file| file.display().to_string())
                .collect(),
        }
    }
}

fn rows<'p>(matrix: &Matrix<'p>, experiments: &[Experiment<'_>]) -> Vec<RowView<'p>> {
    let row = |(name, cells): (&&'p str, &indexmap::IndexMap<&str, Cell<'_>>)| RowView {
        name,
        cells: matrix
            .designs
            .iter()
            .map(|design| {
                cells
                    .get(design)
                    .map(|c| cell(c, experiments))
                    .unwrap_or_default()
            })
            .collect(),
    };
    matrix.rows.iter().map(row).collect()
}

fn cell(cell: &Cell<'_>, experiments: &[Experiment<'_>]) -> CellView {
    let told = |name| experiments.iter().any(|experiment| experiment.name == name);
    let (reason, link) = match cell {
        Cell::Judged(result) => (
            result.reason.clone().unwrap_or_default(),
            // An experiment that never began has no section to go to.
            if told(&result.experiment) {
                format!("#{}", anchor(result.experiment.as_str()))
            } else {
                String::new()
            },
        ),
        Cell::NotApplicable(reason) => ((*reason).to_owned(), String::new()),
    };
    let shows_traffic = matches!(cell, Cell::Judged(result) if result.pairs > 0);
    CellView {
        class: cell.class(),
        verdict: cell.verdict(),
        kept: if shows_traffic { cell.kept() } else { String::new() },
        outage: if shows_traffic {
            cell.outage()
        } else {
            String::new()
        },
        reason,
        link,
    }
}

/// A name as it may stand in an address.
fn anchor(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    format!("x-{}", name.chars().map(plain).collect::<String>())
}
