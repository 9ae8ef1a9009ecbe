//! The table of designs against faults.

use indexmap::{IndexMap, IndexSet};

use crate::record::{ExperimentResult, Verdict};

use super::Report;
use super::facts::RunFacts;
use super::wording;

/// Rows are faults, columns are designs, both in order of appearance.
pub(super) struct Matrix<'a> {
    pub(super) designs: IndexSet<&'a str>,
    pub(super) rows: IndexMap<&'a str, IndexMap<&'a str, Cell<'a>>>,
}

/// What happened to a design under a fault.
pub(super) enum Cell<'a> {
    Judged(&'a ExperimentResult),
    /// The fault does not exist in this design, and why.
    NotApplicable(&'a str),
}

impl<'a> Matrix<'a> {
    pub(super) fn new(report: &Report<'a>, facts: &RunFacts<'a>) -> Self {
        let mut matrix = Self {
            designs: IndexSet::new(),
            rows: IndexMap::new(),
        };
        for result in report.results {
            matrix.set(&result.row, &result.design, Cell::Judged(result));
        }
        for (design, row, reason) in &facts.not_applicable {
            matrix.set(row, design, Cell::NotApplicable(reason));
        }
        matrix
    }

    fn set(&mut self, row: &'a str, design: &'a str, cell: Cell<'a>) {
        self.designs.insert(design);
        let cells = self.rows.entry(row).or_default();
        // Two experiments may share a cell, e.g. repetitions: the worse one is shown.
        match (cells.get(design), &cell) {
            (Some(Cell::Judged(old)), Cell::Judged(new)) if old.verdict >= new.verdict => {}
            _ => {
                cells.insert(design, cell);
            }
        }
    }
}

impl Cell<'_> {
    /// `22/24 pairs`.
    pub(super) fn kept(&self) -> String {
        match self {
            Self::Judged(result) if result.pairs > 0 => format!("{}/{} pairs", result.kept, result.pairs),
            _ => "–".to_owned(),
        }
    }

    pub(super) fn outage(&self) -> String {
        match self {
            Self::Judged(result) if result.pairs > 0 => match &result.longest_outage {
                Some(measure) => wording::measure(measure),
                None => "none".to_owned(),
            },
            _ => "–".to_owned(),
        }
    }

    pub(super) fn verdict(&self) -> &'static str {
        match self {
            Self::Judged(result) => wording::verdict(result.verdict, result.expected_finding),
            Self::NotApplicable(_) => "n/a",
        }
    }

    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Judged(result) if result.verdict == Verdict::Pass && result.expected_finding => "finding",
            Self::Judged(result) => wording::class(result.verdict),
            Self::NotApplicable(_) => "none",
        }
    }
}
