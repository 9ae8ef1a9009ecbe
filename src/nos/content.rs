//! The files of a node: what its binds hold, after templates took the place of some.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::plan::{Bind, NodeFile};
use super::{NosError, templates};
use crate::base::NodeName;
use crate::topology::{self, Node, Topology, labels};

/// A node's files: rendered ones as text, all others as binds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Files with known text.
    pub files: Vec<NodeFile>,
    /// Host paths to bind.
    pub binds: Vec<Bind>,
    /// Bind source of each rendered file, for writing it there.
    pub sources: BTreeMap<PathBuf, String>,
}

impl Content {
    /// Puts the rendered templates of a node (file name → text) in the place of its binds.
    pub fn of(
        topology: &Topology,
        name: &NodeName,
        node: &Node,
        rendered: &BTreeMap<String, String>,
    ) -> Result<Self, NosError> {
        let mut content = Self::default();
        for bind in &node.binds {
            let file = bind
                .source
                .file_name()
                .and_then(|file| file.to_str())
                .unwrap_or_default();
            match rendered.get(file) {
                Some(text) => {
                    content.files.push(file_of(&bind.target, text));
                    content.sources.insert(bind.source.clone(), text.clone());
                }
                None => content.binds.push(as_bind(bind)),
            }
        }
        let bound = |file: &str| node.binds.iter().any(|bind| bind.source.ends_with(file));
        match rendered.keys().find(|file| !bound(file)) {
            Some(file) => Err(NosError::Label {
                file: topology.file.display().to_string(),
                line: node.line,
                node: name.clone(),
                label: format!("{}{file}", labels::TEMPLATE),
                problem: format!(
                    "no bind of this node has a source named `{file}`; add e.g. `configs/{name}/{file}:/etc/…` to its binds"
                ),
            }),
            None => Ok(content),
        }
    }

    /// Returns the text that will stand at a path inside the node, when a file or bind puts one there.
    pub fn text_at(
        &self,
        topology: &Topology,
        name: &NodeName,
        node: &Node,
        path: &Path,
    ) -> Result<Option<String>, NosError> {
        if let Some(file) = self.files.iter().find(|file| file.path == path) {
            return Ok(Some(file.content.clone()));
        }
        for bind in &self.binds {
            let Ok(rest) = path.strip_prefix(&bind.target) else {
                continue;
            };
            // Joining an empty path would add a slash and make a file look like a directory.
            let source = if rest.as_os_str().is_empty() {
                bind.source.clone()
            } else {
                bind.source.join(rest)
            };
            if source.is_file() || rest.as_os_str().is_empty() {
                return templates::read(topology, name, node, &source).map(Some);
            }
        }
        Ok(None)
    }
}

/// Makes a file that everyone inside the node may read.
pub(super) fn file_of(path: &Path, text: &str) -> NodeFile {
    NodeFile {
        path: path.to_owned(),
        content: text.to_owned(),
        mode: 0o644,
        owner: None,
    }
}

fn as_bind(bind: &topology::Bind) -> Bind {
    Bind {
        source: bind.source.clone(),
        target: bind.target.clone(),
        read_only: bind.mode.split(',').any(|mode| mode == "ro"),
    }
}
