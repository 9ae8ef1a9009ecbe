//! What can go wrong with a history on disk.

use std::path::PathBuf;

/// An error of reading or writing a history.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be opened, created or read.
    #[error("access history {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Writing failed, e.g. because the disk is full.
    #[error("write history {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is not an entry.
    #[error("{}:{line}: not a history entry", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file was written by a newer faultlab.
    #[error("{}: history schema {found} is newer than {}", path.display(), super::SCHEMA_VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
    },
    /// The file holds no run.
    #[error("{}: no run starts in this history", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}
