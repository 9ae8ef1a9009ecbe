//! From a file to the checked graph: environment → strict YAML → all problems at once, or a [`Topology`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{Diagnostics, Document};

use super::environment;
use super::error::TopologyError;
use super::model::Topology;
use super::resolve;
use super::shape::Problems;

/// How to read a topology.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Environment for `$VARIABLES` in the text, `~` in paths and `__IMPORT_ENVS`.
    pub environment: BTreeMap<String, String>,
    /// Whether files that the topology names must exist.
    pub check_files: bool,
    /// Name of the lab instead of the file's.
    pub name: Option<String>,
    /// Only these nodes, and links with both ends at them; all when empty.
    pub node_filter: Vec<String>,
}

/// Reads a topology file, or the only `*.clab.yaml` of a folder.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Topology, TopologyError> {
    let path = if path.is_dir() {
        only_topology(path)?
    } else {
        path.to_owned()
    };
    let text = std::fs::read_to_string(&path).map_err(|source| TopologyError::Read {
        path: path.clone(),
        source,
    })?;
    parse(&path, &text, options)
}

fn only_topology(folder: &Path) -> Result<PathBuf, TopologyError> {
    let read = |source| TopologyError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".clab.yaml") || name.ends_with(".clab.yml") {
            found.push(path);
        }
    }
    found.sort();
    if let [only] = found.as_slice() {
        return Ok(only.clone());
    }
    Err(TopologyError::Folder {
        path: folder.to_owned(),
        found,
    })
}

/// Reads the text of a topology; `path` gives it a name and its relative paths a start.
///
/// Pure apart from looking whether files exist, and that only if asked for.
pub fn parse(path: &Path, text: &str, options: &LoadOptions) -> Result<Topology, TopologyError> {
    let expanded = prepare(path, text, options).map_err(TopologyError::Invalid)?;
    let (document, diagnostics) = Document::parse_collecting(path, &expanded);
    let Some(document) = document else {
        return Err(TopologyError::Invalid(diagnostics));
    };
    let mut problems = Problems::new(diagnostics);
    let topology = resolve::checked(path, &document.root, options, &mut problems);
    problems
        .into_list()
        .into_result(topology)
        .map_err(TopologyError::Invalid)
}

/// Refuses templates and expands the environment.
fn prepare(path: &Path, text: &str, options: &LoadOptions) -> Result<String, Diagnostics> {
    let mut diagnostics = Diagnostics::new(path, text);
    if let Some(offset) = text.find("{{") {
        let hint = "containerlab would run `{{` as a Go template, even in a comment; render the file first"
            .to_owned();
        let message = "Go templates (`{{`) come with a later version";
        diagnostics.push(environment::position_of(text, offset), message, Some(hint));
        return Err(diagnostics);
    }
    environment::expand(text, &options.environment).map_err(|bad| {
        let hint = "write `$$` for a dollar sign".to_owned();
        diagnostics.push(bad.position, bad.message, Some(hint));
        diagnostics
    })
}
