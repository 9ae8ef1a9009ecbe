//! What can go wrong with a topology file or a selector.

use std::path::PathBuf;

use crate::base::Diagnostics;

/// An error of reading a topology or of selecting from it.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The file could not be read.
    #[error("read topology {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A URL or a repository was given.
    #[error(
        "read topology {what}: faultlab reads topologies from this machine only; download or clone it, then name its file"
    )]
    Remote {
        /// What was given.
        what: String,
    },
    /// A file is larger than any topology.
    #[error("read {}: it is larger than {most} MiB, so it is no topology", path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// The limit.
        most: usize,
    },
    /// A folder was given that does not hold exactly one topology.
    #[error("find a topology in {}: expected exactly one *.clab.yaml or *.clab.yml, found {}", path.display(), list(found))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The files that would do.
        found: Vec<PathBuf>,
    },
    /// The file has mistakes: all of them, with their places.
    #[error("load topology {}", .0.path().display())]
    Invalid(#[source] Diagnostics),
    /// A selector is not written as selectors are.
    #[error("read selector `{text}`: {problem}")]
    Syntax {
        /// The selector.
        text: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A selector names something the topology does not have.
    #[error("select `{term}`: the topology has no {what} `{value}`{hint}")]
    NoMatch {
        /// The term.
        term: String,
        /// `node`, `role`, `site`, ….
        what: String,
        /// What was asked for.
        value: String,
        /// Known values and a suggestion, beginning with a space.
        hint: String,
    },
    /// Every term is known, yet together they select nothing.
    #[error("select `{text}`: no node is left when all its terms are applied")]
    Nothing {
        /// The selector.
        text: String,
    },
}

impl TopologyError {
    /// Returns the problems of the file, when that is what went wrong.
    #[must_use]
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        match self {
            Self::Invalid(problems) => Some(problems),
            _ => None,
        }
    }
}

fn list(found: &[PathBuf]) -> String {
    if found.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = found
        .iter()
        .map(|path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.join(", ")
}
