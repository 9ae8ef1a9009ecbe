//! Kinds of network operating systems as data: one file per NOS, embedded in the binary.
//!
//! Definitions say how daemons, state, configuration and machines are reached; [`mapping()`] turns a fault that means
//! something to a network engineer into steps for one NOS, or says why there are none. Nothing here does any I/O. What
//! nobody tried on the vendor's real image is marked so, and told when it is used.

mod definition;
mod mapping;
mod ports;
mod read;

use std::path::Path;

use super::NosError;
use crate::base::Diagnostics;
use crate::base::document::{Document, Value};
use crate::base::suggest::did_you_mean;

pub use definition::{
    Ask, Credentials, Daemon, Definition, Machine, Netconf, Operation, Question, Readiness, Recipe, Role,
    ServiceManager, StartLimit, Step, Steps, Vm,
};
pub use mapping::{Mapping, SemanticFault, Target, mapping};
pub use ports::{Form, Naming};

macro_rules! embedded {
    ($($nos:literal),* $(,)?) => {
        [$(($nos, include_str!(concat!($nos, ".yaml")))),*]
    };
}

const FILES: [(&str, &str); 12] = embedded![
    "frr",
    "mclag-switch",
    "linux",
    "sonic-vs",
    "crpd",
    "ceos",
    "srlinux",
    "vjunos-switch",
    "vjunos-router",
    "vjunos-evolved",
    "vmx",
    "vqfx",
];

/// All known kinds.
#[derive(Clone, Debug)]
pub struct Kinds {
    all: Vec<Definition>,
}

impl Kinds {
    /// Reads the embedded definitions.
    pub fn embedded() -> Result<Self, NosError> {
        let read = |(nos, text)| decode(Path::new(&format!("src/nos/kinds/{nos}.yaml")), text);
        let all: Result<_, _> = FILES.into_iter().map(read).collect();
        Ok(Self {
            all: all.map_err(NosError::Definition)?,
        })
    }

    /// Returns the definition of a NOS by its id or by a containerlab kind or alias that it serves.
    ///
    /// # Errors
    /// When there is none; the message guesses.
    pub fn get(&self, name: &str) -> Result<&Definition, NosError> {
        let named = |kind: &&Definition| kind.nos == name;
        let serves = |kind: &&Definition| kind.containerlab.iter().any(|alias| alias == name);
        self.all
            .iter()
            .find(named)
            .or_else(|| self.all.iter().find(serves))
            .ok_or_else(|| NosError::UnknownDefinition {
                name: name.to_owned(),
                known: self.all.iter().map(|kind| kind.nos.clone()).collect(),
            })
    }

    /// Returns all definitions.
    pub fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.all.iter()
    }
}

/// Reads a definition.
///
/// # Errors
/// What does not fit the types first; then everything that contradicts itself.
pub fn decode(path: &Path, text: &str) -> Result<Definition, Diagnostics> {
    let document = assemble(path, text)?;
    let definition: Definition = read::read(&document)?;
    let mut problems = document.diagnostics();
    for message in contradictions(&definition) {
        problems.push(document.root.position, message, None);
    }
    problems.into_result(definition)
}

/// Parses a definition and adds what it does not say itself from the one that it is `like`.
fn assemble(path: &Path, text: &str) -> Result<Document, Diagnostics> {
    let mut document = Document::parse(path, text)?;
    let Some(like) = document.root.get("like").cloned() else {
        return Ok(document);
    };
    let name = like.as_text().unwrap_or_default();
    let Some((_, text)) = FILES.iter().find(|(nos, _)| *nos == name) else {
        let mut problems = document.diagnostics();
        let hint = did_you_mean(name, FILES.iter().map(|(nos, _)| *nos))
            .map(|guess| format!("did you mean `{guess}`?"));
        problems.push(
            like.position,
            format!("there is no definition `{name}` to be like"),
            hint,
        );
        return Err(problems);
    };
    let base = assemble(Path::new(name), text)?;
    if let (Value::Mapping(own), Value::Mapping(other)) = (&mut document.root.value, base.root.value) {
        let own_keys: Vec<_> = own
            .iter()
            .map(|(key, _)| key.as_text().map(str::to_owned))
            .collect();
        own.retain(|(key, _)| key.as_text() != Some("like"));
        own.extend(
            other
                .into_iter()
                .filter(|(key, _)| !own_keys.contains(&key.as_text().map(str::to_owned))),
        );
    }
    Ok(document)
}

fn contradictions(kind: &Definition) -> Vec<String> {
    let mut found = Vec::new();
    if kind.tried != kind.untried.is_empty() {
        found.push("`untried` must list what was not tried exactly when `tried` is false".to_owned());
    }
    for operation in Operation::ALL {
        if !kind.operations.contains_key(&operation) {
            found.push(format!(
                "`operations` needs a recipe, or a reason, for {operation:?}"
            ));
        }
    }
    for role in Role::OF_FAULTS {
        let has = kind.daemons.iter().any(|daemon| daemon.roles.contains(&role));
        if has == kind.lacks.contains_key(&role) {
            found.push(format!(
                "either a daemon has the role {role:?} or `lacks` says why none has"
            ));
        }
    }
    if let Some(machine) = &kind.machine
        && machine.data_vm >= machine.vms.len()
    {
        found.push(format!("`data-vm` {} is no machine of `vms`", machine.data_vm));
    }
    found
}

#[cfg(test)]
mod tests;
