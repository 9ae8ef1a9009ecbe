//! Layer 2 learning: owns what the switch learns, how long it remembers, and where it floods.
//!
//! Everything it tells the forwarding side is a lease (see [`crate::switch::pipeline`]): the failure that matters most
//! here, this daemon dead while everything else is fine, needs no code of its own.

mod defect;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

pub use defect::{is_fatal, trigger};

use crate::base::MonoTime;
use crate::switch::SwitchError;
use crate::switch::daemon::{ACTIVE, Active, Complaints, ICCP_STATE, L2ALD_SOCKET, TICK, Watched, log};
use crate::switch::iccpd::Decision;
use crate::switch::lines::{LineServer, wait};
use crate::switch::links::links;
use crate::switch::ovs::{BRIDGE, OpenFlow, Vswitchd};
use crate::switch::pipeline::{self, Layout, Learning, MacEntry};
use crate::switch::state::{MacTable, parse_lacp, parse_mac_table};

const NAME: &str = "l2ald";
/// How often leased flows are said again.
const RENEWAL: Duration = Duration::from_secs(1);
/// Least time between two changes of flows, whatever happens.
const PAUSE: Duration = Duration::from_millis(400);

/// Runs l2ald until it is killed, or the modelled defect kills it.
#[must_use]
pub fn daemon_main(_args: Vec<OsString>) -> ExitCode {
    let mut server = match LineServer::listen(L2ALD_SOCKET) {
        Ok(server) => server,
        Err(error) => {
            log(
                NAME,
                &format!("failed to {}", crate::base::ErrorChain::new(&error)),
            );
            return ExitCode::FAILURE;
        }
    };
    let mut daemon = Daemon::new();
    let mut complaints = Complaints::default();
    loop {
        wait(&server.descriptors(), TICK);
        server.serve(|request| daemon.answer(request));
        let outcome = daemon.tick();
        complaints.settle(NAME, outcome);
    }
}

struct Daemon {
    active: Watched<Active>,
    decision: Watched<Decision>,
    vswitchd: Vswitchd,
    layout: Layout,
    peer: BTreeSet<MacEntry>,
    down: BTreeSet<u32>,
    looked: MonoTime,
    /// Flushes to be done with the next change.
    flushes: Vec<String>,
    dirty: bool,
    written: MonoTime,
}

impl Daemon {
    fn new() -> Self {
        Self {
            active: Watched::new(ACTIVE),
            decision: Watched::new(ICCP_STATE),
            vswitchd: Vswitchd::at(Path::new("/")),
            layout: Layout::default(),
            peer: BTreeSet::new(),
            down: BTreeSet::new(),
            looked: MonoTime::default(),
            flushes: Vec::new(),
            dirty: false,
            written: MonoTime::default(),
        }
    }

    fn tick(&mut self) -> Result<(), SwitchError> {
        if self.active.poll()
            && let Some(active) = &self.active.value
        {
            defect::check(&active.config);
            self.layout = Layout::of(&active.config);
            self.dirty = true;
        }
        if self.active.value.is_none() {
            return Ok(());
        }
        self.follow_iccp();
        self.flush_dead_ports()?;
        let since = MonoTime::now().since(self.written);
        if since >= RENEWAL || (self.dirty && since >= PAUSE) {
            self.written = MonoTime::now();
            self.renew()?;
        }
        Ok(())
    }

    fn iccp_up(&self) -> bool {
        self.decision
            .value
            .as_ref()
            .is_some_and(|decision| decision.iccp_up)
    }

    fn follow_iccp(&mut self) {
        let before = self.iccp_up();
        self.decision.poll();
        let now = self.iccp_up();
        if before == now {
            return;
        }
        self.dirty = true;
        if now && let Some(icl) = self.layout.icl() {
            // What was learned over the ICL while nobody told us better would now lead into the split horizon.
            let stale = icl.vlans.iter().filter(|vlan| self.layout.on_mc_ae(**vlan));
            self.flushes
                .extend(stale.map(|vlan| pipeline::flush_port_vlan(icl.id, *vlan)));
        }
        if !now {
            self.peer.clear();
        }
    }

    /// Forgets what was learned on ports that carry nothing any more, unless their traffic goes round over the ICL.
    fn flush_dead_ports(&mut self) -> Result<(), SwitchError> {
        let now = MonoTime::now();
        if now.since(self.looked) < TICK * 2 {
            return Ok(());
        }
        self.looked = now;
        let links = links()?;
        let lacp = parse_lacp(&self.vswitchd.command("lacp/show", &[])?);
        let down: BTreeSet<u32> = self
            .layout
            .ports
            .values()
            .filter(|port| port.mc_ae.is_none() && port.irb.is_none())
            .filter(|port| {
                !port.members.keys().any(|name| {
                    let running = links.get(name).is_some_and(|link| link.running);
                    running && (!port.lacp || lacp.get(name).is_some_and(|member| member.carries))
                })
            })
            .map(|port| port.id)
            .collect();
        for port in down.difference(&self.down) {
            self.flushes.push(pipeline::flush_port(*port));
            self.dirty = true;
        }
        self.down = down;
        Ok(())
    }

    fn renew(&mut self) -> Result<(), SwitchError> {
        let Some(active) = &self.active.value else {
            return Ok(());
        };
        let learning = Learning {
            ageing: Duration::from_millis(active.config.mac_table_aging_ms),
            iccp_up: self.iccp_up(),
        };
        let mut lines = Vec::new();
        if self.dirty {
            // What is no longer learned must stop at once, not at the end of its lease: it would undo the flushes.
            lines.extend(pipeline::forget_all());
        }
        lines.extend(self.flushes.iter().cloned());
        lines.extend(pipeline::learning_flows(&self.layout, learning));
        lines.extend(pipeline::peer_flows(&self.layout, learning, &self.peer));
        OpenFlow.flows(&lines)?;
        if !self.dirty {
            self.flushes.clear();
        }
        // Flushes are said twice: the datapath may have been about to report a last frame of the old kind.
        self.dirty = false;
        Ok(())
    }

    fn answer(&mut self, request: &Value) -> Value {
        match request["op"].as_str() {
            Some("hold") => Value::Null,
            Some("mac-table") => match self.table() {
                Ok(table) => json!({"entries": self.own_entries(&table), "peer": self.peer.len()}),
                Err(error) => json!({"error": error.to_string()}),
            },
            Some("peer-macs") => match serde_json::from_value(request["entries"].clone()) {
                Ok(entries) => {
                    self.dirty |= self.peer != entries;
                    self.peer = entries;
                    json!({"ok": true})
                }
                Err(error) => json!({"error": error.to_string()}),
            },
            Some("status") => match self.table() {
                Ok(table) => json!({"local": table.local(), "remote": table.remote()}),
                Err(error) => json!({"error": error.to_string()}),
            },
            _ => json!({"error": "unknown op (known: hold, mac-table, peer-macs, status)"}),
        }
    }

    fn table(&mut self) -> Result<MacTable, SwitchError> {
        Ok(parse_mac_table(
            &self.vswitchd.command("bridge/dump-flows", &[BRIDGE])?,
        ))
    }

    /// What the peer should know: addresses learned here in VLANs of MC-AEs, and this switch's own there.
    fn own_entries(&self, table: &MacTable) -> BTreeSet<MacEntry> {
        let learned = table
            .entries
            .iter()
            .filter(|entry| entry.local)
            .filter_map(|entry| {
                let port = self.layout.ports.get(&entry.port).filter(|port| !port.icl)?;
                Some(MacEntry {
                    vlan: entry.vlan,
                    mac: entry.mac.clone(),
                    mc_ae: port.mc_ae,
                })
            });
        let host_name = self
            .active
            .value
            .as_ref()
            .map_or("", |active| active.config.host_name.as_str());
        let own = self.layout.ports.values().filter_map(|port| {
            Some(MacEntry {
                vlan: *port.vlans.first()?,
                mac: pipeline::irb_mac(host_name, port.irb?),
                mc_ae: None,
            })
        });
        learned
            .chain(own)
            .filter(|entry| self.layout.on_mc_ae(entry.vlan))
            .collect()
    }
}
