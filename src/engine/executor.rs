//! Carries out fault plans: inject, verify landed, heal, verify healed.
//!
//! Verification polls until a deadline, because effects need a moment: a supervisor must notice a death, a panel a carrier.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cancel::{Cancel, Waited};
use super::lab::RunningLab;
use crate::base::NodeName;
use crate::base::ServiceName;
use crate::faults::{Action, Check, FaultPlan};
use crate::nos::plan::ServiceState;
use crate::record::{Event, FaultPhase, HistoryWriter, StateKind};
use crate::runtime::{NodeState, RuntimeError};
use crate::topology::LinkId;
use crate::wire::{BlockId, Direction, Traffic, WireError};

/// How long a fault may take to land.
const LANDING: Duration = Duration::from_secs(15);
/// How long state may take to be back after healing, boot excluded.
const HEALING: Duration = Duration::from_secs(30);
/// How often verification looks.
const POLL: Duration = Duration::from_millis(20);

/// An injected fault, to be healed.
#[derive(Debug)]
pub struct Injection {
    plan: FaultPlan,
    number: usize,
    blocks: BTreeMap<LinkId, Vec<BlockId>>,
    lacp_before: BTreeMap<(NodeName, String), serde_json::Value>,
    landed: bool,
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ActionError {
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(
        "`{service}` on {node} did not reach its start limit within {}",
        crate::base::duration::human(LANDING)
    )]
    NotFailed { node: NodeName, service: ServiceName },
}

/// Carries out plans on one lab.
pub struct Executor<'a> {
    lab: &'a RunningLab,
    history: &'a HistoryWriter,
    cancel: &'a Cancel,
}

impl<'a> Executor<'a> {
    /// Works on a lab and writes what happens into a history.
    #[must_use]
    pub fn new(lab: &'a RunningLab, history: &'a HistoryWriter, cancel: &'a Cancel) -> Self {
        Self { lab, history, cancel }
    }

    /// Injects a fault and verifies that it landed. Whether it did is in the history and in [`Injection::landed`].
    pub fn inject(&self, plan: FaultPlan, number: usize) -> Injection {
        let mut injection = Injection {
            plan,
            number,
            blocks: BTreeMap::new(),
            lacp_before: self.lacp(),
            landed: false,
        };
        self.write(&injection, FaultPhase::Injecting, None);
        let actions = injection.plan.inject.clone();
        let failed = self.all_at_once(&mut injection, &actions);
        let detail = match failed {
            Some(error) => Err(error),
            None => self.verify(&injection, &injection.plan.landed, LANDING, false),
        };
        injection.landed = detail.is_ok();
        let phase = if injection.landed {
            FaultPhase::Landed
        } else {
            FaultPhase::NotLanded
        };
        let text = detail.unwrap_or_else(|why| why);
        self.write(&injection, phase, Some(text));
        injection
    }

    /// Heals an injection and verifies it. Heals what it can even when parts fail; never interrupted half-way.
    pub fn heal(&self, mut injection: Injection) -> bool {
        self.write(&injection, FaultPhase::Healing, None);
        let actions: Vec<Action> = injection.plan.heal.iter().rev().cloned().collect();
        let mut failures = Vec::new();
        for action in &actions {
            if let Err(error) = self.act(&mut injection, action) {
                failures.push(crate::base::ErrorChain::new(&error).to_string());
            }
        }
        let verified = self.verify(
            &injection,
            &injection.plan.healed,
            HEALING + self.lab.longest_boot(),
            true,
        );
        let healed = failures.is_empty() && verified.is_ok();
        failures.push(verified.unwrap_or_else(|why| why));
        let phase = if healed {
            FaultPhase::Healed
        } else {
            FaultPhase::NotHealed
        };
        self.write(&injection, phase, Some(failures.join("; ")));
        healed
    }

    /// Acts on all targets side by side, so that "both switches of a PoP" means both at once.
    fn all_at_once(&self, injection: &mut Injection, actions: &[Action]) -> Option<String> {
        let (slow, quick): (Vec<_>, Vec<_>) = actions
            .iter()
            .partition(|action| matches!(action, Action::KillUntilFailed { .. }));
        for action in quick {
            if let Err(error) = self.act(injection, action) {
                return Some(crate::base::ErrorChain::new(&error).to_string());
            }
        }
        let results: Vec<Result<(), ActionError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = slow
                .into_iter()
                .map(|action| {
                    scope.spawn(move || match action {
                        Action::KillUntilFailed {
                            node,
                            service,
                            signal,
                        } => self.kill_until_failed(node, service, *signal),
                        _ => Ok(()),
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        results
            .into_iter()
            .find_map(Result::err)
            .map(|error| crate::base::ErrorChain::new(&error).to_string())
    }

    fn act(&self, injection: &mut Injection, action: &Action) -> Result<(), ActionError> {
        let lab = self.lab.lab.as_ref();
        match action {
            Action::KillUntilFailed {
                node,
                service,
                signal,
            } => self.kill_until_failed(node, service, *signal)?,
            Action::StartService { node, service } => lab.set_service(node, service, true)?,
            Action::Signal {
                node,
                service,
                signal,
            } => lab.signal(node, service, *signal)?,
            Action::Cut { link } => self.lab.panel.cut(link, None)?,
            Action::Restore { link } => self.lab.panel.restore(link)?,
            Action::Block { link, traffic } => {
                let id = self
                    .lab
                    .panel
                    .block(link, Direction::Both, traffic_named(traffic), None)?;
                injection.blocks.entry(link.clone()).or_default().push(id);
            }
            Action::Unblock { link } => {
                for id in injection.blocks.remove(link).unwrap_or_default() {
                    self.lab.panel.unblock(id)?;
                }
            }
            Action::PowerOff { node } => lab.power_off(node)?,
            Action::PowerOn { node } => lab.boot(node)?,
        }
        Ok(())
    }

    fn kill_until_failed(
        &self,
        node: &NodeName,
        service: &ServiceName,
        signal: i32,
    ) -> Result<(), ActionError> {
        let mut killed = None;
        let waited = self
            .cancel
            .wait_until(LANDING, POLL, || match self.lab.service(node, service) {
                Some(status) if status.state == ServiceState::Failed => true,
                Some(status) if status.state == ServiceState::Running && status.pid != killed => {
                    // A process that is gone between the look and the signal is as dead as it should be.
                    if self.lab.lab.signal(node, service, signal).is_ok() {
                        killed = status.pid;
                    }
                    false
                }
                _ => false,
            });
        match waited {
            Waited::Met | Waited::Cancelled => Ok(()),
            Waited::Deadline => Err(ActionError::NotFailed {
                node: node.clone(),
                service: service.clone(),
            }),
        }
    }

    /// Polls all checks; on success says what holds, on failure what does not.
    fn verify(
        &self,
        injection: &Injection,
        checks: &[Check],
        deadline: Duration,
        healing: bool,
    ) -> Result<String, String> {
        let mut open = Vec::new();
        let holds = || {
            open = checks
                .iter()
                .filter(|check| !self.holds(injection, check))
                .collect();
            open.is_empty()
        };
        let waited = if healing {
            self.cancel.wait_until_healed(deadline, POLL, holds)
        } else {
            self.cancel.wait_until(deadline, POLL, holds)
        };
        let describe = |checks: &[&Check]| {
            checks
                .iter()
                .map(|check| describe(check))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match waited {
            Waited::Met => Ok(describe(&checks.iter().collect::<Vec<_>>())),
            Waited::Deadline => Err(format!("not so: {}", describe(&open))),
            Waited::Cancelled => Err("interrupted".to_owned()),
        }
    }

    fn holds(&self, injection: &Injection, check: &Check) -> bool {
        let wire = |link: &LinkId| self.lab.panel.state(link).ok();
        match check {
            Check::ServiceFailed { node, service } => self
                .lab
                .service(node, service)
                .is_some_and(|status| status.state == ServiceState::Failed),
            Check::ServiceRuns { node, service } => {
                self.lab
                    .service(node, service)
                    .is_some_and(|status| status.state == ServiceState::Running)
                    && !self.lab.is_stopped(node, service)
            }
            Check::ServiceStopped { node, service } => self.lab.is_stopped(node, service),
            Check::LacpUnchanged { node } => self.lacp_of(node) == of_node(&injection.lacp_before, node),
            Check::CarrierUp { link } => wire(link).is_some_and(|wire| wire.a_carrier && wire.b_carrier),
            Check::CarrierDown { link } => wire(link).is_some_and(|wire| !wire.a_carrier && !wire.b_carrier),
            Check::Blocks { link, count } => wire(link).is_some_and(|wire| wire.blocks.len() == *count),
            Check::NodeOff { node } => self.lab.state(node) == Some(NodeState::Off),
            Check::NodeRuns { node } => self.lab.all_services_run(node),
        }
    }

    fn lacp(&self) -> BTreeMap<(NodeName, String), serde_json::Value> {
        let state = self.lab.observed();
        state
            .iter()
            .filter(|((_, kind, _), _)| *kind == StateKind::Lacp)
            .map(|((node, _, key), value)| ((node.clone(), key.clone()), value.clone()))
            .collect()
    }

    fn lacp_of(&self, node: &NodeName) -> Vec<(String, serde_json::Value)> {
        of_node(&self.lacp(), node)
    }

    fn write(&self, injection: &Injection, phase: FaultPhase, detail: Option<String>) {
        self.history.write(Event::Fault {
            fault: injection.plan.fault.clone(),
            injection: injection.number,
            targets: injection.plan.targets.clone(),
            phase,
            fidelity: injection.plan.fidelity,
            detail,
        });
    }
}

impl Injection {
    /// Returns whether the fault verifiably landed.
    #[must_use]
    pub fn landed(&self) -> bool {
        self.landed
    }
}

fn of_node(
    all: &BTreeMap<(NodeName, String), serde_json::Value>,
    node: &NodeName,
) -> Vec<(String, serde_json::Value)> {
    all.iter()
        .filter(|((at, _), _)| at == node)
        .map(|((_, key), value)| (key.clone(), value.clone()))
        .collect()
}

fn traffic_named(name: &str) -> Traffic {
    match name {
        "lacp" => Traffic::Lacp,
        "bfd" => Traffic::Bfd,
        "arp" => Traffic::Arp,
        "iccp" => Traffic::Iccp,
        _ => Traffic::All,
    }
}

fn describe(check: &Check) -> String {
    match check {
        Check::ServiceFailed { node, service } => format!("{service} on {node} given up by its supervisor"),
        Check::ServiceRuns { node, service } => format!("{service} on {node} runs"),
        Check::ServiceStopped { node, service } => format!("{service} on {node} stopped"),
        Check::LacpUnchanged { node } => format!("LACP of {node} unchanged"),
        Check::CarrierUp { link } => format!("carrier of {link} up"),
        Check::CarrierDown { link } => format!("carrier of {link} down"),
        Check::Blocks { link, count: 0 } => format!("no drop rule on {link}"),
        Check::Blocks { link, count } => format!("{count} drop rules on {link}"),
        Check::NodeOff { node } => format!("{node} off"),
        Check::NodeRuns { node } => format!("all services of {node} run"),
    }
}
