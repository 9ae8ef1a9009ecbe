//! The configuration database: active, candidate, rollbacks. One at a time; the server holds the lock.
//!
//! All clients share one candidate, as in the shared mode of the real box.

use std::path::Path;

use serde_json::{Value, json};

use super::super::SwitchError;
use super::super::config::{self, Candidate, Checked, SwitchConfig};
use super::log::Log;
use super::paths::Paths;
use super::protocol::Format;
use super::store::{self, Commit, KEPT, Store};
use crate::base::Diagnostic;

/// The configuration database.
#[derive(Debug)]
pub struct Session {
    paths: Paths,
    store: Store,
    active: Candidate,
    candidate: Candidate,
    config: SwitchConfig,
    revision: u64,
}

impl Session {
    /// Loads the committed configuration, or the factory's on a switch that never had one, and publishes it to the daemons.
    ///
    /// # Errors
    /// Also when that configuration has problems: a switch without configuration would only look alive.
    pub fn open(paths: Paths, log: &Log) -> Result<Self, SwitchError> {
        let store = Store::open(&paths.commits())?;
        let (file, commit) = if let Some(commit) = store.read(0)? {
            (store.file(0), commit)
        } else {
            let file = paths.factory();
            let text = std::fs::read_to_string(&file)
                .map_err(SwitchError::io(format!("read {}", file.display())))?;
            (file, new_commit(1, "root", "factory configuration", text))
        };
        let (active, checked) = config::load(&file, &commit.text).map_err(SwitchError::Config)?;
        if store.count() == 0 {
            let text = active.to_set();
            store.push(&Commit {
                text,
                ..commit.clone()
            })?;
        }
        log.set_host(&checked.config.host_name);
        let session = Self {
            paths,
            store,
            candidate: active.clone(),
            active,
            config: checked.config,
            revision: commit.revision,
        };
        session.publish(&session.config, session.revision)?;
        let text = format!(
            "UI_COMMIT_COMPLETED: revision {} loaded from {}",
            commit.revision,
            file.display()
        );
        log.line("mgd", &text);
        Ok(session)
    }

    /// The number of the active configuration.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The active configuration's host name.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.config.host_name
    }

    /// Applies lines to the candidate.
    pub fn edit(&mut self, lines: &[String], user: &str, log: &Log) -> Result<Value, SwitchError> {
        let text = lines.join("\n");
        let warnings = self
            .candidate
            .load_set(Path::new("edit"), &text)
            .map_err(SwitchError::Config)?;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            log.line("mgd", &format!("UI_CFG_AUDIT_SET: User '{user}' {line}"));
        }
        Ok(json!({"warnings": texts(&warnings)}))
    }

    /// Makes the candidate active.
    pub fn commit(&mut self, comment: &str, user: &str, log: &Log) -> Result<Value, SwitchError> {
        log.line(
            "mgd",
            &format!(
                "UI_COMMIT: User '{user}' requested 'commit' operation (comment: {})",
                or_none(comment)
            ),
        );
        let Checked { config, warnings } = match self.candidate.check() {
            Ok(checked) => checked,
            Err(diagnostics) => {
                let count = diagnostics.sorted().len();
                log.line(
                    "mgd",
                    &format!("UI_COMMIT_NOT_COMPLETED: {count} problem(s), nothing was changed"),
                );
                return Err(SwitchError::Config(diagnostics));
            }
        };
        let revision = self.revision + 1;
        self.store
            .push(&new_commit(revision, user, comment, self.candidate.to_set()))?;
        self.revision = revision;
        self.active = self.candidate.clone();
        self.config = config;
        log.set_host(&self.config.host_name);
        self.publish(&self.config, revision)?;
        log.line(
            "mgd",
            &format!("UI_COMMIT_COMPLETED: revision {revision} is active"),
        );
        Ok(json!({"revision": revision, "warnings": texts(&warnings)}))
    }

    /// Says what a commit would say, and changes nothing.
    pub fn check(&self) -> Result<Value, SwitchError> {
        let checked = self.candidate.check().map_err(SwitchError::Config)?;
        Ok(json!({"warnings": texts(&checked.warnings)}))
    }

    /// Loads an older configuration into the candidate.
    pub fn rollback(&mut self, number: u32, user: &str, log: &Log) -> Result<Value, SwitchError> {
        let commit = self.committed(number, "rollback")?;
        self.candidate = self.statements(number, &commit)?;
        log.line(
            "mgd",
            &format!("UI_LOAD_EVENT: User '{user}' is performing a 'rollback {number}'"),
        );
        Ok(json!({"loaded": commit.revision}))
    }

    /// What the candidate changes.
    pub fn compare(&self, number: u32) -> Result<Value, SwitchError> {
        let old = self.statements(number, &self.committed(number, "compare with rollback")?)?;
        Ok(json!({"text": self.candidate.compare(&old)}))
    }

    /// Forgets the candidate's changes.
    pub fn discard(&mut self) -> Value {
        self.candidate = self.active.clone();
        json!({})
    }

    /// A committed configuration.
    pub fn show(&self, format: Format, number: u32) -> Result<Value, SwitchError> {
        let commit = self.committed(number, "show rollback")?;
        let statements = self.statements(number, &commit)?;
        Ok(match format {
            Format::Set => json!({"revision": commit.revision, "text": statements.to_set()}),
            Format::Text => json!({"revision": commit.revision, "text": statements.to_curly()}),
            Format::Json => {
                let config = statements.check().map_err(SwitchError::Config)?.config;
                json!({"revision": commit.revision, "config": config})
            }
        })
    }

    /// All committed configurations, newest first.
    pub fn commits(&self) -> Result<Value, SwitchError> {
        let mut list = Vec::new();
        for number in 0..self.store.count() {
            if let Some(commit) = self.store.read(number)? {
                let Commit {
                    revision,
                    at,
                    user,
                    comment,
                    ..
                } = commit;
                list.push(
                    json!({"n": number, "revision": revision, "at": at, "user": user, "comment": comment}),
                );
            }
        }
        Ok(Value::Array(list))
    }

    fn committed(&self, number: u32, operation: &str) -> Result<Commit, SwitchError> {
        self.store.read(number)?.ok_or_else(|| SwitchError::Refused {
            operation: format!("{operation} {number}"),
            reason: match self.store.count() {
                0 | 1 => "there is only the active configuration, 0".to_owned(),
                count => format!("there are 0 to {} (at most {KEPT} are kept)", count - 1),
            },
        })
    }

    fn statements(&self, number: u32, commit: &Commit) -> Result<Candidate, SwitchError> {
        let mut candidate = Candidate::default();
        candidate
            .load_set(&self.store.file(number), &commit.text)
            .map_err(SwitchError::Config)?;
        Ok(candidate)
    }

    fn publish(&self, config: &SwitchConfig, revision: u64) -> Result<(), SwitchError> {
        let path = self.paths.active();
        let bytes = json!({"revision": revision, "config": config}).to_string();
        store::replace(&path, bytes.as_bytes()).map_err(SwitchError::io(format!("write {}", path.display())))
    }
}

fn new_commit(revision: u64, user: &str, comment: &str, text: String) -> Commit {
    Commit {
        revision,
        at: format!("{:.3}", jiff::Timestamp::now()),
        user: user.to_owned(),
        comment: comment.to_owned(),
        text,
    }
}

fn or_none(comment: &str) -> &str {
    if comment.is_empty() { "none" } else { comment }
}

fn texts(warnings: &[Diagnostic]) -> Vec<String> {
    warnings
        .iter()
        .map(|warning| match &warning.hint {
            Some(hint) => format!("{} ({hint})", warning.message),
            None => warning.message.clone(),
        })
        .collect()
}
