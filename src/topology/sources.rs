//! The files that make up a topology's text: the file itself, its variables, and the templates beside it.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::base::{Diagnostics, Document};

use super::environment::position_of;
use super::error::TopologyError;
use super::load::LoadOptions;
use super::template::{LONGEST, Mistake, Value, merge, variables};

/// A file that was read, with its name as a template.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) text: String,
}

/// All of them. The first source is the topology.
pub(super) struct Sources {
    pub(super) files: Vec<Source>,
    pub(super) data: Value,
}

impl Sources {
    /// A text without files beside it.
    pub(super) fn only(path: &Path, text: &str) -> Self {
        Self {
            files: vec![source(path, text.to_owned())],
            data: Value::Missing,
        }
    }

    /// Reads a topology file, the only one of a folder, or standard input (`-`), and what belongs to it.
    pub(super) fn read(path: &Path, options: &LoadOptions) -> Result<Self, TopologyError> {
        refuse_remote(path)?;
        if path.as_os_str() == "-" {
            let text = bounded(std::io::stdin().lock(), path)?;
            let mut sources = Self::only(path, &text);
            sources.data = read_variables(&options.variables)?;
            return Ok(sources);
        }
        let path = if path.is_dir() {
            only_topology(path)?
        } else {
            path.to_owned()
        };
        let mut sources = Self::only(&path, &text_of(&path)?);
        for template in beside(&path, "clab_templates", |name| name.ends_with(".gotmpl")) {
            let text = text_of(&template)?;
            sources.files.push(source(&template, text));
        }
        sources.data = if options.variables.is_empty() {
            let stem = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let prefix = format!("{stem}_vars.");
            let found = beside(&path, "", |name| {
                name.starts_with(&prefix) && [".yaml", ".yml", ".json"].iter().any(|ext| name.ends_with(ext))
            });
            read_variables(&found)?
        } else {
            read_variables(&options.variables)?
        };
        Ok(sources)
    }

    /// A mistake in a template as a problem of its file.
    pub(super) fn problem(&self, mistake: Mistake) -> Diagnostics {
        let source = &self.files[mistake.at.file];
        let mut problems = Diagnostics::new(&source.path, &source.text);
        problems.push(
            position_of(&source.text, mistake.at.offset),
            mistake.message,
            mistake.hint,
        );
        problems
    }
}

fn source(path: &Path, text: String) -> Source {
    Source {
        path: path.to_owned(),
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        text,
    }
}

/// URLs and repositories, which containerlab would fetch.
fn refuse_remote(path: &Path) -> Result<(), TopologyError> {
    const PREFIXES: [&str; 8] = [
        "http://",
        "https://",
        "s3://",
        "git@",
        "ssh://",
        "github.com/",
        "gitlab.com/",
        "www.",
    ];
    let what = path.to_string_lossy().into_owned();
    let repository = || {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let known = ["yaml", "yml", "gotmpl"]
            .iter()
            .any(|ext| path.extension().is_some_and(|e| e == *ext));
        let parts: Vec<_> = what.split('/').collect();
        let named = parts
            .iter()
            .all(|part| !part.is_empty() && part.chars().all(allowed));
        parts.len() == 2 && named && !known && parts[0].starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let remote = PREFIXES.iter().any(|prefix| what.starts_with(prefix)) || repository();
    if remote && !path.exists() {
        return Err(TopologyError::Remote { what });
    }
    Ok(())
}

fn only_topology(folder: &Path) -> Result<PathBuf, TopologyError> {
    std::fs::read_dir(folder).map_err(|source| TopologyError::Read {
        path: folder.to_owned(),
        source,
    })?;
    let named = |name: &str| {
        let kind = name.rfind(".clab.y").map(|at| &name[at + 7..]);
        kind.is_some_and(|rest| rest.ends_with("ml"))
    };
    let found = beside(&folder.join("x"), "", named);
    if let [only] = found.as_slice() {
        return Ok(only.clone());
    }
    Err(TopologyError::Folder {
        path: folder.to_owned(),
        found,
    })
}

/// Files in the folder of `path`, or in one below it, in alphabetical order.
fn beside(path: &Path, below: &str, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("")).join(below);
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &folder
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(listed)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| wanted(&entry.file_name().to_string_lossy()))
        .map(|entry| folder.join(entry.file_name()))
        .collect();
    found.sort();
    found
}

fn read_variables(files: &[PathBuf]) -> Result<Value, TopologyError> {
    let mut merged = Value::Missing;
    for path in files.iter().filter(|path| !path.as_os_str().is_empty()) {
        let document = Document::parse(path, &text_of(path)?).map_err(TopologyError::Invalid)?;
        let next = variables(&document).map_err(TopologyError::Invalid)?;
        merged = merge(merged, next);
    }
    Ok(merged)
}

fn text_of(path: &Path) -> Result<String, TopologyError> {
    let file = std::fs::File::open(path).map_err(|source| TopologyError::Read {
        path: path.to_owned(),
        source,
    })?;
    bounded(file, path)
}

fn bounded(from: impl Read, path: &Path) -> Result<String, TopologyError> {
    let mut text = String::new();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let read = from.take(limit + 1).read_to_string(&mut text);
    if text.len() > LONGEST {
        return Err(TopologyError::Large {
            path: path.to_owned(),
            most: LONGEST >> 20,
        });
    }
    read.map(|_| text).map_err(|source| TopologyError::Read {
        path: path.to_owned(),
        source,
    })
}
