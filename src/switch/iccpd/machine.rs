//! The rule for a lost peer: which LACP system ID the MC-AEs announce; pure.
//!
//! It is Junos's (MC-LAG user guide, "ICCP failure scenarios", QFX): while ICCP is down, the peer is asked for a sign of
//! life over the management network.
//!
//! | sign of life | LACP system ID |
//! |---|---|
//! | not configured | the standby MC-AEs revert to the chassis's own |
//! | peer alive | active and standby both revert: each neighbour must choose one switch |
//! | peer dead | no change: the survivor keeps what the neighbours know |
//!
//! "No change" is meant literally: a peer that dies after a split brain does not bring the shared ID back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::MonoTime;

/// Which system ID multi-chassis aggregates announce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemId {
    /// The configured, shared one.
    #[default]
    Shared,
    /// The chassis's own on aggregates with `status-control standby`.
    OwnOnStandby,
    /// The chassis's own on all.
    Own,
}

/// Where the peering stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Not up since this switch started; the hold time runs.
    Starting,
    /// Up.
    Up,
    /// Just lost; waiting for a sign of life.
    Checking,
    /// Down, and the peer is dead.
    Alone,
    /// Down, the dead peer shows life again; the hold time runs for it to come back.
    Returning,
    /// Down, and the peer is alive or nobody can say.
    SplitBrain,
}

/// What is known at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Now.
    pub now: MonoTime,
    /// Whether BFD to the peer is up.
    pub bfd_up: bool,
    /// Whether the peers have greeted each other over TCP.
    pub session_up: bool,
    /// The last sign of life over the management network, when that is configured.
    pub backup: Backup,
}

/// Backup liveness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// `backup-liveness-detection` is not configured.
    NotConfigured,
    /// When the peer was last heard, if ever.
    Heard(Option<MonoTime>),
}

/// Fixed times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// `session-establishment-hold-time`.
    pub hold: Duration,
    /// Silence after which the peer counts as dead.
    pub silence: Duration,
}

/// The state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    timers: Timers,
    phase: Phase,
    since: MonoTime,
    system_id: SystemId,
}

impl Machine {
    /// Starts it. `system_id` is what a former iccpd on this switch had decided since its boot.
    #[must_use]
    pub fn new(timers: Timers, now: MonoTime, system_id: SystemId) -> Self {
        Self {
            timers,
            phase: Phase::Starting,
            since: now,
            system_id,
        }
    }

    /// Takes changed timers over without touching anything else.
    pub fn set_timers(&mut self, timers: Timers) {
        self.timers = timers;
    }

    /// Where the peering stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the MC-AEs announce.
    #[must_use]
    pub fn system_id(&self) -> SystemId {
        self.system_id
    }

    /// Takes in what is known now and returns what to log.
    pub fn step(&mut self, inputs: &Inputs) -> Vec<String> {
        let mut log = Vec::new();
        // A decision may lead to the next at the same moment, e.g. lost and nobody to ask.
        while let Some(next) = self.next(inputs) {
            self.enter(next, inputs, &mut log);
        }
        log
    }

    fn next(&self, inputs: &Inputs) -> Option<Phase> {
        let established = inputs.bfd_up && inputs.session_up;
        let waited = inputs.now.since(self.since);
        let next = match self.phase {
            Phase::Up if established => return None,
            _ if established => Phase::Up,
            Phase::Up => Phase::Checking,
            Phase::Starting if waited >= self.timers.hold => Phase::Checking,
            Phase::Checking => match inputs.backup {
                Backup::NotConfigured => Phase::SplitBrain,
                Backup::Heard(Some(heard)) if heard > self.since => Phase::SplitBrain,
                Backup::Heard(_) if waited >= self.timers.silence => Phase::Alone,
                Backup::Heard(_) => return None,
            },
            Phase::Alone if self.heard_lately(inputs) => Phase::Returning,
            Phase::Returning if !self.heard_lately(inputs) => Phase::Alone,
            Phase::Returning if waited >= self.timers.hold => Phase::SplitBrain,
            Phase::SplitBrain if inputs.backup != Backup::NotConfigured && !self.heard_lately(inputs) => {
                Phase::Alone
            }
            Phase::Starting | Phase::Alone | Phase::Returning | Phase::SplitBrain => return None,
        };
        Some(next)
    }

    fn heard_lately(&self, inputs: &Inputs) -> bool {
        match inputs.backup {
            Backup::Heard(Some(heard)) => inputs.now.since(heard) < self.timers.silence,
            Backup::Heard(None) | Backup::NotConfigured => false,
        }
    }

    fn enter(&mut self, next: Phase, inputs: &Inputs, log: &mut Vec<String>) {
        let former = self.system_id;
        match next {
            Phase::Up => {
                log.push("ICCP_SESSION_UP: peering established".to_owned());
                self.system_id = SystemId::Shared;
            }
            Phase::Checking if self.phase == Phase::Up => {
                let cause = if inputs.bfd_up {
                    "session closed"
                } else {
                    "BFD session down"
                };
                log.push(format!("ICCP_SESSION_DOWN: {cause}; checking backup liveness"));
            }
            Phase::SplitBrain => {
                self.system_id = match inputs.backup {
                    Backup::NotConfigured => SystemId::OwnOnStandby,
                    Backup::Heard(_) => SystemId::Own,
                };
                let peer = match inputs.backup {
                    Backup::NotConfigured => "unknown",
                    Backup::Heard(_) => "alive",
                };
                log.push(format!(
                    "ICCP_SPLIT_BRAIN: ICCP down, backup liveness: peer {peer}"
                ));
            }
            Phase::Alone => log.push("ICCP_PEER_DEAD: ICCP down, backup liveness: peer dead".to_owned()),
            Phase::Returning => log.push("ICCP_PEER_RETURNS: backup liveness: peer alive again".to_owned()),
            Phase::Checking | Phase::Starting => {}
        }
        if self.system_id != former {
            log.push(match self.system_id {
                SystemId::Shared => "LACP system ID of all MC-AEs: shared".to_owned(),
                SystemId::OwnOnStandby => "LACP system ID of standby MC-AEs: own default".to_owned(),
                SystemId::Own => "LACP system ID of all MC-AEs: own default".to_owned(),
            });
        }
        self.phase = next;
        self.since = inputs.now;
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
