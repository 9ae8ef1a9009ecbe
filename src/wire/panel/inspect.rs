//! How wires are, read back from the kernel: never from what the panel believes it did.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use rtnetlink::packet_core::Parseable;
use rtnetlink::packet_route::tc::{
    TcAction, TcActionAttribute, TcActionMirrorOption, TcActionOption, TcAttribute, TcFilterU32Option,
    TcMessage, TcOption, TcStats2, TcU32Key,
};

use crate::topology::model::LinkId;

use super::super::error::Refusal;
use super::super::model::{BlockState, EndConfig, Passed, WireConfig, WireState};
use super::blocks::Place;
use super::messages::{self, Hook};
use super::netlink::{Interface, Netlink};
use super::patch::{End, Patch};

/// A filter as the kernel has it.
struct Filter {
    priority: u16,
    keys: Vec<TcU32Key>,
    target: Option<u32>,
    passed: Passed,
}

impl Patch {
    /// Reads how a wire is.
    pub(super) fn state(&mut self, id: &LinkId) -> Result<WireState, Refusal> {
        let failed = || format!("read the state of {id}");
        let outers: Vec<u32> = self.wire(id)?.ends.iter().map(|end| end.outer).collect();
        let mut filters = BTreeMap::new();
        for outer in &outers {
            for hook in [Hook::Ingress, Hook::Egress] {
                let list = filters_of(&mut self.netlink, *outer, hook).map_err(Refusal::kernel(failed()))?;
                filters.insert((*outer, hook), list);
            }
        }
        let mut inner = Vec::new();
        for at in 0..outers.len() {
            inner.push(self.inner(id, at)?);
        }
        let wire = self.wire(id)?;
        let dropped = |places: &[Place], from_a| {
            let here = places.iter().filter(|place| place.from_a == from_a);
            here.filter_map(|place| Some((place, filters.get(&(place.index, place.hook))?)))
                .flat_map(|(place, list)| list.iter().filter(|filter| filter.priority == place.priority))
                .filter(|filter| filter.target == Some(Self::sink()))
                .map(|filter| filter.passed.packets)
                .sum()
        };
        let blocks = self.blocks.iter().filter(|(_, block)| block.wire == *id);
        let blocks = blocks.map(|(id, block)| BlockState {
            id: *id,
            traffic: block.traffic,
            direction: block.direction,
            dropped_a_to_b: dropped(&block.places, true),
            dropped_b_to_a: dropped(&block.places, false),
        });
        let carried = |end: Option<&End>| {
            let end = end?;
            let list = filters.get(&(end.outer, Hook::Ingress))?;
            let carried = list.iter().filter(|filter| filter.target == end.target);
            Some(carried.fold(Passed::default(), |sum, filter| Passed {
                packets: sum.packets + filter.passed.packets,
                bytes: sum.bytes + filter.passed.bytes,
            }))
        };
        let (a, b) = (inner.first(), inner.get(1));
        Ok(WireState {
            a_inner_up: a.is_some_and(|a| a.up),
            b_inner_up: b.is_none_or(|b| b.up),
            a_carrier: a.is_some_and(|a| a.carrier),
            b_carrier: b.map_or(!wire.cut, |b| b.carrier),
            cut: wire.cut,
            blocks: blocks.collect(),
            a_to_b: carried(wire.ends.first()).unwrap_or_default(),
            b_to_a: carried(wire.ends.get(1)).unwrap_or_default(),
        })
    }

    /// Reads how all wires are configured.
    pub(super) fn snapshot(&mut self) -> Result<Vec<WireConfig>, Refusal> {
        let failed = || "read the configuration of all wires".to_owned();
        let links = self
            .netlink
            .dump(messages::list_links())
            .map_err(Refusal::kernel(failed()))?;
        let links: BTreeMap<u32, Interface> = links
            .iter()
            .filter_map(Interface::read)
            .map(|link| (link.index, link))
            .collect();
        let ids: Vec<LinkId> = self.wires.keys().cloned().collect();
        let mut wires = Vec::new();
        for wire in ids {
            let count = self.wire(&wire)?.ends.len();
            let mut ends = Vec::new();
            for at in 0..count {
                let inner_up = self.inner(&wire, at)?.up;
                let end = &self.wires[&wire].ends[at];
                let (outer, endpoint) = (end.outer, end.endpoint.clone());
                let mut filters = Vec::new();
                for (hook, name) in [(Hook::Ingress, "from node"), (Hook::Egress, "to node")] {
                    let list =
                        filters_of(&mut self.netlink, outer, hook).map_err(Refusal::kernel(failed()))?;
                    filters.extend(list.iter().map(|filter| filter.line(name, &links)));
                }
                let link = links.get(&outer);
                ends.push(EndConfig {
                    endpoint,
                    inner_up,
                    outer_up: link.is_some_and(|link| link.up),
                    mtu: link.map_or(0, |link| link.mtu),
                    filters,
                });
            }
            wires.push(WireConfig { wire, ends });
        }
        Ok(wires)
    }

    /// The interface in the node as it is now; one that is not up when the node removed it.
    fn inner(&mut self, id: &LinkId, at: usize) -> Result<Interface, Refusal> {
        let end = &self.wire(id)?.ends[at];
        let (endpoint, index) = (end.endpoint.clone(), end.inner);
        let Some(node) = self.nodes.get_mut(&endpoint.node) else {
            return Err(Refusal::NoSuchNode(endpoint.node));
        };
        let list = node
            .interfaces()
            .map_err(Refusal::kernel(format!("look at {endpoint}")))?;
        Ok(list
            .into_iter()
            .find(|interface| Some(interface.index) == index)
            .unwrap_or_default())
    }
}

impl Filter {
    fn line(&self, hook: &str, links: &BTreeMap<u32, Interface>) -> String {
        let mut line = format!("{hook}, {}:", self.priority);
        for key in &self.keys {
            let _ = if key.mask == 0 {
                write!(line, " everything")
            } else {
                write!(line, " {:#x}/{:#x} at {}", key.val, key.mask, key.off)
            };
        }
        let target = self.target.map(|index| {
            links
                .get(&index)
                .map_or_else(|| format!("interface {index}"), |link| link.name.clone())
        });
        line.push_str(" to ");
        line.push_str(target.as_deref().unwrap_or("its way"));
        line
    }
}

fn filters_of(netlink: &mut Netlink, index: u32, hook: Hook) -> io::Result<Vec<Filter>> {
    let list = netlink.dump(messages::list_filters(index, hook))?;
    let mut filters = Vec::new();
    for told in &list {
        let message = TcMessage::parse(told.payload.as_slice()).map_err(io::Error::other)?;
        filters.extend(filter(&message));
    }
    Ok(filters)
}

/// Reads a filter; none for the hash tables that the kernel lists beside them.
fn filter(message: &TcMessage) -> Option<Filter> {
    let mut filter = Filter {
        priority: u16::try_from(message.header.info >> 16).ok()?,
        keys: Vec::new(),
        target: None,
        passed: Passed::default(),
    };
    for attribute in &message.attributes {
        let TcAttribute::Options(options) = attribute else {
            continue;
        };
        for option in options {
            match option {
                TcOption::U32(TcFilterU32Option::Selector(selector)) => {
                    filter.keys.clone_from(&selector.keys);
                }
                TcOption::U32(TcFilterU32Option::Action(actions)) => {
                    for action in actions {
                        filter.take(action);
                    }
                }
                _ => {}
            }
        }
    }
    (!filter.keys.is_empty()).then_some(filter)
}

impl Filter {
    fn take(&mut self, action: &TcAction) {
        for attribute in &action.attributes {
            match attribute {
                TcActionAttribute::Options(options) => {
                    for option in options {
                        if let TcActionOption::Mirror(TcActionMirrorOption::Parms(mirror)) = option {
                            self.target = Some(mirror.ifindex);
                        }
                    }
                }
                TcActionAttribute::Stats(stats) => {
                    for stat in stats {
                        if let TcStats2::Basic(basic) = stat {
                            self.passed.packets = basic.packets.into();
                            self.passed.bytes = basic.bytes;
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
