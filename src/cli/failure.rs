//! What a verb fails with: an exit code, a message with its causes, and the next move.

use std::error::Error;
use std::path::Path;

use super::exit::Exit;
use super::say::say;
use crate::base::{Diagnostics, ErrorChain};
use crate::engine::EngineError;
use crate::experiment::ExperimentError;
use crate::nos::NosError;
use crate::runtime::RuntimeError;
use crate::topology::TopologyError;

/// A failed verb.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    text: String,
    hint: Option<String>,
}

impl Failure {
    /// Wraps an error.
    pub fn new(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self {
            exit,
            text: problems(error).unwrap_or_else(|| ErrorChain::new(error).to_string()),
            hint: None,
        }
    }

    /// Makes a failure from text.
    pub fn text(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
            hint: None,
        }
    }

    /// Adds the next move.
    #[must_use]
    pub fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Prints the failure on standard error and returns its exit code.
    pub fn report(&self) -> Exit {
        say(format_args!("faultlab: {}", self.text));
        if let Some(hint) = &self.hint {
            say(format_args!("  hint: {hint}"));
        }
        self.exit
    }
}

/// A file with problems is told as the list of them and not as a chain of causes.
fn problems(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(this) = cause {
        if let Some(problems) = this.downcast_ref::<Diagnostics>() {
            return Some(format!("{error}\n\n{problems}"));
        }
        cause = this.source();
    }
    None
}

impl From<TopologyError> for Failure {
    fn from(error: TopologyError) -> Self {
        let hint = topology(&error);
        Self::new(Exit::InvalidInput, &error).hint(hint)
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        let hint = match &error {
            ExperimentError::Read { path, .. } => missing(path),
            ExperimentError::Empty { .. } | ExperimentError::Invalid(_) | ExperimentError::Twice { .. } => {
                None
            }
        };
        Self::new(Exit::InvalidInput, &error).hint(hint)
    }
}

impl From<NosError> for Failure {
    fn from(error: NosError) -> Self {
        Self::new(nos(&error), &error)
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let (exit, hint) = runtime(&error);
        Self::new(exit, &error).hint(hint)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let (exit, hint) = engine(&error);
        Self::new(exit, &error).hint(hint)
    }
}

fn nos(error: &NosError) -> Exit {
    match error {
        NosError::Program { .. } => Exit::Environment,
        NosError::Scale(_) => Exit::Usage,
        NosError::Query { .. }
        | NosError::Refused { .. }
        | NosError::Answer { .. }
        | NosError::Unreadable { .. }
        | NosError::Definition(_)
        | NosError::Netconf(_) => Exit::CouldNotRun,
        NosError::NotRunnable { .. }
        | NosError::Label { .. }
        | NosError::Template { .. }
        | NosError::Read { .. }
        | NosError::Variables { .. }
        | NosError::UnknownTimer { .. }
        | NosError::UnknownDefinition { .. } => Exit::InvalidInput,
    }
}

fn topology(error: &TopologyError) -> Option<String> {
    match error {
        TopologyError::Read { path, .. } => missing(path),
        TopologyError::Folder { .. }
        | TopologyError::Remote { .. }
        | TopologyError::Large { .. }
        | TopologyError::Invalid(_)
        | TopologyError::Syntax { .. }
        | TopologyError::NoMatch { .. }
        | TopologyError::Nothing { .. } => None,
    }
}

/// The next move when a file is not there: its neighbour of almost the same name, or what its folder holds.
pub fn missing(path: &Path) -> Option<String> {
    if path.exists() {
        return None;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Some(format!("there is no folder {} either", folder.display()));
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let written = path.file_name()?.to_string_lossy();
    let guess = crate::base::suggest::did_you_mean(&written, names.iter().map(String::as_str));
    Some(match guess {
        Some(guess) => format!("did you mean `{}`?", path.with_file_name(guess).display()),
        None => format!("folder {} has no file of that name", folder.display()),
    })
}

fn runtime(error: &RuntimeError) -> (Exit, Option<String>) {
    match error {
        RuntimeError::NoSuchLab { known, .. } if known.is_empty() => (
            Exit::InvalidInput,
            Some("no lab is up; `faultlab up FILE` brings one up".to_owned()),
        ),
        RuntimeError::NoSuchLab { name, known } => (
            Exit::InvalidInput,
            Some(known_hint(
                name.as_str(),
                known.iter().map(crate::base::LabName::as_str),
            )),
        ),
        RuntimeError::LabExists(name) => (
            Exit::CouldNotRun,
            Some(format!(
                "take it down with `faultlab down {name}`, or give another --name"
            )),
        ),
        RuntimeError::NoSuchNode { known, node, .. } => (
            Exit::InvalidInput,
            Some(known_hint(
                node.as_str(),
                known.iter().map(crate::base::NodeName::as_str),
            )),
        ),
        RuntimeError::NoSuchService { known, service, .. } => (
            Exit::InvalidInput,
            Some(known_hint(
                service.as_str(),
                known.iter().map(crate::base::ServiceName::as_str),
            )),
        ),
        RuntimeError::Environment { hint, .. } => (Exit::Environment, Some(hint.clone())),
        RuntimeError::System { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => (
            Exit::Environment,
            Some("`faultlab doctor` tells what this machine and user can do".to_owned()),
        ),
        RuntimeError::System { .. }
        | RuntimeError::NodeOff(_)
        | RuntimeError::Refused { .. }
        | RuntimeError::LabGone(_)
        | RuntimeError::Deadline { .. } => (Exit::CouldNotRun, None),
    }
}

fn engine(error: &EngineError) -> (Exit, Option<String>) {
    match error {
        EngineError::Topology(error) => (Exit::InvalidInput, topology(error)),
        EngineError::Nos(error) => (nos(error), None),
        EngineError::Selector { .. } | EngineError::NoAddress { .. } => (Exit::InvalidInput, None),
        EngineError::Fault(error) | EngineError::FaultAt { source: error, .. } => {
            (Exit::InvalidInput, error.hint())
        }
        EngineError::Runtime(error) => runtime(error),
        EngineError::Interrupted => (Exit::Interrupted, None),
        EngineError::Record(_) | EngineError::Output { .. } => (
            Exit::CouldNotRun,
            Some("choose another folder with --out".to_owned()),
        ),
        EngineError::BootFailed { .. } => (
            Exit::CouldNotRun,
            Some("nothing of the lab was kept; the lines above are the last that the node logged".to_owned()),
        ),
        EngineError::NotReady { .. } => (
            Exit::CouldNotRun,
            Some(
                "nothing of the lab was kept; the lines above are the last that these nodes logged; \
                 `faultlab up --timeout` gives slow nodes longer"
                    .to_owned(),
            ),
        ),
        EngineError::Wire(_)
        | EngineError::Probe(_)
        | EngineError::NotSteady { .. }
        | EngineError::Step { .. } => (Exit::CouldNotRun, None),
    }
}

fn known_hint<'a>(written: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match crate::base::suggest::did_you_mean(written, known.clone()) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
    }
}
