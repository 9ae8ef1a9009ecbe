//! What the two switches keep each other informed of: legs that carry traffic, and learned addresses.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::message::Message;
use crate::base::MonoTime;
use crate::switch::SwitchError;
use crate::switch::config::model::SwitchConfig;
use crate::switch::daemon::L2ALD_SOCKET;
use crate::switch::links::links;
use crate::switch::ovs::Vswitchd;
use crate::switch::pipeline::{Layout, MacEntry};
use crate::switch::state::{ask_within, parse_lacp};

/// How often the local legs are looked at.
const LEGS: Duration = Duration::from_millis(100);
/// How often l2ald is asked what it learned.
const MACS: Duration = Duration::from_millis(500);
/// How long l2ald may take: a stopped one must not stop this daemon.
const PATIENCE: Duration = Duration::from_millis(200);

/// Both sides' tables as far as they concern the peering.
#[derive(Debug)]
pub(super) struct Tables {
    layout: Layout,
    vswitchd: Vswitchd,
    /// Legs of the peer that carry traffic.
    pub(super) peer_legs: BTreeSet<u16>,
    peer_macs: BTreeSet<MacEntry>,
    peer_macs_passed: bool,
    told_legs: Option<BTreeSet<u16>>,
    told_macs: BTreeSet<MacEntry>,
    looked_legs: MonoTime,
    looked_macs: MonoTime,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            vswitchd: Vswitchd::at(Path::new("/")),
            peer_legs: BTreeSet::new(),
            peer_macs: BTreeSet::new(),
            peer_macs_passed: true,
            told_legs: None,
            told_macs: BTreeSet::new(),
            looked_legs: MonoTime::default(),
            looked_macs: MonoTime::default(),
        }
    }
}

impl Tables {
    pub(super) fn configure(&mut self, config: &SwitchConfig) {
        self.layout = Layout::of(config);
    }

    /// The peering is down: nothing is known of the peer any more.
    pub(super) fn forget_peer(&mut self) {
        self.peer_legs.clear();
        self.peer_macs.clear();
    }

    /// The peer is a new one: it knows nothing of us.
    pub(super) fn tell_all_again(&mut self) {
        self.told_legs = None;
        self.told_macs.clear();
        self.looked_legs = MonoTime::default();
        self.looked_macs = MonoTime::default();
    }

    pub(super) fn receive(&mut self, message: &Message) {
        match message {
            Message::AggregatorState { up } => self.peer_legs.clone_from(up),
            Message::MacSync { add, withdraw } => {
                self.peer_macs.retain(|entry| !withdraw.contains(entry));
                self.peer_macs.extend(add.iter().cloned());
                self.peer_macs_passed = false;
            }
            Message::Connect { .. } | Message::Keepalive => {}
        }
    }

    /// Tells the peer what changed here and l2ald what changed there.
    pub(super) fn step(&mut self, mut send: impl FnMut(&Message)) -> Result<(), SwitchError> {
        let now = MonoTime::now();
        if now.since(self.looked_legs) >= LEGS {
            self.looked_legs = now;
            let up = self.legs()?;
            if self.told_legs.as_ref() != Some(&up) {
                send(&Message::AggregatorState { up: up.clone() });
                self.told_legs = Some(up);
            }
        }
        if now.since(self.looked_macs) >= MACS {
            self.looked_macs = now;
            let (learned, known) = learned()?;
            let add: BTreeSet<MacEntry> = learned.difference(&self.told_macs).cloned().collect();
            let withdraw: BTreeSet<MacEntry> = self.told_macs.difference(&learned).cloned().collect();
            if !add.is_empty() || !withdraw.is_empty() {
                send(&Message::MacSync { add, withdraw });
                self.told_macs = learned;
            }
            // A restarted l2ald knows nothing of the peer.
            if !self.peer_macs_passed || known != self.peer_macs.len() as u64 {
                ask_l2ald(&json!({"op": "peer-macs", "entries": self.peer_macs}))?;
                self.peer_macs_passed = true;
            }
        }
        Ok(())
    }

    fn legs(&mut self) -> Result<BTreeSet<u16>, SwitchError> {
        let lacp = parse_lacp(&self.vswitchd.command("lacp/show", &[])?);
        let links = links()?;
        let carries = |name: &String, with_lacp: bool| {
            let running = links.get(name).is_some_and(|link| link.running);
            running && (!with_lacp || lacp.get(name).is_some_and(|member| member.carries))
        };
        Ok(self
            .layout
            .ports
            .values()
            .filter(|port| port.members.keys().any(|name| carries(name, port.lacp)))
            .filter_map(|port| port.mc_ae)
            .collect())
    }
}

/// What l2ald learned here, and how many addresses of the peer it knows.
fn learned() -> Result<(BTreeSet<MacEntry>, u64), SwitchError> {
    let answer = ask_l2ald(&json!({"op": "mac-table"}))?;
    let entries = serde_json::from_value(answer["entries"].clone())
        .map_err(|error| SwitchError::protocol("l2ald", error))?;
    Ok((entries, answer["peer"].as_u64().unwrap_or_default()))
}

fn ask_l2ald(request: &Value) -> Result<Value, SwitchError> {
    let answer = ask_within(Path::new(L2ALD_SOCKET), &request.to_string(), PATIENCE)?;
    serde_json::from_str(&answer).map_err(|error| SwitchError::protocol("l2ald", error))
}
