//! From a file to the checked graph: template → environment → strict YAML → all problems at once, or a [`Topology`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{Diagnostics, Document};

use super::error::TopologyError;
use super::model::Topology;
use super::prepared::Prepared;
use super::resolve;
use super::shape::Problems;
use super::sources::Sources;

/// How to read a topology.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Environment for `$VARIABLES` in the text, `~` in paths and `__IMPORT_ENVS`.
    pub environment: BTreeMap<String, String>,
    /// Whether files that the topology names must exist.
    pub check_files: bool,
    /// Name of the lab instead of the file's.
    pub name: Option<String>,
    /// Variables of the template, later files over earlier ones; when empty, those beside the topology file.
    pub variables: Vec<PathBuf>,
    /// Only these nodes, and links with both ends at them; all when empty.
    pub node_filter: Vec<String>,
}

/// Reads a topology file, the only `*.clab.yaml` of a folder, or standard input (`-`), with its variables and templates.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Topology, TopologyError> {
    finish(Sources::read(path, options)?, options)
}

/// Reads the text of a topology; `path` gives it a name and its relative paths a start.
///
/// Pure apart from looking whether files exist, and that only if asked for.
pub fn parse(path: &Path, text: &str, options: &LoadOptions) -> Result<Topology, TopologyError> {
    finish(Sources::only(path, text), options)
}

fn finish(sources: Sources, options: &LoadOptions) -> Result<Topology, TopologyError> {
    let path = sources.files[0].path.clone();
    let prepared = Prepared::new(sources, &options.environment).map_err(TopologyError::Invalid)?;
    let invalid = |found: &Diagnostics| TopologyError::Invalid(prepared.restore(found));
    let (document, diagnostics) = Document::parse_collecting(&path, &prepared.text);
    let Some(document) = document else {
        return Err(invalid(&diagnostics));
    };
    let mut problems = Problems::new(diagnostics);
    let mut topology = resolve::checked(&path, &document.root, options, &mut problems);
    for line in topology.nodes.values_mut().map(|node| &mut node.line) {
        *line = prepared.line(*line);
    }
    for line in topology.links.iter_mut().map(|link| &mut link.line) {
        *line = prepared.line(*line);
    }
    problems
        .into_list()
        .into_result(topology)
        .map_err(|found| invalid(&found))
}
