//! Plans: what to do to inject, verify and heal a fault, as data.

use serde::{Deserialize, Serialize};

use super::{ActsOn, Definition, FaultError, Mechanism};
use crate::base::{FaultId, NodeName, ServiceName};
use crate::record::Fidelity;
use crate::topology::{LinkId, Topology};

/// What an injection aims at, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Nodes.
    Nodes(Vec<NodeName>),
    /// Links.
    Links(Vec<LinkId>),
}

/// A fault ready to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// Which fault.
    pub fault: FaultId,
    /// Nodes or links, as people read them.
    pub targets: Vec<String>,
    /// Layer, from the definition.
    pub layer: String,
    /// From the definition.
    pub fidelity: Fidelity,
    /// Steps to inject, in order.
    pub inject: Vec<Action>,
    /// What must be true once it landed: what must be broken, and what must still work.
    pub landed: Vec<Check>,
    /// Steps to heal; carried out in reverse order.
    pub heal: Vec<Action>,
    /// What must be true once it is healed.
    pub healed: Vec<Check>,
}

/// Something done to a lab. Every action is idempotent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Signals a service whenever it runs until its supervisor reports it failed.
    KillUntilFailed {
        /// The node.
        node: NodeName,
        /// The service.
        service: ServiceName,
        /// Signal number.
        signal: i32,
    },
    /// Starts a service, forgetting its start limit.
    StartService {
        /// The node.
        node: NodeName,
        /// The service.
        service: ServiceName,
    },
    /// Sends a signal to a service's main process.
    Signal {
        /// The node.
        node: NodeName,
        /// The service.
        service: ServiceName,
        /// Signal number.
        signal: i32,
    },
    /// Takes the carrier away on both ends.
    Cut {
        /// The link.
        link: LinkId,
    },
    /// Gives the carrier back.
    Restore {
        /// The link.
        link: LinkId,
    },
    /// Drops a kind of traffic in both directions.
    Block {
        /// The link.
        link: LinkId,
        /// What: `all`, `lacp`, `bfd`, `arp`, `iccp`.
        traffic: String,
    },
    /// Undoes all blocks that this injection made on the link.
    Unblock {
        /// The link.
        link: LinkId,
    },
    /// Cuts power.
    PowerOff {
        /// The node.
        node: NodeName,
    },
    /// Boots a node that is off.
    PowerOn {
        /// The node.
        node: NodeName,
    },
}

/// Something that must be true, polled until a deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The supervisor reports the service failed.
    ServiceFailed {
        /// The node.
        node: NodeName,
        /// The service.
        service: ServiceName,
    },
    /// The service runs and its process is not stopped.
    ServiceRuns {
        /// The node.
        node: NodeName,
        /// The service.
        service: ServiceName,
    },
    /// The service's process is stopped (state T).
    ServiceStopped {
        /// The node.
        node: NodeName,
        /// The service.
        service: ServiceName,
    },
    /// Every LACP member of the node has the state it had before injection.
    LacpUnchanged {
        /// The node.
        node: NodeName,
    },
    /// Carrier on both ends, both administratively up.
    CarrierUp {
        /// The link.
        link: LinkId,
    },
    /// No carrier on either end; both ends that have power are administratively up.
    CarrierDown {
        /// The link.
        link: LinkId,
    },
    /// So many drop rules are in force on the link.
    Blocks {
        /// The link.
        link: LinkId,
        /// Their number.
        count: usize,
    },
    /// The node is off.
    NodeOff {
        /// The node.
        node: NodeName,
    },
    /// The node runs and all its services do.
    NodeRuns {
        /// The node.
        node: NodeName,
    },
}

/// Makes the plan of a fault on resolved targets.
pub fn plan(
    definition: &Definition,
    targets: &Targets,
    topology: &Topology,
) -> Result<FaultPlan, FaultError> {
    let names = names(targets);
    if names.is_empty() {
        return Err(FaultError::NoTarget {
            fault: definition.fault.clone(),
            selector: String::new(),
        });
    }
    check_targets(definition, targets, topology)?;
    let mut plan = FaultPlan {
        fault: definition.fault.clone(),
        targets: names,
        layer: definition.layer.clone(),
        fidelity: definition.fidelity,
        inject: Vec::new(),
        landed: Vec::new(),
        heal: Vec::new(),
        healed: Vec::new(),
    };
    match targets {
        Targets::Nodes(nodes) => nodes
            .iter()
            .for_each(|node| plan.add_node(&definition.mechanism, node, topology)),
        Targets::Links(links) => links
            .iter()
            .for_each(|link| plan.add_link(&definition.mechanism, link)),
    }
    Ok(plan)
}

impl FaultPlan {
    fn add_node(&mut self, mechanism: &Mechanism, node: &NodeName, topology: &Topology) {
        let node = node.clone();
        match mechanism {
            Mechanism::KillServiceUntilFailed { service, signal } => {
                let service = ServiceName::new(service);
                let signal = signal_number(signal);
                self.inject.push(Action::KillUntilFailed {
                    node: node.clone(),
                    service: service.clone(),
                    signal,
                });
                self.landed.push(Check::ServiceFailed {
                    node: node.clone(),
                    service: service.clone(),
                });
                self.landed.push(Check::LacpUnchanged { node: node.clone() });
                self.heal.push(Action::StartService {
                    node: node.clone(),
                    service: service.clone(),
                });
                self.healed.push(Check::ServiceRuns { node, service });
            }
            Mechanism::StopService { service } => {
                let service = ServiceName::new(service);
                let signal = |signal| Action::Signal {
                    node: node.clone(),
                    service: service.clone(),
                    signal,
                };
                self.inject.push(signal(nix::libc::SIGSTOP));
                self.landed.push(Check::ServiceStopped {
                    node: node.clone(),
                    service: service.clone(),
                });
                self.landed.push(Check::LacpUnchanged { node: node.clone() });
                self.heal.push(signal(nix::libc::SIGCONT));
                self.healed.push(Check::ServiceRuns {
                    node: node.clone(),
                    service,
                });
            }
            Mechanism::PowerOff => {
                self.inject.push(Action::PowerOff { node: node.clone() });
                self.landed.push(Check::NodeOff { node: node.clone() });
                self.landed
                    .extend(topology.links_of(&node).map(|link| Check::CarrierDown {
                        link: link.id.clone(),
                    }));
                self.heal.push(Action::PowerOn { node: node.clone() });
                self.healed.push(Check::NodeRuns { node });
            }
            Mechanism::CutLink | Mechanism::BlockTraffic { .. } => {}
        }
    }

    fn add_link(&mut self, mechanism: &Mechanism, link: &LinkId) {
        let link = link.clone();
        match mechanism {
            Mechanism::CutLink => {
                self.inject.push(Action::Cut { link: link.clone() });
                self.landed.push(Check::CarrierDown { link: link.clone() });
                self.heal.push(Action::Restore { link: link.clone() });
                self.healed.push(Check::CarrierUp { link });
            }
            Mechanism::BlockTraffic { traffic } => {
                let block = |traffic: &String| Action::Block {
                    link: link.clone(),
                    traffic: traffic.clone(),
                };
                self.inject.extend(traffic.iter().map(block));
                self.landed.push(Check::Blocks {
                    link: link.clone(),
                    count: traffic.len(),
                });
                self.landed.push(Check::CarrierUp { link: link.clone() });
                self.heal.push(Action::Unblock { link: link.clone() });
                self.healed.push(Check::Blocks { link, count: 0 });
            }
            Mechanism::KillServiceUntilFailed { .. }
            | Mechanism::StopService { .. }
            | Mechanism::PowerOff => {}
        }
    }
}

fn names(targets: &Targets) -> Vec<String> {
    match targets {
        Targets::Nodes(nodes) => nodes.iter().map(ToString::to_string).collect(),
        Targets::Links(links) => links.iter().map(ToString::to_string).collect(),
    }
}

fn check_targets(definition: &Definition, targets: &Targets, topology: &Topology) -> Result<(), FaultError> {
    let wrong = |expected, found| FaultError::WrongTarget {
        fault: definition.fault.clone(),
        target: names(targets).join(", "),
        expected,
        found,
    };
    let nodes: Vec<&NodeName> = match (definition.acts_on, targets) {
        (ActsOn::Node, Targets::Nodes(nodes)) => nodes.iter().collect(),
        (ActsOn::Link, Targets::Links(links)) => topology
            .links
            .iter()
            .filter(|link| links.contains(&link.id))
            .flat_map(|link| [&link.a.node, &link.b.node])
            .collect(),
        (ActsOn::Node, Targets::Links(_)) => return Err(wrong("node", "link")),
        (ActsOn::Link, Targets::Nodes(_)) => return Err(wrong("link", "node")),
    };
    for name in nodes {
        let nos = topology
            .nodes
            .get(name)
            .and_then(|node| node.label(crate::topology::labels::NOS))
            .unwrap_or("linux");
        if !definition.nos.is_empty() && !definition.nos.iter().any(|known| known == nos) {
            return Err(FaultError::WrongNos {
                fault: definition.fault.clone(),
                node: name.to_string(),
                found: nos.to_owned(),
                needs: definition.nos.join(" or "),
            });
        }
    }
    Ok(())
}

fn signal_number(name: &str) -> i32 {
    name.parse::<nix::sys::signal::Signal>()
        .map_or(nix::libc::SIGKILL, |signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Catalogue;
    use crate::topology::{Link, LinkDetails, Management, Node};

    fn topology() -> Topology {
        let node = |nos: &str| Node {
            labels: [(crate::topology::labels::NOS.to_owned(), nos.to_owned())].into(),
            ..Node::default()
        };
        Topology {
            name: "pair".into(),
            file: "pair.clab.yaml".into(),
            folder: "/".into(),
            management: Management {
                network: "clab".into(),
                ..Management::default()
            },
            nodes: [("ca1".into(), node("mclag-switch")), ("r1".into(), node("frr"))]
                .into_iter()
                .collect(),
            links: vec![Link {
                id: LinkId("ca1:eth1--r1:eth1".into()),
                a: "ca1:eth1".parse().unwrap(),
                b: "r1:eth1".parse().unwrap(),
                mtu: 9500,
                labels: std::collections::BTreeMap::new(),
                details: LinkDetails::default(),
                line: 1,
            }],
            ..Topology::default()
        }
    }

    #[test]
    fn killing_l2ald_verifies_that_it_is_dead_and_that_lacp_lives() {
        let catalogue = Catalogue::embedded().unwrap();
        let definition = catalogue.get(&"switch.l2ald.kill".into()).unwrap();
        let plan = plan(definition, &Targets::Nodes(vec!["ca1".into()]), &topology()).unwrap();
        insta::assert_json_snapshot!(plan);
    }

    #[test]
    fn a_power_cut_verifies_the_carrier_of_every_cable() {
        let catalogue = Catalogue::embedded().unwrap();
        let definition = catalogue.get(&"node.power-off".into()).unwrap();
        let plan = plan(definition, &Targets::Nodes(vec!["r1".into()]), &topology()).unwrap();
        assert!(plan.landed.contains(&Check::CarrierDown {
            link: LinkId("ca1:eth1--r1:eth1".into())
        }));
    }

    #[test]
    fn a_fault_refuses_targets_it_is_not_made_for() {
        let catalogue = Catalogue::embedded().unwrap();
        let definition = catalogue.get(&"switch.l2ald.kill".into()).unwrap();
        let on_router = plan(definition, &Targets::Nodes(vec!["r1".into()]), &topology()).unwrap_err();
        assert_eq!(
            on_router.to_string(),
            "fault `switch.l2ald.kill` needs a node of mclag-switch, but `r1` is frr"
        );
        let on_link = plan(
            definition,
            &Targets::Links(vec![LinkId("ca1:eth1--r1:eth1".into())]),
            &topology(),
        );
        assert!(matches!(on_link, Err(FaultError::WrongTarget { .. })));
    }
}
