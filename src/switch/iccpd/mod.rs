//! The peer protocol of the MC-LAG pair: liveness of the peer, whose system ID to announce, legs and MAC tables.
//!
//! It decides and tells; dcd and l2ald act on [`Decision`], which outlives this daemon on purpose: an iccpd that dies
//! takes no bundle down by itself.

mod detection;
mod liveness;
mod machine;
mod message;
mod session;
mod tables;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use machine::{Backup, Inputs, Machine, Phase, SystemId, Timers};

use crate::base::MonoTime;
use crate::switch::SwitchError;
use crate::switch::config::model::{Iccp, SwitchConfig};
use crate::switch::daemon::{
    ACTIVE, Active, Complaints, ICCP_STATE, ICCPD_SOCKET, Watched, log, replace_file,
};
use crate::switch::lines::{LineServer, wait};
use crate::switch::pipeline;
use crate::switch::state::IccpStatus;
use message::Message;

const NAME: &str = "iccpd";
/// How often BFD is asked: half of what its loss may add to the outage of an incident.
const TICK: Duration = Duration::from_millis(50);

/// What iccpd tells dcd and l2ald.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the peering is up.
    pub iccp_up: bool,
    /// What the MC-AEs announce.
    pub system_id: SystemId,
    /// `mc-ae-id`s whose leg at the peer carries traffic.
    pub peer_legs: BTreeSet<u16>,
}

/// Runs iccpd until it is killed.
#[must_use]
pub fn daemon_main(_args: Vec<OsString>) -> ExitCode {
    let mut server = match LineServer::listen(ICCPD_SOCKET) {
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
        let mut descriptors = server.descriptors();
        if let Some(peering) = &daemon.peering {
            descriptors.extend(peering.session.descriptors());
        }
        wait(&descriptors, TICK);
        server.serve(|request| daemon.answer(request));
        let outcome = daemon.tick();
        complaints.settle(NAME, outcome);
    }
}

struct Daemon {
    active: Watched<Active>,
    told: Watched<Decision>,
    peering: Option<Peering>,
    tables: tables::Tables,
}

struct Peering {
    iccp: Iccp,
    machine: Machine,
    session: session::Session,
    detection: detection::Detection,
    liveness: liveness::Liveness,
    asked_bfd: MonoTime,
}

impl Daemon {
    fn new() -> Self {
        let mut told = Watched::new(ICCP_STATE);
        told.poll();
        Self {
            active: Watched::new(ACTIVE),
            told,
            peering: None,
            tables: tables::Tables::default(),
        }
    }

    fn tick(&mut self) -> Result<(), SwitchError> {
        if self.active.poll()
            && let Some(Active { config, .. }) = self.active.value.clone()
        {
            self.configure(&config)?;
            self.tables.configure(&config);
        }
        let Some(peering) = &mut self.peering else {
            return self.tell(Decision::default());
        };
        let outcome = peering.step(&mut self.tables);
        let iccp_up = peering.machine.phase() == Phase::Up;
        let system_id = peering.machine.system_id();
        if !iccp_up {
            self.tables.forget_peer();
        }
        self.tell(Decision {
            iccp_up,
            system_id,
            peer_legs: self.tables.peer_legs.clone(),
        })?;
        outcome
    }

    fn configure(&mut self, config: &SwitchConfig) -> Result<(), SwitchError> {
        if self.peering.as_ref().map(|peering| &peering.iccp) == config.iccp.as_ref() {
            return Ok(());
        }
        let former = self.peering.take();
        let Some(iccp) = &config.iccp else {
            return former.map_or(Ok(()), |mut former| former.detection.remove());
        };
        let system_id = self
            .told
            .value
            .as_ref()
            .map(|told| told.system_id)
            .unwrap_or_default();
        self.peering = Some(Peering::new(config, iccp, system_id));
        match former {
            Some(mut former) if former.iccp.peer != iccp.peer || former.iccp.local != iccp.local => {
                former.detection.remove()
            }
            _ => Ok(()),
        }
    }

    fn tell(&mut self, decision: Decision) -> Result<(), SwitchError> {
        if self.told.value.as_ref() == Some(&decision) {
            return Ok(());
        }
        let text =
            serde_json::to_string(&decision).map_err(|error| SwitchError::protocol(ICCP_STATE, error))?;
        replace_file(ICCP_STATE, &text)?;
        self.told.value = Some(decision);
        Ok(())
    }

    fn answer(&mut self, request: &Value) -> Value {
        if request["op"].as_str() != Some("status") {
            return json!({"error": "unknown op (known: status)"});
        }
        let status = self
            .peering
            .as_ref()
            .map(|peering| peering.status(self.active.value.as_ref(), &self.tables));
        // `null` would be taken for no answer.
        status.map_or_else(|| json!({"peer": ""}), |status| json!(status))
    }
}

impl Peering {
    fn new(config: &SwitchConfig, iccp: &Iccp, system_id: SystemId) -> Self {
        let timers = Timers {
            hold: Duration::from_millis(iccp.hold_ms),
            silence: liveness::SILENCE,
        };
        let greeting = Message::Connect {
            host_name: config.host_name.clone(),
            system_id: pipeline::chassis_mac(&config.host_name),
        };
        Self {
            iccp: iccp.clone(),
            machine: Machine::new(timers, MonoTime::now(), system_id),
            session: session::Session::new(iccp.local, iccp.peer, greeting),
            detection: detection::Detection::new(iccp),
            liveness: liveness::Liveness::new(iccp.backup_peer),
            asked_bfd: MonoTime::default(),
        }
    }

    fn step(&mut self, tables: &mut tables::Tables) -> Result<(), SwitchError> {
        let now = MonoTime::now();
        let mut outcomes = vec![self.liveness.step()];
        if now.since(self.asked_bfd) >= TICK {
            self.asked_bfd = now;
            outcomes.push(self.detection.step());
        }
        if !self.detection.is_up() {
            self.session.close();
        }
        let was_up = self.session.is_up();
        match self.session.step(self.detection.is_up()) {
            Ok(messages) => messages.iter().for_each(|message| tables.receive(message)),
            Err(error) => outcomes.push(Err(error)),
        }
        if self.session.is_up() && !was_up {
            tables.tell_all_again();
        }
        let inputs = Inputs {
            now: MonoTime::now(),
            bfd_up: self.detection.is_up(),
            session_up: self.session.is_up(),
            backup: self.liveness.backup(),
        };
        for line in self.machine.step(&inputs) {
            log(NAME, &line);
        }
        if self.session.is_up() {
            outcomes.push(tables.step(|message| self.session.send(message)));
        }
        outcomes.into_iter().collect()
    }

    fn status(&self, active: Option<&Active>, tables: &tables::Tables) -> IccpStatus {
        let word = |up| if up { "up" } else { "down" }.to_owned();
        let mut mc_aes = active
            .iter()
            .flat_map(|active| active.config.aggregates.values())
            .filter_map(|aggregate| aggregate.mc_ae.as_ref());
        let is_active = mc_aes.next().is_some_and(|mc_ae| mc_ae.status_control_active);
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        IccpStatus {
            peer: self.iccp.peer.to_string(),
            state: word(self.machine.phase() == Phase::Up),
            backup_liveness: match self.liveness.backup() {
                Backup::NotConfigured => "unconfigured".to_owned(),
                Backup::Heard(heard) => {
                    word(heard.is_some_and(|heard| MonoTime::now().since(heard) < liveness::SILENCE))
                }
            },
            role: if is_active { "active" } else { "standby" }.to_owned(),
            system_id: text(json!(self.machine.system_id())),
            phase: text(json!(self.machine.phase())),
            peer_legs: tables.peer_legs.iter().copied().collect(),
        }
    }
}
