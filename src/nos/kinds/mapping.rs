//! A fault as a network engineer means it → what to do on one NOS. Pure.

use serde::Serialize;

use super::definition::{Daemon, Definition, Netconf, Operation, Recipe, Role, Step, Steps};
use crate::base::InterfaceName;

/// A fault that every NOS has, whatever it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SemanticFault {
    /// A daemon dies.
    DaemonKill(Target),
    /// MAC learning stands still while LACP lives.
    MacFreeze,
    /// The multi-chassis peers no longer hear each other, while their link forwards.
    IccpSever,
    /// The daemon that speaks LACP dies.
    LacpKill,
    /// A port loses carrier while it is administratively up; named in the NOS's or the container's words.
    LinkDown(InterfaceName),
    /// A change of configuration is committed.
    ConfigCommit(String),
    /// The configuration of so many commits ago is committed.
    ConfigRollback(u32),
    /// The node starts again.
    Reboot,
}

/// Which daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one with this task.
    Role(Role),
    /// The one of this name.
    Name(String),
}

/// What becomes of a fault on one NOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mapping {
    /// These steps.
    Steps(Steps),
    /// Nothing, for this reason.
    Unsupported {
        /// Why, as a fragment.
        reason: String,
    },
}

/// Returns what to do on a NOS for a fault.
#[must_use]
pub fn mapping(kind: &Definition, fault: &SemanticFault) -> Mapping {
    match fault {
        SemanticFault::DaemonKill(target) => kill(kind, target),
        SemanticFault::LacpKill => kill(kind, &Target::Role(Role::Lacp)),
        SemanticFault::MacFreeze => recipe(kind, Operation::MacFreeze, &[]),
        SemanticFault::IccpSever => recipe(kind, Operation::IccpSever, &[]),
        SemanticFault::LinkDown(port) => link_down(kind, port),
        SemanticFault::ConfigCommit(change) => recipe(kind, Operation::Commit, &[("change", change)]),
        SemanticFault::ConfigRollback(number) => {
            recipe(kind, Operation::RollBack, &[("number", &number.to_string())])
        }
        SemanticFault::Reboot => recipe(kind, Operation::Reboot, &[]),
    }
}

fn unsupported(reason: impl Into<String>) -> Mapping {
    Mapping::Unsupported {
        reason: reason.into(),
    }
}

fn kill(kind: &Definition, target: &Target) -> Mapping {
    let is_meant = |daemon: &&Daemon| match target {
        Target::Role(role) => daemon.roles.contains(role),
        Target::Name(name) => daemon.name == *name,
    };
    let Some(daemon) = kind.daemons.iter().find(is_meant) else {
        return unsupported(match target {
            Target::Role(role) => kind
                .lacks
                .get(role)
                .map_or("no daemon has this task", String::as_str)
                .to_owned(),
            Target::Name(name) => {
                let known: Vec<_> = kind.daemons.iter().map(|daemon| daemon.name.as_str()).collect();
                format!(
                    "{} has no daemon `{name}`; it has {}",
                    kind.title,
                    known.join(", ")
                )
            }
        });
    };
    let unit = daemon.unit.as_deref().unwrap_or(&daemon.name);
    let values = [("daemon", daemon.name.as_str()), ("unit", unit)];
    let shared = daemon
        .roles
        .iter()
        .filter(|role| Role::OF_FAULTS.contains(role))
        .count()
        > 1;
    Mapping::Steps(Steps {
        inject: fill_all(&kind.services.kill, &values),
        undo: fill_all(&kind.services.start, &values),
        note: shared.then(|| format!("{} does several tasks, and all of them stop", daemon.name)),
    })
}

fn recipe(kind: &Definition, operation: Operation, values: &[(&str, &str)]) -> Mapping {
    match kind.operations.get(&operation) {
        Some(Recipe::By(steps)) => Mapping::Steps(Steps {
            inject: fill_all(&steps.inject, values),
            undo: fill_all(&steps.undo, values),
            note: steps.note.clone(),
        }),
        Some(Recipe::Unsupported(reason)) => unsupported(reason),
        None => unsupported("its definition does not say how"),
    }
}

/// vrnetlab joins a port and its cable by traffic redirection, which hands no carrier on: inside a machine the port stays
/// up until its network device is told.
fn link_down(kind: &Definition, port: &InterfaceName) -> Mapping {
    let Some(interface) = kind.interfaces.to_linux(port.as_str()) else {
        let examples = kind.interfaces.examples();
        return unsupported(format!(
            "{} has no port `{port}`; the first ones are {examples}",
            kind.title
        ));
    };
    let mut steps = Steps {
        inject: vec![Step::Carrier { up: false }],
        undo: vec![Step::Carrier { up: true }],
        note: None,
    };
    if let Some(machine) = &kind.machine {
        let Some(number) = interface.strip_prefix("eth").and_then(|n| n.parse::<u32>().ok()) else {
            return unsupported(format!("`{interface}` has no network device in its machine"));
        };
        let netdev = machine.netdev.replace("{n}", &format!("{number:02}"));
        steps.inject.push(Step::Monitor(format!("set_link {netdev} off")));
        steps
            .undo
            .insert(0, Step::Monitor(format!("set_link {netdev} on")));
    }
    Mapping::Steps(steps)
}

fn fill_all(steps: &[Step], values: &[(&str, &str)]) -> Vec<Step> {
    steps.iter().map(|step| fill(step, values)).collect()
}

fn fill(step: &Step, values: &[(&str, &str)]) -> Step {
    let text = |text: &String| {
        values.iter().fold(text.clone(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    };
    match step {
        Step::Signal { process, signal } => Step::Signal {
            process: text(process),
            signal: signal.clone(),
        },
        Step::Service { name, running } => Step::Service {
            name: text(name),
            running: *running,
        },
        Step::Exec(argv) => Step::Exec(argv.iter().map(text).collect()),
        Step::Cli(command) => Step::Cli(text(command)),
        Step::Monitor(command) => Step::Monitor(text(command)),
        Step::Netconf(Netconf::LoadSet(change)) => Step::Netconf(Netconf::LoadSet(text(change))),
        Step::Netconf(Netconf::LoadRollback(number)) => Step::Netconf(Netconf::LoadRollback(text(number))),
        Step::Netconf(Netconf::Edit(change)) => Step::Netconf(Netconf::Edit(text(change))),
        Step::Netconf(_)
        | Step::Carrier { .. }
        | Step::Block { .. }
        | Step::Unblock { .. }
        | Step::Power { .. } => step.clone(),
    }
}
