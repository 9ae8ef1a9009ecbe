//! Brings a lab up, from a checked topology to running daemons, and answers questions about it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::baseline::Values;
use super::cancel::{Cancel, Waited};
use super::error::EngineError;
use crate::base::{EndpointName, LabName, NodeName, Seed, ServiceName};
use crate::nos::plan::{ServiceState, ServiceStatus};
use crate::nos::{Nos, PlanOptions, Scale, plan_nodes};
use crate::probes::state::Collectors;
use crate::record::TimerValue;
use crate::runtime::{Lab, LabPlan, Lifetime, NodeState, Runtime};
use crate::topology::Topology;
use crate::wire::{Cidr, MANAGEMENT_INTERFACE, Mac, ManagementPort, Panel, WireEnd, WireSpec};

/// Of how many nodes that are not ready in time the logs are told.
const LATE: usize = 3;

/// What lab to bring up, and how.
#[derive(Debug)]
pub struct LabRequest<'a> {
    /// The topology.
    pub topology: &'a Topology,
    /// The lab's name, unique on the machine.
    pub name: LabName,
    /// Seed of every random choice.
    pub seed: Seed,
    /// Divides the timers that may be scaled.
    pub scale: Scale,
    /// Whether it dies with this process.
    pub lifetime: Lifetime,
    /// How long nodes may take until all their services run, boot times included.
    pub deadline: Duration,
    /// Facts to keep with the lab, for `list` and `inspect`.
    pub facts: serde_json::Value,
}

/// A lab whose nodes all run.
pub struct RunningLab {
    /// The runtime's lab.
    pub lab: Arc<dyn Lab>,
    /// Its cables.
    pub panel: Panel,
    /// What it was made from.
    pub topology: Topology,
    /// What each node is.
    pub kinds: BTreeMap<NodeName, Nos>,
    /// Effective timers.
    pub timers: Vec<TimerValue>,
    collectors: Mutex<Option<Collectors>>,
}

impl fmt::Debug for RunningLab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningLab")
            .field("name", self.lab.name())
            .finish_non_exhaustive()
    }
}

/// Returns what `list` and `inspect` tell of a lab beyond its plan.
#[must_use]
pub fn lab_facts(topology: &Topology) -> serde_json::Value {
    let absolute = std::path::absolute(&topology.file).unwrap_or_else(|_| topology.file.clone());
    serde_json::json!({
        "topology": absolute,
        "owner": nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name),
        "created": jiff::Zoned::now().strftime("%F %T").to_string(),
        "links": topology.links.iter().map(|link| &link.id).collect::<Vec<_>>(),
    })
}

/// Brings a lab up: plan, namespaces, cables, boot, readiness. On any error everything made so far is taken down.
pub fn bring_up(
    runtime: &dyn Runtime,
    request: &LabRequest<'_>,
    cancel: &Cancel,
) -> Result<RunningLab, EngineError> {
    let options = PlanOptions {
        seed: request.seed,
        scale: request.scale,
        ..PlanOptions::default()
    };
    let plans = plan_nodes(request.topology, &options)?;
    let mut facts = request.facts.clone();
    facts["kinds"] = plans
        .kinds
        .iter()
        .map(|(node, nos)| (node.to_string(), serde_json::json!(nos.to_string())))
        .collect();
    let plan = LabPlan {
        name: request.name.clone(),
        nodes: plans.nodes,
        facts,
    };
    let lab: Arc<dyn Lab> = Arc::from(runtime.create(&plan, request.lifetime)?);
    match cable_and_boot(&lab, request, cancel) {
        Ok(panel) => Ok(RunningLab {
            lab,
            panel,
            topology: request.topology.clone(),
            kinds: plans.kinds,
            timers: plans.timers,
            collectors: Mutex::default(),
        }),
        Err(error) => {
            // The first cause is what the user needs; a failing teardown is found by the check for leftovers.
            let _ = lab.destroy();
            Err(error)
        }
    }
}

fn cable_and_boot(
    lab: &Arc<dyn Lab>,
    request: &LabRequest<'_>,
    cancel: &Cancel,
) -> Result<Panel, EngineError> {
    let panel = Panel::start(lab.as_ref())?;
    connect(lab.as_ref(), &panel, request.topology)?;
    for node in &lab.plan().nodes {
        lab.boot(&node.node)?;
    }
    wait_until_running(lab.as_ref(), request.deadline, cancel)?;
    Ok(panel)
}

fn connect(lab: &dyn Lab, panel: &Panel, topology: &Topology) -> Result<(), EngineError> {
    let management = |node: &NodeName| EndpointName {
        node: node.clone(),
        interface: MANAGEMENT_INTERFACE.into(),
    };
    let mut endpoints: Vec<EndpointName> = topology
        .links
        .iter()
        .flat_map(|link| [link.a.clone(), link.b.clone()])
        .collect();
    endpoints.extend(lab.plan().nodes.iter().map(|plan| management(&plan.node)));
    let macs: BTreeMap<EndpointName, Mac> = endpoints
        .iter()
        .cloned()
        .zip(Mac::of_all(lab.name(), &endpoints))
        .collect();
    let mut namespaces: BTreeMap<NodeName, OwnedFd> = BTreeMap::new();
    for plan in &lab.plan().nodes {
        namespaces.insert(plan.node.clone(), lab.netns(&plan.node)?);
    }
    let end = |endpoint: &EndpointName| WireEnd {
        node: endpoint.node.clone(),
        interface: endpoint.interface.clone(),
        netns: namespaces[&endpoint.node].as_fd(),
        mac: macs[endpoint],
    };
    let wires: Vec<WireSpec<'_>> = topology
        .links
        .iter()
        .map(|link| WireSpec {
            id: link.id.clone(),
            a: end(&link.a),
            b: end(&link.b),
            mtu: link.mtu,
        })
        .collect();
    panel.connect(&wires)?;
    let ports: Vec<ManagementPort<'_>> = lab
        .plan()
        .nodes
        .iter()
        .filter_map(|plan| {
            Some(ManagementPort {
                node: plan.node.clone(),
                netns: namespaces[&plan.node].as_fd(),
                addresses: vec![(plan.management?, plan.management_prefix)],
                mac: macs[&management(&plan.node)],
            })
        })
        .collect();
    let bridge: Vec<Cidr> = topology
        .management
        .ipv4_subnet
        .and_then(first_address)
        .into_iter()
        .collect();
    panel.connect_management(&ports, &bridge)?;
    Ok(())
}

/// The first address of a subnet belongs to the bridge, as containerlab has it.
fn first_address((network, prefix): (IpAddr, u8)) -> Option<(IpAddr, u8)> {
    match network {
        IpAddr::V4(network) => Some((IpAddr::V4((u32::from(network) + 1).into()), prefix)),
        IpAddr::V6(_) => None,
    }
}

fn wait_until_running(lab: &dyn Lab, deadline: Duration, cancel: &Cancel) -> Result<(), EngineError> {
    let mut failed = None;
    let mut waiting = Vec::new();
    let mut late = Vec::new();
    let waited = cancel.wait_until(deadline, Duration::from_millis(20), || {
        waiting.clear();
        late.clear();
        let statuses = match lab.statuses() {
            Ok(statuses) => statuses,
            Err(error) => {
                failed = Some(error.into());
                return true;
            }
        };
        for (plan, status) in lab.plan().nodes.iter().zip(statuses) {
            match status.state {
                NodeState::Running => {}
                NodeState::BootFailed => {
                    failed = Some(EngineError::BootFailed {
                        node: plan.node.clone(),
                        reason: status.error.unwrap_or_default(),
                        log: last_lines(lab, &plan.node),
                    });
                    return true;
                }
                _ => {
                    waiting.push(format!("{} ({})", plan.node, unready(&status.services)));
                    late.push(plan.node.clone());
                }
            }
        }
        waiting.is_empty()
    });
    match (failed, waited) {
        (Some(error), _) => Err(error),
        (None, Waited::Met) => Ok(()),
        (None, Waited::Cancelled) => Err(EngineError::Interrupted),
        (None, Waited::Deadline) => Err(EngineError::NotReady {
            deadline,
            waiting,
            log: late
                .iter()
                .take(LATE)
                .flat_map(|node| lines_of(lab, node))
                .collect(),
        }),
    }
}

fn unready(services: &[ServiceStatus]) -> String {
    let waiting: Vec<_> = services
        .iter()
        .filter(|service| service.state != ServiceState::Running)
        .map(|service| service.name.to_string())
        .collect();
    if waiting.is_empty() {
        "booting".to_owned()
    } else {
        waiting.join(" ")
    }
}

/// Lines of one of several nodes.
fn lines_of(lab: &dyn Lab, node: &NodeName) -> Vec<String> {
    let lines = last_lines(lab, node);
    lines.into_iter().map(|line| format!("{node} {line}")).collect()
}

fn last_lines(lab: &dyn Lab, node: &NodeName) -> Vec<String> {
    let lines = lab.logs(node, None, 5).unwrap_or_default();
    lines
        .into_iter()
        .map(|line| format!("{}: {}", line.service, line.line))
        .collect()
}

impl RunningLab {
    /// Observes the lab with these collectors until [`Self::stop_observing`].
    pub fn observe_with(&self, collectors: Collectors) {
        *self.collectors() = Some(collectors);
    }

    /// Ends observation.
    pub fn stop_observing(&self) {
        if let Some(collectors) = self.collectors().take() {
            // What a collector could not read is in the history already.
            let _ = collectors.stop();
        }
    }

    /// Returns the state that the collectors see now.
    #[must_use]
    pub fn observed(&self) -> Values {
        self.collectors()
            .as_ref()
            .map(|collectors| collectors.current().values)
            .unwrap_or_default()
    }

    /// Returns what the collectors could not read just now, e.g. `mx1: bgp`.
    #[must_use]
    pub fn unobserved(&self) -> Vec<String> {
        let collectors = self.collectors();
        let Some(state) = collectors.as_ref().map(Collectors::current) else {
            return Vec::new();
        };
        let missing = state.failed.into_iter().chain(state.unread);
        missing
            .map(|(node, kind)| format!("{node}: {}", super::baseline::word(kind)))
            .collect()
    }

    fn collectors(&self) -> MutexGuard<'_, Option<Collectors>> {
        self.collectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a service's status, if its node is on and has it.
    #[must_use]
    pub fn service(&self, node: &NodeName, service: &ServiceName) -> Option<ServiceStatus> {
        let status = self.lab.status(node).ok()?;
        status.services.into_iter().find(|status| status.name == *service)
    }

    /// Returns a node's state.
    #[must_use]
    pub fn state(&self, node: &NodeName) -> Option<NodeState> {
        self.lab.status(node).ok().map(|status| status.state)
    }

    /// Returns whether a node is on and all its services run.
    #[must_use]
    pub fn all_services_run(&self, node: &NodeName) -> bool {
        self.lab.status(node).is_ok_and(|status| {
            status.state == NodeState::Running
                && status
                    .services
                    .iter()
                    .all(|service| service.state == ServiceState::Running)
        })
    }

    /// Returns whether a service's main process is stopped (state `T` in proc(5), `/proc/pid/stat`).
    #[must_use]
    pub fn is_stopped(&self, node: &NodeName, service: &ServiceName) -> bool {
        let Some(pid) = self.service(node, service).and_then(|status| status.pid) else {
            return false;
        };
        let Ok(handle) = self.lab.node(node) else {
            return false;
        };
        let stat =
            std::fs::read_to_string(handle.root().join(format!("proc/{pid}/stat"))).unwrap_or_default();
        // The state follows the command in parentheses, which may itself hold any character.
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    /// Returns the longest boot time of any node.
    #[must_use]
    pub fn longest_boot(&self) -> Duration {
        self.lab
            .plan()
            .nodes
            .iter()
            .map(|node| node.boot_time)
            .max()
            .unwrap_or_default()
    }
}
