//! From a file or folder to a suite: reads all files, reports all their problems, groups experiments by lab.

use std::fs;
use std::path::{Path, PathBuf};

use super::ExperimentError;
use super::contract::contract;
use super::model::{Experiment, Isolation, LabGroup, Suite};
use super::parts::beside;
use super::reader::Reader;
use super::single::experiment;
use crate::base::{Diagnostics, Document};

/// The file of a folder that gives title and order.
const SUITE_FILE: &str = "suite.yaml";

pub(super) const SUITE_KEYS: [&str; 2] = ["suite", "order"];

/// Reads an experiment, a contract, or all `*.yaml` of a folder in order of their names.
///
/// A folder's `suite.yaml` may give a title and an order; files it does not list come after those it does.
///
/// # Errors
/// A file that cannot be read, or all problems of all files.
pub fn load(path: &Path) -> Result<Suite, ExperimentError> {
    let is_folder = metadata(path)?.is_dir();
    let mut suite = Suite {
        title: path.display().to_string(),
        ..Suite::default()
    };
    let mut invalid = Vec::new();
    let files = if is_folder {
        folder(path, &mut suite, &mut invalid)?
    } else {
        vec![path.to_owned()]
    };
    if files.is_empty() {
        return Err(ExperimentError::Empty {
            path: path.to_owned(),
        });
    }
    for file in files {
        let read = |source| ExperimentError::Read {
            path: file.clone(),
            source,
        };
        let text = fs::read_to_string(&file).map_err(read)?;
        let single = !is_folder;
        match parse(&file, &text) {
            Ok(found) => add(&mut suite, found, single)?,
            Err(problems) => invalid.push(problems),
        }
        suite.files.push(file);
    }
    if invalid.is_empty() {
        Ok(suite)
    } else {
        Err(ExperimentError::Invalid(invalid))
    }
}

fn metadata(path: &Path) -> Result<fs::Metadata, ExperimentError> {
    fs::metadata(path).map_err(|source| ExperimentError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Lists the files of a folder in the order they run.
fn folder(
    path: &Path,
    suite: &mut Suite,
    invalid: &mut Vec<Diagnostics>,
) -> Result<Vec<PathBuf>, ExperimentError> {
    let read = |source| ExperimentError::Read {
        path: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(read)? {
        let file = entry.map_err(read)?.path();
        if file.extension().is_some_and(|extension| extension == "yaml") && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    let order = path.join(SUITE_FILE);
    let Some(index) = files.iter().position(|file| *file == order) else {
        return Ok(files);
    };
    files.remove(index);
    let text = fs::read_to_string(&order).map_err(read)?;
    match parse_order(&order, &text, &files) {
        Ok((title, listed)) => {
            suite.title = title;
            files.retain(|file| !listed.contains(file));
            files.splice(0..0, listed);
        }
        Err(problems) => invalid.push(problems),
    }
    Ok(files)
}

fn parse_order(path: &Path, text: &str, files: &[PathBuf]) -> Result<(String, Vec<PathBuf>), Diagnostics> {
    let document = Document::parse(path, text)?;
    let mut reader = Reader::new(&document);
    let mut listed = Vec::new();
    let mut title = String::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    if let Some(fields) = reader.fields(&document.root, "a suite", &SUITE_KEYS) {
        title = reader.required(&fields, "suite");
        for node in fields.list("order") {
            let Some(name) = reader.scalar(node, "a file name") else {
                continue;
            };
            let file = beside(folder, &name);
            if files.contains(&file) {
                listed.push(file);
            } else {
                let names = files.iter().filter_map(|file| file.file_name()?.to_str());
                let names: Vec<_> = names.collect();
                let message = format!("there is no `{name}` in this folder");
                reader.problem(node.position, message, format!("files: {}", names.join(", ")));
            }
        }
    }
    reader.problems.into_result((title, listed))
}

/// What one file holds.
#[derive(Debug)]
pub(super) struct Found {
    title: String,
    pub(super) experiments: Vec<Experiment>,
    pub(super) not_applicable: Vec<super::NotApplicable>,
}

/// Decodes one file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Found, Diagnostics> {
    let document = Document::parse(path, text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut reader = Reader::new(&document);
    let found = if document.root.get("experiment").is_some() {
        experiment(&mut reader, &document, folder).map(|experiment| Found {
            title: experiment.title.clone(),
            experiments: vec![experiment],
            not_applicable: Vec::new(),
        })
    } else if document.root.get("contract").is_some() {
        contract(&mut reader, &document, folder).map(|expanded| Found {
            title: expanded.title,
            experiments: expanded.experiments,
            not_applicable: expanded.not_applicable,
        })
    } else {
        let message = "this is neither an experiment nor a contract";
        let hint = "begin with `experiment: NAME` or `contract: NAME`";
        reader.problem(document.root.position, message, hint);
        None
    };
    match (found, reader.problems.is_empty()) {
        (Some(found), true) => Ok(found),
        _ => Err(reader.problems),
    }
}

fn add(suite: &mut Suite, found: Found, single: bool) -> Result<(), ExperimentError> {
    if single {
        suite.title = found.title;
    }
    suite.not_applicable.extend(found.not_applicable);
    for experiment in found.experiments {
        let known = suite.experiments().find(|known| known.name == experiment.name);
        if let Some(known) = known {
            return Err(ExperimentError::Twice {
                name: experiment.name.to_string(),
                first: known.file.clone(),
                second: experiment.file,
            });
        }
        place(suite, experiment);
    }
    Ok(())
}

/// Puts an experiment to the others of its lab.
fn place(suite: &mut Suite, experiment: Experiment) {
    let serves = |lab: &LabGroup| {
        lab.topology == experiment.topology
            && lab.scale.total_cmp(&experiment.scale).is_eq()
            && lab.seed == experiment.seed
            && lab
                .experiments
                .iter()
                .all(|other| other.isolation == Isolation::Shared)
    };
    let shared = experiment.isolation == Isolation::Shared;
    match suite.labs.iter_mut().find(|lab| shared && serves(lab)) {
        Some(lab) => lab.experiments.push(experiment),
        None => suite.labs.push(LabGroup {
            design: experiment.design.clone(),
            topology: experiment.topology.clone(),
            scale: experiment.scale,
            seed: experiment.seed,
            experiments: vec![experiment],
        }),
    }
}
