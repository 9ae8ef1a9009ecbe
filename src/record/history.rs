//! Writing and reading histories.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Entry, Event, RecordError, SCHEMA_VERSION};
use crate::base::{ExperimentName, MonoTime};

/// Appends entries to a history; cheap to clone, safe to share between threads.
///
/// Each entry is flushed to the kernel, so that a killed run leaves a history that ends at its last event.
#[derive(Clone, Debug)]
pub struct HistoryWriter {
    inner: Arc<Inner>,
    experiment: Option<ExperimentName>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: BufWriter<File>,
    entries: Option<Vec<Entry>>,
    failed: Option<std::io::Error>,
}

impl HistoryWriter {
    /// Creates a history file; entries are also kept in memory for judgement when `keep` is set.
    pub fn create(path: &Path, keep: bool) -> Result<Self, RecordError> {
        let file = open_alone(path).map_err(|source| RecordError::Open {
            path: path.to_owned(),
            source,
        })?;
        let state = State {
            file: BufWriter::new(file),
            entries: keep.then(Vec::new),
            failed: None,
        };
        let inner = Inner {
            path: path.to_owned(),
            state: Mutex::new(state),
        };
        Ok(Self {
            inner: Arc::new(inner),
            experiment: None,
        })
    }

    /// Returns a writer whose entries belong to an experiment.
    #[must_use]
    pub fn for_experiment(&self, experiment: ExperimentName) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            experiment: Some(experiment),
        }
    }

    /// Appends an event that happens now.
    pub fn write(&self, event: Event) {
        self.write_at(MonoTime::now(), event);
    }

    /// Appends an event that happened at `at`.
    ///
    /// A write error is kept and returned by [`Self::finish`] and [`Self::check`]: probes cannot act on it.
    pub fn write_at(&self, at: MonoTime, event: Event) {
        let entry = Entry {
            at,
            experiment: self.experiment.clone(),
            event,
        };
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = serde_json::to_writer(&mut state.file, &entry)
            .map_err(std::io::Error::from)
            .and_then(|()| state.file.write_all(b"\n"))
            .and_then(|()| state.file.flush());
        if let Err(error) = written {
            state.failed.get_or_insert(error);
        }
        if let Some(entries) = &mut state.entries {
            entries.push(entry);
        }
    }

    /// Returns the first write error, if there was one.
    pub fn check(&self) -> Result<(), RecordError> {
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Told again each time: a history that lacks an entry never becomes whole.
        let failed = state.failed.as_ref().map(again);
        match failed {
            Some(source) => Err(RecordError::Write {
                path: self.inner.path.clone(),
                source,
            }),
            None => Ok(()),
        }
    }

    /// Returns the history so far. Empty unless entries are kept.
    #[must_use]
    pub fn snapshot(&self) -> History {
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        History::from_entries(state.entries.clone().unwrap_or_default())
    }

    /// Syncs the file to disk.
    pub fn finish(&self) -> Result<(), RecordError> {
        self.check()?;
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .file
            .get_ref()
            .sync_all()
            .map_err(|source| RecordError::Write {
                path: self.inner.path.clone(),
                source,
            })
    }
}

/// The same error once more; `std::io::Error` cannot be cloned.
fn again(error: &std::io::Error) -> std::io::Error {
    match error.raw_os_error() {
        Some(number) => std::io::Error::from_raw_os_error(number),
        None => std::io::Error::new(error.kind(), error.to_string()),
    }
}

/// Opens and empties a file that no other run writes; the lock goes with the process.
fn open_alone(path: &Path) -> std::io::Result<File> {
    // Not emptied before it is known to be nobody else's.
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => {
            std::io::Error::new(std::io::ErrorKind::ResourceBusy, "another run is writing it")
        }
        std::fs::TryLockError::Error(error) => error,
    })?;
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// A run's entries in order of time.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: Vec<Entry>,
}

impl History {
    /// Sorts entries by time; entries of equal time keep their order.
    #[must_use]
    pub fn from_entries(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.at);
        Self { entries }
    }

    /// Reads a history file. A last line cut short by a crash is ignored.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let open = |source| RecordError::Open {
            path: path.to_owned(),
            source,
        };
        let reader = BufReader::new(File::open(path).map_err(open)?);
        let mut entries = Vec::new();
        let mut broken = None;
        for (index, line) in reader.lines().enumerate() {
            if let Some(error) = broken.take() {
                return Err(error);
            }
            match serde_json::from_str::<Entry>(&line.map_err(open)?) {
                Ok(entry) => entries.push(entry),
                Err(source) => {
                    broken = Some(RecordError::Line {
                        path: path.to_owned(),
                        line: index + 1,
                        source,
                    });
                }
            }
        }
        match entries.first().map(|entry| &entry.event) {
            Some(Event::RunStarted { schema, .. }) if *schema > SCHEMA_VERSION => Err(RecordError::Newer {
                path: path.to_owned(),
                found: *schema,
            }),
            Some(Event::RunStarted { .. }) => Ok(Self::from_entries(entries)),
            _ => Err(RecordError::Empty {
                path: path.to_owned(),
            }),
        }
    }

    /// Returns all entries in order of time.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the entries of one experiment, in order of time.
    pub fn of<'a>(&'a self, experiment: &'a ExperimentName) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.experiment.as_ref() == Some(experiment))
    }

    /// Returns the experiments in order of their start.
    #[must_use]
    pub fn experiments(&self) -> Vec<ExperimentName> {
        self.entries
            .iter()
            .filter(|entry| matches!(entry.event, Event::ExperimentStarted { .. }))
            .filter_map(|entry| entry.experiment.clone())
            .collect()
    }
}
