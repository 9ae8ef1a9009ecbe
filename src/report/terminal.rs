//! The report on a terminal: what failed first, then the table of designs against faults, then how to go on.

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell as TableCell, Color, ContentArrangement, Table, presets};
use owo_colors::{OwoColorize, Style};

use crate::record::{ExpectationResult, ExperimentResult, Verdict};

use super::Report;
use super::facts::{self, Experiment, RunFacts};
use super::incident;
use super::matrix::{Cell, Matrix};
use super::wording::{self, count};

/// Narrower than this, wrapping does more harm than overlong lines.
const NARROWEST: usize = 50;

/// Renders a run for a terminal of `width` columns.
#[must_use]
pub fn terminal(report: &Report<'_>, color: bool, width: usize) -> String {
    let facts = RunFacts::new(report);
    let mut page = Page {
        out: String::new(),
        color,
        width: width.max(NARROWEST),
    };
    let experiments = facts::experiments(report);
    let mut worst: Vec<&ExperimentResult> = report
        .results
        .iter()
        .filter(|result| result.verdict != Verdict::Pass)
        .collect();
    worst.sort_by_key(|result| std::cmp::Reverse(result.verdict));
    for result in worst {
        let view = experiments.iter().find(|e| *e.name == result.experiment);
        page.experiment(result, view);
    }
    page.matrix(&Matrix::new(report, &facts));
    for experiment in &experiments {
        page.incident(experiment);
    }
    page.footer(report, &facts, &experiments);
    page.out
}

struct Page {
    out: String,
    color: bool,
    width: usize,
}

impl Page {
    fn paint(&self, text: &str, style: Style) -> String {
        if self.color {
            text.style(style).to_string()
        } else {
            text.to_owned()
        }
    }

    fn verdict(&self, verdict: Verdict) -> (String, Style) {
        let (mark, style) = match verdict {
            Verdict::Pass => ("✓", Style::new().green()),
            Verdict::Inconclusive => ("?", Style::new().yellow()),
            Verdict::Fail | Verdict::Error => ("✗", Style::new().red()),
        };
        let text = format!("{mark} {}", wording::verdict(verdict, false));
        (self.paint(&text, style.bold()), style)
    }

    fn experiment(&mut self, result: &ExperimentResult, view: Option<&Experiment<'_>>) {
        let (verdict, _) = self.verdict(result.verdict);
        let title = self.paint(&result.title, Style::new().bold());
        let _ = writeln!(self.out, "{verdict}  {}: {title}", result.design);
        if let Some(reason) = &result.reason {
            self.field("because", reason);
        }
        let mut open: Vec<&ExpectationResult> = result
            .expectations
            .iter()
            .filter(|expectation| expectation.verdict != Verdict::Pass)
            .collect();
        open.sort_by_key(|expectation| std::cmp::Reverse(expectation.verdict));
        for expectation in open {
            self.expectation(expectation, view);
        }
        self.out.push('\n');
    }

    fn expectation(&mut self, expectation: &ExpectationResult, view: Option<&Experiment<'_>>) {
        let (verdict, _) = self.verdict(expectation.verdict);
        let _ = writeln!(self.out, "\n  {verdict}  {}", expectation.name);
        self.field("expected", &expectation.expected);
        self.field("seen", &expectation.seen);
        let when = |at| view.map_or_else(|| format!("{at}"), |view| view.clock.both(at));
        if let Some(first) = expectation.evidence.first() {
            let until = first.until.map(|until| format!(" to {}", when(until)));
            self.field(
                "when",
                &format!("{}{}", when(first.at), until.unwrap_or_default()),
            );
        }
        for (index, evidence) in expectation.evidence.iter().take(3).enumerate() {
            let name = if index == 0 { "evidence" } else { "" };
            self.field(name, &format!("{}  {}", when(evidence.at), evidence.what));
        }
        if expectation.evidence.len() > 3 {
            self.field(
                "",
                &format!("and {} more in the report", expectation.evidence.len() - 3),
            );
        }
        if let Some(source) = &expectation.source {
            self.field("where", source);
        }
        if let Some(hint) = &expectation.hint {
            self.field("hint", hint);
        }
    }

    /// A named line, wrapped with its continuation below its beginning.
    fn field(&mut self, name: &str, text: &str) {
        const INDENT: usize = 16;
        let room = self.width.saturating_sub(INDENT);
        let label = self.paint(&format!("{name:<10}"), Style::new().dimmed());
        for (index, line) in wrapped(text, room).iter().enumerate() {
            if index == 0 {
                let _ = writeln!(self.out, "      {label}{line}");
            } else {
                let _ = writeln!(self.out, "{:INDENT$}{line}", "");
            }
        }
    }

    fn matrix(&mut self, matrix: &Matrix<'_>) {
        if matrix.rows.is_empty() {
            return;
        }
        let mut table = self.table();
        let mut header = vec![TableCell::new("fault").add_attribute(Attribute::Bold)];
        header.extend(
            matrix
                .designs
                .iter()
                .map(|design| TableCell::new(design).add_attribute(Attribute::Bold)),
        );
        table.set_header(header);
        for (row, cells) in &matrix.rows {
            let mut line = vec![TableCell::new(row)];
            line.extend(matrix.designs.iter().map(|design| match cells.get(design) {
                Some(cell) => TableCell::new(cell_text(cell)).fg(color_of(cell.class())),
                None => TableCell::new("–"),
            }));
            table.add_row(line);
        }
        self.show(&table);
    }

    fn incident(&mut self, experiment: &Experiment<'_>) {
        let rows = incident::rows(experiment);
        if rows.is_empty() {
            return;
        }
        let heading = format!("{}: the incident beside what was measured", experiment.design);
        let _ = writeln!(self.out, "{}", self.paint(&heading, Style::new().bold()));
        let mut table = self.table();
        table.set_header(["incident", "measured", "", "what"]);
        for row in rows {
            let measured = row.measured.clone().unwrap_or_else(|| "–".to_owned());
            table.add_row([row.at, measured, row.difference.unwrap_or_default(), row.what]);
        }
        self.show(&table);
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        if self.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    fn show(&mut self, table: &Table) {
        let _ = writeln!(self.out, "{}\n", table.trim_fmt());
    }

    fn footer(&mut self, report: &Report<'_>, facts: &RunFacts<'_>, experiments: &[Experiment<'_>]) {
        let verdict = wording::run_verdict(report.results);
        let (mark, _) = self.verdict(verdict);
        let tally = tally(report.results, facts.not_applicable.len());
        let _ = writeln!(self.out, "{mark}  {tally}");
        let mut scales: Vec<String> = experiments
            .iter()
            .filter(|e| (e.clock.scale - 1.0).abs() > 1e-9)
            .map(|e| format!("{}×", e.clock.scale))
            .collect();
        scales.dedup();
        if !scales.is_empty() {
            let text = format!(
                "timers run {} faster than real life; effective values are in the report",
                scales.join(", ")
            );
            self.field("scale", &text);
        }
        self.field("seed", &facts.seed);
        for what in &facts.left_behind {
            self.field("left over", what);
        }
        for file in report.files {
            self.field("file", &file.display().to_string());
        }
    }
}

fn cell_text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::NotApplicable(reason) => format!("n/a\n{reason}"),
        Cell::Judged(result) if result.pairs == 0 => cell.verdict().to_owned(),
        Cell::Judged(_) => format!(
            "{}\n{} kept\noutage {}",
            cell.verdict(),
            cell.kept(),
            cell.outage()
        ),
    }
}

fn color_of(class: &str) -> Color {
    match class {
        "good" => Color::Green,
        "finding" => Color::Cyan,
        "warn" => Color::Yellow,
        "bad" => Color::Red,
        _ => Color::Reset,
    }
}

/// `3 experiments: 1 failed, 2 passed`.
pub(super) fn tally(results: &[ExperimentResult], not_applicable: usize) -> String {
    let number = |verdict: Verdict| results.iter().filter(|result| result.verdict == verdict).count();
    let mut parts = Vec::new();
    for (verdict, name) in [
        (Verdict::Error, "could not be judged"),
        (Verdict::Fail, "failed"),
        (Verdict::Inconclusive, "inconclusive"),
        (Verdict::Pass, "passed"),
    ] {
        if number(verdict) > 0 {
            parts.push(format!("{} {name}", number(verdict)));
        }
    }
    if not_applicable > 0 {
        parts.push(format!("{not_applicable} not applicable"));
    }
    if parts.is_empty() {
        parts.push("nothing was judged".to_owned());
    }
    format!("{}: {}", count(results.len(), "experiment"), parts.join(", "))
}

fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let needed = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && needed > room {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}
