//! The files and the table of a run.

use std::io::IsTerminal;
use std::path::Path;

use super::args::Color;
use super::exit::Exit;
use super::failure::Failure;
use crate::base::RunId;
use crate::record::{ExperimentResult, History};
use crate::report::{self, Report};

/// Makes the failure of writing a file.
pub fn failed(path: &Path, source: std::io::Error) -> Failure {
    crate::engine::EngineError::Output {
        path: path.to_owned(),
        source,
    }
    .into()
}

/// Writes junit.xml, report.html and summary.json.
pub fn reports(
    history: &History,
    results: &[ExperimentResult],
    run: &RunId,
    exit: Exit,
    folder: &Path,
) -> Result<(), Failure> {
    let paths = files(folder);
    let report = Report {
        history,
        results,
        run,
        exit_code: exit as u8,
        files: &paths,
    };
    let summary = serde_json::to_string_pretty(&report::summary_json(&report)).unwrap_or_default() + "\n";
    let files = [
        ("junit.xml", report::junit(&report)),
        ("report.html", report::html(&report)),
        ("summary.json", summary),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|source| failed(&path, source))?;
    }
    Ok(())
}

/// Prints the table and where the files are, or the summary as JSON.
pub fn show(
    history: &History,
    results: &[ExperimentResult],
    run: &RunId,
    exit: Exit,
    folder: &Path,
    json: bool,
    color: Color,
) {
    let paths = files(folder);
    let report = Report {
        history,
        results,
        run,
        exit_code: exit as u8,
        files: &paths,
    };
    if json {
        super::verbs::print_json(&report::summary_json(&report));
        return;
    }
    let colored = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let width = terminal_width().unwrap_or(120);
    super::verbs::print(&report::terminal(&report, colored, width));
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    ["junit.xml", "report.html", "run.jsonl"]
        .iter()
        .map(|name| folder.join(name))
        .collect()
}

fn terminal_width() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok()?;
    columns.parse().ok().filter(|width| *width >= 60)
}
