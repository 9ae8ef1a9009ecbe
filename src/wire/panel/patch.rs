//! The patch: all wires of a lab, and what carrier each end must have.
//!
//! An outer end is up exactly when the far node's interface is up and the wire is not cut. That one rule makes a node's
//! own `shutdown`, a power cut and a fibre cut look to the other side as they do on real cables.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use nix::sched::{CloneFlags, unshare};

use crate::base::{EndpointName, InterfaceName, NodeName};
use crate::topology::model::LinkId;

use super::super::error::Refusal;
use super::super::model::{BlockId, CaptureId, Cidr, Lease, MANAGEMENT_INTERFACE, Mac, management_wire};
use super::super::protocol::{PortPlan, WirePlan};
use super::blocks::Block;
use super::capture::Capture;
use super::messages::{self, Hook, Pair};
use super::netlink::{Asked, Interface, Netlink};
use super::node::{NodeNet, Watch};

/// Priority of the filter that is the wire itself.
pub(super) const WIRE_PRIORITY: u16 = 1000;
/// The management bridge, its name in the patch namespace.
const BRIDGE: &str = "mgmt";
const MANAGEMENT_MTU: u32 = 1500;
const SINK: u32 = 100;
const BRIDGE_INDEX: u32 = 101;
const FIRST_END: u32 = 1000;

/// All wires of a lab.
pub(super) struct Patch {
    pub(super) netlink: Netlink,
    pub(super) nodes: BTreeMap<NodeName, NodeNet>,
    pub(super) wires: IndexMap<LinkId, Wire>,
    pub(super) blocks: BTreeMap<BlockId, Block>,
    pub(super) last_block: u64,
    captures: BTreeMap<CaptureId, Capture>,
    last_capture: u64,
    pub(super) leases: BTreeMap<Lease, (Duration, Instant)>,
    next_end: u32,
    has_bridge: bool,
    /// Keeps the namespace alive in which dropped frames arrive.
    _hole: OwnedFd,
}

/// A wire; one end only when it leads to the management bridge.
pub(super) struct Wire {
    pub(super) ends: Vec<End>,
    pub(super) cut: bool,
}

/// A wire's end.
pub(super) struct End {
    pub(super) endpoint: EndpointName,
    /// Index of its veth in the patch namespace.
    pub(super) outer: u32,
    pub(super) outer_up: bool,
    /// Index in the node, known once the kernel told it.
    pub(super) inner: Option<u32>,
    pub(super) inner_up: bool,
    /// Where its frames go: another outer end, or none for the bridge it is in. Swapping cables is changing this.
    pub(super) target: Option<u32>,
    mac: Mac,
    mtu: u32,
}

impl Wire {
    fn wanted(&self, end: usize) -> bool {
        let far = self.ends.get(1 - end);
        !self.cut && far.is_none_or(|far| far.inner_up)
    }
}

impl Patch {
    /// Prepares the calling thread's network namespace.
    pub(super) fn new() -> io::Result<Self> {
        quieten();
        let (hole, mut netlink_in_hole) = hole()?;
        let mut netlink = Netlink::open()?;
        // A device that is down would log each frame ("tc mirred to Houston"), so the sink is up, and leads into an
        // empty namespace where nobody has an address.
        let sink = Pair {
            outer: SINK,
            outer_name: "sink",
            alias: "where blocked frames go",
            inner_name: "hole",
            inner_mac: None,
            netns: hole.as_fd(),
            mtu: 65535,
            bridge: None,
        };
        netlink
            .carry_out(vec![sink.create(), messages::set_up(SINK, true)])
            .and_then(|()| netlink_in_hole.carry_out(vec![messages::bring_up("hole")]))
            .map_err(|(_, error)| error)?;
        Ok(Self {
            netlink,
            nodes: BTreeMap::new(),
            wires: IndexMap::new(),
            blocks: BTreeMap::new(),
            last_block: 0,
            captures: BTreeMap::new(),
            last_capture: 0,
            leases: BTreeMap::new(),
            next_end: FIRST_END,
            has_bridge: false,
            _hole: hole,
        })
    }

    /// Where filters send what is to be dropped.
    pub(super) fn sink() -> u32 {
        SINK
    }

    /// Takes over nodes' namespaces. Returns the sockets to watch of those that are new.
    pub(super) fn attach(
        &mut self,
        nodes: Vec<NodeName>,
        fds: Vec<OwnedFd>,
    ) -> Result<Vec<(NodeName, Watch)>, Refusal> {
        if nodes.len() != fds.len() {
            return Err(Refusal::Request(format!(
                "{} nodes but {} namespaces",
                nodes.len(),
                fds.len()
            )));
        }
        let mut watches = Vec::new();
        for (node, netns) in nodes.into_iter().zip(fds) {
            if self.nodes.contains_key(&node) {
                continue;
            }
            let net = NodeNet::open(netns)
                .map_err(Refusal::kernel(format!("enter the network namespace of {node}")))?;
            watches.push((node.clone(), net.watch()));
            self.nodes.insert(node, net);
        }
        Ok(watches)
    }

    /// Connects wires, all or none.
    pub(super) fn connect(&mut self, plans: Vec<WirePlan>) -> Result<(), Refusal> {
        let mut wires = Vec::new();
        for plan in plans {
            let outer = self.next_end;
            self.next_end += 2;
            let end = |plan: super::super::protocol::EndPlan, outer, target, mtu| End {
                endpoint: EndpointName {
                    node: plan.node,
                    interface: plan.interface,
                },
                outer,
                outer_up: false,
                inner: None,
                inner_up: true,
                target: Some(target),
                mac: plan.mac,
                mtu,
            };
            let ends = vec![
                end(plan.a, outer, outer + 1, plan.mtu),
                end(plan.b, outer + 1, outer, plan.mtu),
            ];
            wires.push((plan.id, Wire { ends, cut: false }));
        }
        self.install(wires, None)
    }

    /// Makes the management bridge if there is none, and plugs nodes into it.
    pub(super) fn connect_management(
        &mut self,
        bridge: &[Cidr],
        ports: Vec<PortPlan>,
    ) -> Result<(), Refusal> {
        if !self.has_bridge {
            if bridge.iter().any(|(address, _)| address.is_ipv6()) {
                set_ipv6("default", true);
            }
            let mut requests = vec![messages::create_bridge(BRIDGE_INDEX, BRIDGE)];
            requests.extend(
                bridge
                    .iter()
                    .map(|cidr| messages::add_address(BRIDGE_INDEX, *cidr)),
            );
            let made = self.netlink.carry_out(requests);
            set_ipv6("default", false);
            made.map_err(|(_, error)| error)
                .map_err(Refusal::kernel("make the management bridge"))?;
            self.has_bridge = true;
        }
        let mut wires = Vec::new();
        let mut addresses = Vec::new();
        for port in ports {
            let end = End {
                endpoint: EndpointName {
                    node: port.node.clone(),
                    interface: InterfaceName::new(MANAGEMENT_INTERFACE),
                },
                outer: self.next_end,
                outer_up: false,
                inner: None,
                inner_up: true,
                target: None,
                mac: port.mac,
                mtu: MANAGEMENT_MTU,
            };
            self.next_end += 1;
            let wire = Wire {
                ends: vec![end],
                cut: false,
            };
            addresses.push((management_wire(&port.node), port.addresses));
            wires.push((management_wire(&port.node), wire));
        }
        self.install(wires, Some(BRIDGE_INDEX))?;
        addresses
            .into_iter()
            .try_for_each(|(wire, addresses)| self.address_management(&wire, &addresses))
    }

    fn address_management(&mut self, wire: &LinkId, addresses: &[Cidr]) -> Result<(), Refusal> {
        let Some(end) = self.wires.get(wire).and_then(|wire| wire.ends.first()) else {
            return Ok(());
        };
        let (Some(inner), Some(net)) = (end.inner, self.nodes.get_mut(&end.endpoint.node)) else {
            return Ok(());
        };
        let requests = addresses
            .iter()
            .map(|cidr| messages::add_address(inner, *cidr))
            .collect();
        net.netlink
            .carry_out(requests)
            .map_err(|(_, error)| error)
            .map_err(Refusal::kernel(format!("give {} its address", end.endpoint)))
    }

    fn install(&mut self, wires: Vec<(LinkId, Wire)>, bridge: Option<u32>) -> Result<(), Refusal> {
        self.check(&wires)?;
        let made = self.create(&wires, bridge).and_then(|()| self.bring_up(&wires));
        if let Err(refusal) = made {
            let ends = wires.iter().flat_map(|(_, wire)| &wire.ends);
            // Those that were never made fail to go; that is the point.
            let _ = self
                .netlink
                .carry_out(ends.map(|end| messages::delete_link(end.outer)).collect());
            return Err(refusal);
        }
        let mut touched: Vec<LinkId> = wires.iter().map(|(id, _)| id.clone()).collect();
        self.wires.extend(wires);
        let nodes: Vec<NodeName> = self.nodes.keys().cloned().collect();
        touched.extend(nodes.iter().flat_map(|node| self.take_changes(node)));
        self.set_carriers(&touched)
    }

    fn check(&self, wires: &[(LinkId, Wire)]) -> Result<(), Refusal> {
        let mut ids: std::collections::BTreeSet<&LinkId> = self.wires.keys().collect();
        let known = self.wires.values().flat_map(|wire| &wire.ends);
        let mut endpoints: std::collections::BTreeSet<_> = known.map(|end| &end.endpoint).collect();
        for (id, wire) in wires {
            if !ids.insert(id) {
                return Err(Refusal::Duplicate(id.to_string()));
            }
            for End { endpoint, .. } in &wire.ends {
                if !self.nodes.contains_key(&endpoint.node) {
                    return Err(Refusal::NoSuchNode(endpoint.node.clone()));
                }
                if !endpoints.insert(endpoint) {
                    return Err(Refusal::Duplicate(endpoint.to_string()));
                }
            }
        }
        Ok(())
    }

    fn create(&mut self, wires: &[(LinkId, Wire)], bridge: Option<u32>) -> Result<(), Refusal> {
        let mut requests: Vec<Asked> = Vec::new();
        let mut about = Vec::new();
        for (_, wire) in wires {
            for end in &wire.ends {
                let Some(node) = self.nodes.get(&end.endpoint.node) else {
                    continue;
                };
                let pair = Pair {
                    outer: end.outer,
                    outer_name: &format!("w{}", end.outer),
                    alias: &end.endpoint.to_string(),
                    inner_name: end.endpoint.interface.as_str(),
                    inner_mac: Some(end.mac),
                    netns: node.netns(),
                    mtu: end.mtu,
                    bridge,
                };
                requests.extend([pair.create(), messages::add_clsact(end.outer)]);
                about.extend([&end.endpoint; 2]);
            }
            for end in &wire.ends {
                if end.target.is_some() {
                    let filter =
                        messages::add_filter(end.outer, Hook::Ingress, WIRE_PRIORITY, &[], end.target);
                    requests.push(filter);
                    about.push(&end.endpoint);
                }
            }
        }
        self.netlink.carry_out(requests).map_err(|(at, error)| {
            let endpoint = about.get(at).map(ToString::to_string).unwrap_or_default();
            Refusal::kernel(format!("connect {endpoint}"))(error)
        })
    }

    /// Readies the interfaces in the nodes; their carrier comes later, with the outer ends.
    fn bring_up(&mut self, wires: &[(LinkId, Wire)]) -> Result<(), Refusal> {
        let mut requests: BTreeMap<&NodeName, Vec<Asked>> = BTreeMap::new();
        for End { endpoint, .. } in wires.iter().flat_map(|(_, wire)| &wire.ends) {
            let name = endpoint.interface.as_str();
            if let Some(node) = self.nodes.get(&endpoint.node) {
                node.compute_checksums(name).map_err(Refusal::kernel(format!(
                    "turn checksum offload off on {endpoint}"
                )))?;
            }
            requests
                .entry(&endpoint.node)
                .or_default()
                .push(messages::bring_up(name));
        }
        for (node, requests) in requests {
            if let Some(net) = self.nodes.get_mut(node) {
                net.netlink
                    .carry_out(requests)
                    .map_err(|(_, error)| error)
                    .map_err(Refusal::kernel(format!("set the interfaces of {node} up")))?;
            }
        }
        Ok(())
    }

    /// Reacts to what the kernel told about a node's interfaces: its `shutdown` is carrier loss at the far end.
    pub(super) fn node_changed(&mut self, node: &NodeName) {
        let touched = self.take_changes(node);
        if let Err(refusal) = self.set_carriers(&touched) {
            tracing::error!(%node, %refusal, "could not follow an interface of a node");
        }
    }

    fn take_changes(&mut self, node: &NodeName) -> Vec<LinkId> {
        let changes = self.nodes.get_mut(node).map(NodeNet::changes).unwrap_or_default();
        let mut touched = Vec::new();
        for change in changes {
            for (id, wire) in &mut self.wires {
                for end in wire.ends.iter_mut().filter(|end| end.endpoint.node == *node) {
                    if end.takes(&change) {
                        touched.push(id.clone());
                    }
                }
            }
        }
        touched
    }

    /// Brings the outer ends of wires to the carrier that they must have.
    pub(super) fn set_carriers(&mut self, wires: &[LinkId]) -> Result<(), Refusal> {
        let mut requests = Vec::new();
        let mut about = Vec::new();
        for id in wires {
            let Some(wire) = self.wires.get_mut(id) else {
                continue;
            };
            for at in 0..wire.ends.len() {
                let wanted = wire.wanted(at);
                let end = &mut wire.ends[at];
                if end.outer_up != wanted {
                    end.outer_up = wanted;
                    requests.push(messages::set_up(end.outer, wanted));
                    about.push(end.endpoint.clone());
                }
            }
        }
        self.netlink.carry_out(requests).map_err(|(at, error)| {
            let endpoint = about.get(at).map(ToString::to_string).unwrap_or_default();
            Refusal::kernel(format!("set the carrier of {endpoint}"))(error)
        })
    }

    /// Cuts or restores a wire.
    pub(super) fn set_cut(&mut self, id: &LinkId, cut: bool) -> Result<(), Refusal> {
        self.wire(id)?;
        if let Some(wire) = self.wires.get_mut(id) {
            wire.cut = cut;
        }
        self.set_carriers(std::slice::from_ref(id))
    }

    /// Starts to capture a wire.
    pub(super) fn capture(&mut self, id: &LinkId, file: OwnedFd) -> Result<CaptureId, Refusal> {
        let ends = self.wire(id)?.ends.iter();
        let ends: Vec<_> = ends.map(|end| (end.outer, end.endpoint.to_string())).collect();
        let capture = Capture::start(&ends, file.into()).map_err(Refusal::kernel(format!("capture {id}")))?;
        self.last_capture += 1;
        let number = CaptureId(self.last_capture);
        self.captures.insert(number, capture);
        Ok(number)
    }

    /// Stops a capture. Returns how many frames it wrote.
    pub(super) fn stop_capture(&mut self, id: CaptureId) -> Result<u64, Refusal> {
        let capture = self.captures.remove(&id).ok_or(Refusal::NoSuchCapture(id))?;
        capture
            .finish()
            .map_err(Refusal::kernel(format!("write capture {id}")))
    }

    pub(super) fn wire(&self, id: &LinkId) -> Result<&Wire, Refusal> {
        self.wires.get(id).ok_or_else(|| Refusal::NoSuchWire {
            wire: id.clone(),
            known: self.wires.keys().cloned().collect(),
        })
    }
}

impl End {
    /// Takes over what changed. Returns whether its administrative state did.
    fn takes(&mut self, change: &Interface) -> bool {
        let ours = match self.inner {
            Some(index) => index == change.index,
            None => self.endpoint.interface.as_str() == change.name && !change.gone,
        };
        if !ours {
            return false;
        }
        self.inner = (!change.gone).then_some(change.index);
        let up = change.up && !change.gone;
        let changed = self.inner_up != up;
        self.inner_up = up;
        changed
    }
}

/// Makes an empty network namespace.
fn hole() -> io::Result<(OwnedFd, Netlink)> {
    std::thread::spawn(|| -> io::Result<_> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        set_ipv6("default", false);
        let netns = std::fs::File::open("/proc/thread-self/ns/net")?;
        Ok((netns.into(), Netlink::open()?))
    })
    .join()
    .map_err(|_| io::Error::other("the thread that makes a namespace panicked"))?
}

/// Keeps the patch namespace from saying anything on the wires: IPv6 would announce itself on every outer end.
fn quieten() {
    set_ipv6("all", false);
    set_ipv6("default", false);
}

/// Switches IPv6 for interfaces made from now on (`default`), in the calling thread's network namespace.
fn set_ipv6(which: &str, on: bool) {
    let path = format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6");
    if let Err(error) = std::fs::write(&path, if on { "0" } else { "1" }) {
        tracing::warn!(%path, %error, "could not set IPv6 in the patch namespace");
    }
}
