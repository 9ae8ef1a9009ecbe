//! Blocks and leases: what is done to wires and undone again.
//!
//! A block owns one filter priority on each hook that it uses, so that one request removes all its filters at once.

use std::time::{Duration, Instant};

use crate::topology::model::LinkId;

use super::super::error::Refusal;
use super::super::model::{BlockId, Direction, Lease, Traffic};
use super::matches;
use super::messages::{self, Hook};
use super::netlink::Asked;
use super::patch::{End, Patch};

/// A block in force.
pub(super) struct Block {
    pub(super) wire: LinkId,
    pub(super) direction: Direction,
    pub(super) traffic: Traffic,
    pub(super) places: Vec<Place>,
}

/// Where a block's filters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) hook: Hook,
    pub(super) priority: u16,
    /// Whether it meets what end a sent.
    pub(super) from_a: bool,
}

impl Patch {
    /// Drops `traffic` on a wire.
    pub(super) fn block(
        &mut self,
        id: &LinkId,
        direction: Direction,
        traffic: Traffic,
    ) -> Result<BlockId, Refusal> {
        let mut places = Vec::new();
        let mut requests = Vec::new();
        for (mut place, pass) in self.hooks(id, direction)? {
            let Place { index, hook, .. } = place;
            let priority = self
                .free_priority(index, hook, traffic)
                .ok_or_else(|| Refusal::Full(id.clone()))?;
            place.priority = priority;
            places.push(place);
            requests.extend(matches::of(traffic).into_iter().map(|matching| {
                let target = if matching.pass { pass } else { Some(Self::sink()) };
                messages::add_filter(index, hook, priority, &matching.keys, target)
            }));
        }
        if let Err((_, error)) = self.netlink.carry_out(requests) {
            let _ = self.netlink.carry_out(removal(&places));
            return Err(Refusal::kernel(format!("block traffic on {id}"))(error));
        }
        self.last_block += 1;
        let block = BlockId(self.last_block);
        self.blocks.insert(
            block,
            Block {
                wire: id.clone(),
                direction,
                traffic,
                places,
            },
        );
        Ok(block)
    }

    /// Removes a block.
    pub(super) fn unblock(&mut self, id: BlockId) -> Result<(), Refusal> {
        let block = self.blocks.get(&id).ok_or(Refusal::NoSuchBlock(id))?;
        self.netlink
            .carry_out(removal(&block.places))
            .map_err(|(_, error)| error)
            .map_err(Refusal::kernel(format!("remove a block from {}", block.wire)))?;
        self.blocks.remove(&id);
        Ok(())
    }

    /// The places that see what one side sends, with where such frames go otherwise.
    fn hooks(&self, id: &LinkId, direction: Direction) -> Result<Vec<(Place, Option<u32>)>, Refusal> {
        let place = |end: &End, hook, from_a| Place {
            index: end.outer,
            hook,
            priority: 0,
            from_a,
        };
        let ends = &self.wire(id)?.ends;
        let mut hooks = Vec::new();
        if matches!(direction, Direction::AToB | Direction::Both) {
            hooks.extend(ends.first().map(|a| (place(a, Hook::Ingress, true), a.target)));
        }
        if matches!(direction, Direction::BToA | Direction::Both) {
            match (ends.first(), ends.get(1)) {
                (_, Some(b)) => hooks.push((place(b, Hook::Ingress, false), b.target)),
                // The bridge has many senders, and only here do their frames meet this wire. None of them notices a
                // redirect at egress: it counts as sent.
                (Some(a), None) => hooks.push((place(a, Hook::Egress, false), None)),
                (None, None) => {}
            }
        }
        Ok(hooks)
    }

    fn free_priority(&self, index: u32, hook: Hook, traffic: Traffic) -> Option<u16> {
        let mut range = if matches::is_catch_all(traffic) {
            500..900
        } else {
            1..500
        };
        let places: Vec<Place> = self
            .blocks
            .values()
            .flat_map(|block| block.places.iter().copied())
            .filter(|place| place.index == index && place.hook == hook)
            .collect();
        range.find(|priority| places.iter().all(|place| place.priority != *priority))
    }

    /// Takes or drops the lease on something.
    pub(super) fn set_lease(&mut self, what: Lease, lease: Option<Duration>) {
        match lease {
            Some(time) => self.leases.insert(what, (time, Instant::now() + time)),
            None => self.leases.remove(&what),
        };
    }

    /// Gives leases their full time again. Returns those still held.
    pub(super) fn renew(&mut self, leases: Vec<Lease>) -> Vec<Lease> {
        let mut held = |what: &Lease| {
            self.leases
                .get_mut(what)
                .map(|(time, end)| *end = Instant::now() + *time)
        };
        leases.into_iter().filter(|what| held(what).is_some()).collect()
    }

    /// Returns when the next lease ends.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.leases.values().map(|(_, end)| *end).min()
    }

    /// Undoes everything whose lease has ended.
    pub(super) fn expire(&mut self, now: Instant) {
        let over: Vec<Lease> = self
            .leases
            .iter()
            .filter(|(_, (_, end))| *end <= now)
            .map(|(what, _)| what.clone())
            .collect();
        for what in over {
            self.leases.remove(&what);
            let undone = match &what {
                Lease::Cut(wire) => self.set_cut(wire, false),
                Lease::Block(block) => self.unblock(*block),
            };
            if let Err(refusal) = undone {
                tracing::error!(?what, %refusal, "could not undo what nobody renewed");
            }
        }
    }
}

fn removal(places: &[Place]) -> Vec<Asked> {
    places
        .iter()
        .map(|place| messages::delete_filters(place.index, place.hook, place.priority))
        .collect()
}
