//! What can go wrong with experiment files.

use std::path::PathBuf;

use crate::base::Diagnostics;

/// An error of loading experiments.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// A file or folder cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder without experiments.
    #[error("find an experiment in {}: it has no .yaml file", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// Problems in files; all of them.
    #[error("read experiments:\n{}", all(.0))]
    Invalid(Vec<Diagnostics>),
    /// Two experiments have one name.
    #[error(
        "load experiments: `{name}` is the name of one in {} and of one in {}; give one of them another name",
        first.display(), second.display()
    )]
    Twice {
        /// The name.
        name: String,
        /// Where it was first.
        first: PathBuf,
        /// Where it was again.
        second: PathBuf,
    },
}

fn all(list: &[Diagnostics]) -> String {
    let texts: Vec<_> = list.iter().map(ToString::to_string).collect();
    texts.join("\n\n")
}
