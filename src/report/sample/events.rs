//! The sample's history, second by second.

use serde_json::{Value, json};

use crate::base::{RunId, Seed};
use crate::record::{
    Capability, Entry, Epoch, Event, FaultPhase, Fidelity, FlowGap, FlowId, InputHash, Observation,
    StateKind, StepPhase, TimerValue,
};

use super::{at, counts, flows, topology};

const SWITCHES: [&str; 2] = ["ca1", "ca2"];
const PORTS: [&str; 4] = ["eth1", "eth2", "eth3", "eth4"];
const WORKING: &str = "collecting-distributing";

/// Collects entries; those of an experiment go to the one started last.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) entries: Vec<Entry>,
    experiment: &'static str,
}

impl Writer {
    fn push(&mut self, seconds: f64, event: Event) {
        self.entries.push(Entry {
            at: at(seconds),
            experiment: Some(self.experiment.into()),
            event,
        });
    }

    pub(super) fn run_wide(&mut self, seconds: f64, event: Event) {
        self.entries.push(Entry {
            at: at(seconds),
            experiment: None,
            event,
        });
    }

    pub(super) fn run(&mut self) {
        let hash = |path: &str| InputHash {
            path: path.to_owned(),
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        };
        let started = Event::RunStarted {
            schema: 1,
            version: "0.1.0".to_owned(),
            run: RunId::new("2025-12-10-7c1e"),
            seed: Seed(42),
            wall_clock: "2025-12-10T09:30:00Z".to_owned(),
            inputs: vec![
                hash("ci/suites/outage.yaml"),
                hash("topologies/fra/fra.clab.yaml"),
            ],
        };
        self.run_wide(0.0, started);
        let capability = |name: &str, present, detail: &str| Capability {
            name: name.to_owned(),
            present,
            detail: detail.to_owned(),
        };
        let list = vec![
            capability("ovs-vswitchd", true, "3.1.0"),
            capability("netem", false, "delays use the user-space relay"),
        ];
        self.run_wide(0.1, Event::Capabilities { list });
    }

    fn start(&mut self, seconds: f64, name: &'static str, design: &str, definition: Value) {
        self.experiment = name;
        let timer = |name: &str, nominal_ms, effective_ms, note: &str| TimerValue {
            name: name.to_owned(),
            nominal_ms,
            effective_ms,
            note: note.to_owned(),
        };
        let event = Event::ExperimentStarted {
            title: "l2ald dies on both aggregation switches".to_owned(),
            design: design.to_owned(),
            lab: format!("fra-{design}").as_str().into(),
            file: "ci/suites/outage.yaml".to_owned(),
            definition,
            topology: topology(),
            timers: vec![
                timer("mac-table-aging-time", 300_000, 5_000, "scaled 60×"),
                timer("init-delay-time", 240_000, 4_000, "scaled 60×"),
                timer("lacp-fast", 3_000, 3_000, "not scalable"),
            ],
            incident_clock: Some("13:26:05".to_owned()),
            scale: 60.0,
        };
        self.push(seconds, event);
        self.push(seconds + 1.0, Event::Flows { flows: flows() });
    }

    fn state(&mut self, seconds: f64, node: &str, state: StateKind, key: &str, value: Value) {
        let observation = Observation {
            node: node.into(),
            state,
            key: key.to_owned(),
            value,
            previous_sample: at(seconds - 0.1),
        };
        self.push(seconds, Event::Observation(observation));
    }

    fn lacp(&mut self, seconds: f64, node: &str, port: &str, state: &str) {
        let value = json!({"bundle": "ae0", "state": state});
        self.state(seconds, node, StateKind::Lacp, port, value);
    }

    fn l2ald(&mut self, seconds: f64, node: &str, state: &str) {
        self.state(
            seconds,
            node,
            StateKind::Process,
            "l2ald",
            json!({"state": state, "restarts": 4}),
        );
    }

    fn iccp(&mut self, seconds: f64, state: &str) {
        for (node, peer) in [("ca1", "10.50.1.2"), ("ca2", "10.50.1.1")] {
            self.state(seconds, node, StateKind::Iccp, peer, json!({"state": state}));
        }
    }

    fn bgp(&mut self, seconds: f64, node: &str, state: &str) {
        self.state(
            seconds,
            node,
            StateKind::Bgp,
            "10.97.2.1",
            json!({"state": state}),
        );
    }

    fn macs(&mut self, seconds: f64, node: &str, entries: u32) {
        self.state(
            seconds,
            node,
            StateKind::MacTable,
            "table",
            json!({"entries": entries}),
        );
    }

    fn fault(&mut self, seconds: f64, phase: FaultPhase, detail: Option<&str>) {
        let event = Event::Fault {
            fault: "switch.l2ald.kill".into(),
            injection: 0,
            targets: SWITCHES.map(ToOwned::to_owned).to_vec(),
            phase,
            fidelity: Fidelity::Exact,
            detail: detail.map(ToOwned::to_owned),
        };
        self.push(seconds, event);
    }

    fn step(&mut self, seconds: f64, index: usize, title: &str) {
        for (offset, phase) in [(0.0, StepPhase::Started), (0.1, StepPhase::Done)] {
            let event = Event::Step {
                index,
                title: title.to_owned(),
                phase,
                detail: None,
            };
            self.push(seconds + offset, event);
        }
    }

    fn gap(&mut self, flow: u32, from: f64, until: f64) {
        let gap = FlowGap {
            flow: FlowId(flow),
            last_ok: Some(at(from - 0.005)),
            first_lost: at(from),
            last_lost: at(until - 0.005),
            next_ok: Some(at(until)),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a small test value"
            )]
            lost: ((until - from) * 200.0) as u64,
            spoiled: false,
        };
        self.push(until, Event::FlowGap(gap));
    }

    fn epoch(&mut self, seconds: f64, epoch: Epoch, subject: Option<&str>) {
        let subject = subject.map(ToOwned::to_owned);
        self.push(seconds, Event::Epoch { epoch, subject });
    }

    /// Method starts at 10 s.
    pub(super) fn mclag(&mut self) {
        let incident = json!({"incident": [
            {"at": "13:27:45", "what": "ca2: l2ald has failed for good", "expectation": "the supervisor gives up"},
            {"at": "13:33:08", "what": "ICCP is down, split brain", "expectation": "customers stay reachable"},
            {"at": "13:53:47", "what": "both switches are rebooted", "expectation": "reboot heals"}
        ]});
        self.start(2.0, "mclag-l2ald", "mclag", incident);
        self.iccp(4.0, "up");
        for switch in SWITCHES {
            self.state(4.0, switch, StateKind::Node, "node", json!({"state": "running"}));
            self.l2ald(4.0, switch, "running");
            self.macs(4.1, switch, 14);
            for port in PORTS {
                self.lacp(4.0, switch, port, WORKING);
            }
        }
        for mx in ["mx1", "mx2"] {
            self.bgp(4.2, mx, "Established");
        }
        self.push(10.0, Event::MethodStarted);
        self.mclag_crash();
        self.mclag_split();
        self.mclag_recovery();
    }

    fn mclag_crash(&mut self) {
        self.step(10.02, 0, "commit irb.97 on ca1 and ca2");
        self.fault(10.03, FaultPhase::Injecting, None);
        self.epoch(10.03, Epoch::Injected, None);
        let seen = "l2ald aborted on ca1 and ca2, LACP untouched";
        self.fault(10.3, FaultPhase::Landed, Some(seen));
        let log = Event::Log {
            node: "ca2".into(),
            daemon: "audit".to_owned(),
            line: "ANOM_ABEND comm=\"l2ald\" sig=6 res=1".to_owned(),
        };
        self.push(10.31, log);
        self.l2ald(10.35, "ca1", "restarting");
        self.l2ald(10.36, "ca2", "restarting");
        self.l2ald(11.2, "ca1", "running");
        self.l2ald(11.67, "ca2", "failed");
        let alarm =
            json!({"class": "chassis", "color": "red", "reason": "Application l2ald fail on node Re0"});
        self.state(11.7, "ca2", StateKind::Alarm, "l2ald", alarm);
        self.epoch(11.7, Epoch::Alarm, Some("ca2"));
    }

    fn mclag_split(&mut self) {
        self.macs(16.9, "ca2", 0);
        self.iccp(17.05, "down");
        self.epoch(17.05, Epoch::Detected, Some("ICCP"));
        for (index, port) in PORTS.into_iter().enumerate() {
            for switch in SWITCHES {
                self.lacp(17.1, switch, port, "detached");
            }
            self.lacp(17.75, SWITCHES[(index + 1) % 2], port, WORKING);
        }
        self.step(17.52, 1, "rollback 1 on ca1 and ca2");
        self.bgp(19.0, "mx1", "Active");
        self.bgp(19.1, "mx2", "Active");
        for flow in 0..16 {
            let from = 17.1 + f64::from(flow % 4) * 0.01;
            self.gap(flow, from, if flow % 8 < 4 { 46.2 } else { 19.6 });
        }
        let failed = Event::CollectorFailed {
            node: "ca2".into(),
            collector: "mac-table".to_owned(),
            error: "connection refused".to_owned(),
        };
        self.push(24.0, failed);
    }

    fn mclag_recovery(&mut self) {
        self.step(37.7, 2, "reboot ca1 and ca2");
        for switch in SWITCHES {
            for (seconds, state) in [(37.9, "booting"), (40.9, "running")] {
                self.state(seconds, switch, StateKind::Node, "node", json!({"state": state}));
            }
            self.l2ald(41.0, switch, "running");
            for port in PORTS {
                self.lacp(45.1, switch, port, WORKING);
            }
        }
        self.state(41.0, "ca2", StateKind::Alarm, "l2ald", Value::Null);
        self.iccp(45.3, "up");
        self.bgp(46.1, "mx1", "Established");
        self.bgp(46.2, "mx2", "Established");
        self.epoch(46.2, Epoch::DataPlaneRestored, None);
        self.fault(46.5, FaultPhase::Healed, None);
        self.push(48.0, Event::MethodEnded);
        self.push(48.1, Event::FlowCounts { counts: counts() });
        let late = Event::ProberLate {
            nanos: 1_900_000,
            spoiled: 0,
        };
        self.push(48.2, late);
        let baseline = Event::Baseline {
            reached: true,
            differences: Vec::new(),
        };
        self.push(50.0, baseline);
        self.push(50.1, Event::ExperimentEnded);
    }

    /// Method starts at 60 s. One hash bucket of one pair loses packets until BFD notices.
    pub(super) fn target(&mut self) {
        self.start(52.0, "target-l2ald", "target", json!({}));
        let bfd = |state: &str, diagnostic: &str| json!({"state": state, "diagnostic": diagnostic});
        self.state(54.0, "mx1", StateKind::Bfd, "10.0.1.1", bfd("up", ""));
        self.push(60.0, Event::MethodStarted);
        self.fault(60.03, FaultPhase::Injecting, None);
        self.fault(60.3, FaultPhase::Landed, None);
        self.state(65.1, "mx1", StateKind::Bfd, "10.0.1.1", bfd("down", "ctlExpire"));
        self.gap(2, 65.0, 65.24);
        self.epoch(65.3, Epoch::DataPlaneRestored, None);
        self.fault(78.0, FaultPhase::Healed, None);
        self.state(79.0, "mx1", StateKind::Bfd, "10.0.1.1", bfd("up", ""));
        self.push(80.0, Event::MethodEnded);
        self.push(80.1, Event::FlowCounts { counts: counts() });
        self.push(82.0, Event::ExperimentEnded);
    }
}
