//! A topology's text with its template run and its environment filled in, and the way back to the file it came from.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Diagnostics, Position};

use super::environment::{self, position_of};
use super::sources::Sources;
use super::template::{self, Piece};

/// Problems beyond this number are only counted; nobody reads them.
const MOST_PROBLEMS: usize = 200;

/// Text for the YAML reader.
pub(super) struct Prepared {
    /// The text.
    pub(super) text: String,
    rendered: String,
    template: Vec<Piece>,
    filled: Vec<Piece>,
    sources: Sources,
    /// Where the lines of the text begin, and those of the file.
    lines: Vec<usize>,
    main_lines: Vec<usize>,
}

impl Prepared {
    /// Runs the template, then fills in the environment.
    pub(super) fn new(sources: Sources, variables: &BTreeMap<String, String>) -> Result<Self, Diagnostics> {
        let files: Vec<(&str, &str)> = sources
            .files
            .iter()
            .map(|source| (source.name.as_str(), source.text.as_str()))
            .collect();
        let rendered = template::render(&files, &sources.data);
        let (rendered, template) = rendered.map_err(|mistake| sources.problem(mistake))?;
        let mut prepared = Self {
            text: String::new(),
            lines: Vec::new(),
            main_lines: line_starts(&sources.files[0].text),
            rendered,
            template,
            filled: Vec::new(),
            sources,
        };
        match environment::expand(&prepared.rendered, variables) {
            Ok((text, filled)) => {
                prepared.lines = line_starts(&text);
                prepared.text = text;
                prepared.filled = filled;
                Ok(prepared)
            }
            Err(bad) => {
                let main = &prepared.sources.files[0];
                let mut problems = Diagnostics::new(&main.path, &main.text);
                let hint = "write `$$` for a dollar sign".to_owned();
                let (offset, _) = back(&prepared.template, bad.offset);
                problems.push(
                    position_of(&main.text, offset.min(main.text.len())),
                    bad.message,
                    Some(hint),
                );
                Err(problems)
            }
        }
    }

    /// The line of the file that a line of the text comes from.
    pub(super) fn line(&self, line: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let indent = self.text[start..].chars().take_while(|c| *c == ' ').count();
        self.origin(start + indent).0.line
    }

    /// Place in the first file, and the place in a file beside it if the text stands there.
    fn origin(&self, offset: usize) -> (Position, Option<String>) {
        let (rendered, _) = back(&self.filled, offset);
        let (place, piece) = back(&self.template, rendered);
        let main = &self.sources.files[0].text;
        let elsewhere = piece.filter(|piece| piece.from.file > 0).map(|piece| {
            let source = &self.sources.files[piece.from.file];
            let within = if piece.verbatim { rendered - piece.at } else { 0 };
            let line = position_of(&source.text, (piece.from.offset + within).min(source.text.len())).line;
            format!("{}:{line}", source.path.display())
        });
        let place = floor(main, place);
        let line = self.main_lines.partition_point(|start| *start <= place).max(1);
        let start = self.main_lines.get(line - 1).copied().unwrap_or(0);
        let column = main[start..place].chars().count() + 1;
        (Position { line, column }, elsewhere)
    }

    /// Problems of the text as problems of the file: where they stand there, and what the line became.
    pub(super) fn restore(&self, found: &Diagnostics) -> Diagnostics {
        let main = &self.sources.files[0];
        let mut problems = Diagnostics::new(&main.path, &main.text);
        let mut seen = BTreeSet::new();
        let sorted = found.sorted();
        let originals: Vec<&str> = main.text.lines().collect();
        for problem in sorted.iter().take(MOST_PROBLEMS) {
            let Position { line, column } = problem.position;
            let start = self
                .lines
                .get(line.saturating_sub(1))
                .copied()
                .unwrap_or(self.text.len());
            let became = self.text[start..].lines().next().unwrap_or_default();
            let offset = became
                .char_indices()
                .nth(column.saturating_sub(1))
                .map_or(became.len(), |(at, _)| at);
            let (position, elsewhere) = self.origin(start + offset);
            // What the reader noticed behind the last line stays behind it.
            let position = if start + offset >= self.text.len() && self.text == main.text {
                problem.position
            } else {
                position
            };
            let original = originals.get(position.line - 1).copied().unwrap_or_default();
            let mut notes: Vec<String> = problem.hint.iter().cloned().collect();
            notes.extend(elsewhere.map(|place| format!("the text stands in {place}")));
            if original != became {
                let how = if self.rendered == main.text {
                    "with the environment filled in"
                } else {
                    "after the template"
                };
                notes.push(format!("{how}, line {line} is: {}", shortened(became.trim())));
            }
            if seen.insert((position, problem.message.clone())) {
                let hint = (!notes.is_empty()).then(|| notes.join("\n      = "));
                problems.push(position, problem.message.clone(), hint);
            }
        }
        if let Some(last) = sorted.get(MOST_PROBLEMS) {
            let message = format!("and {} more problems", sorted.len() - MOST_PROBLEMS);
            problems.push(
                self.origin(self.lines.get(last.position.line - 1).copied().unwrap_or(0))
                    .0,
                message,
                None,
            );
        }
        problems
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// Where a place of the output comes from, in the first input.
fn back(pieces: &[Piece], offset: usize) -> (usize, Option<&Piece>) {
    let index = pieces.partition_point(|piece| piece.at <= offset);
    let Some(piece) = index.checked_sub(1).and_then(|index| pieces.get(index)) else {
        return (0, None);
    };
    let within = if piece.verbatim && piece.from.file == 0 {
        offset - piece.at
    } else {
        0
    };
    (piece.outer + within, Some(piece))
}

fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
