//! A small outage in two designs, made up for tests: MC-LAG loses its customers, the target design does not notice.

mod events;
mod verdicts;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::base::{MonoTime, RunId};
use crate::record::{Event, ExperimentResult, FlowCount, FlowId, FlowSpec, History};
use crate::topology::{LoadOptions, parse};

use super::Report;
use events::Writer;

/// Everything a test needs to make a [`Report`].
pub(super) struct Sample {
    history: History,
    results: Vec<ExperimentResult>,
    run: RunId,
    files: Vec<PathBuf>,
}

impl Sample {
    pub(super) fn new() -> Self {
        let mut writer = Writer::default();
        writer.run();
        writer.mclag();
        writer.target();
        let results = vec![verdicts::mclag(), verdicts::target(), verdicts::severed()];
        let na = Event::NotApplicable {
            design: "target".to_owned(),
            row: "ICCP severed".to_owned(),
            reason: "no inter-chassis protocol".to_owned(),
        };
        writer.run_wide(90.0, na);
        Self {
            history: History::from_entries(writer.entries),
            results,
            run: RunId::new("2025-12-10-7c1e"),
            files: vec![PathBuf::from("out/run.jsonl"), PathBuf::from("out/junit.xml")],
        }
    }

    pub(super) fn report(&self) -> Report<'_> {
        Report {
            history: &self.history,
            results: &self.results,
            run: &self.run,
            exit_code: 1,
            files: &self.files,
        }
    }
}

const NODES: [(&str, &str, &str, &str); 9] = [
    ("internet", "internet", "", "linux"),
    ("tata", "transit", "", "frr"),
    ("decix", "peering-lan", "", "frr"),
    ("ca1", "aggregation", "ix-fra8", "mclag-switch"),
    ("ca2", "aggregation", "ix-fra8", "mclag-switch"),
    ("mx1", "edge-router", "ix-fra8", "frr"),
    ("mx2", "edge-router", "ix-fra8", "frr"),
    ("c1", "customer", "firstcolo", "linux"),
    ("c2", "customer", "firstcolo", "linux"),
];

fn topology() -> Value {
    let mut text = "name: fra\ntopology:\n  defaults: {kind: linux}\n  nodes:\n".to_owned();
    for (name, role, site, nos) in NODES {
        let site = if site.is_empty() {
            String::new()
        } else {
            format!(", faultlab.site: {site}")
        };
        let _ = writeln!(
            text,
            "    {name}: {{labels: {{faultlab.role: {role}, faultlab.nos: {nos}{site}}}}}"
        );
    }
    text += "  links:\n";
    let links = [
        "internet:eth1 tata:eth1",
        "internet:eth2 decix:eth1",
        "tata:eth2 ca1:eth1",
        "tata:eth3 ca2:eth1",
        "decix:eth2 ca1:eth2",
        "decix:eth3 ca2:eth2",
        "ca1:eth9 ca2:eth9",
        "ca1:eth3 mx1:eth1",
        "ca2:eth3 mx1:eth2",
        "ca1:eth4 mx2:eth1",
        "ca2:eth4 mx2:eth2",
        "mx1:eth3 c1:eth1",
        "mx2:eth3 c2:eth1",
    ];
    for link in links {
        let (a, b) = link.split_once(' ').unwrap();
        let _ = writeln!(text, "    - endpoints: [\"{a}\", \"{b}\"]");
    }
    let topology = parse(
        Path::new("topologies/fra/fra.clab.yaml"),
        &text,
        &LoadOptions::default(),
    )
    .unwrap();
    let mut json = serde_json::to_value(topology).unwrap();
    json["folder"] = json!("/labs/fra");
    json
}

/// Seconds of the sample as an instant; the machine booted a while ago.
fn at(seconds: f64) -> MonoTime {
    MonoTime(1_000_000_000_000) + std::time::Duration::from_secs_f64(seconds)
}

/// Four flows in each direction between the internet and two customers.
fn flows() -> Vec<FlowSpec> {
    let flow = |id: u32| {
        let customer = if id < 8 { "c1" } else { "c2" };
        let inward = id % 8 < 4;
        FlowSpec {
            id: FlowId(id),
            group: "customers-internet".to_owned(),
            from: if inward { "internet" } else { customer }.into(),
            to: if inward { customer } else { "internet" }.into(),
            source: "192.0.2.1".parse().unwrap(),
            destination: "198.51.100.1".parse().unwrap(),
            source_port: 40_000 + u16::try_from(id).unwrap(),
            destination_port: 7,
            interval_ns: 5_000_000,
        }
    };
    (0..16).map(flow).collect()
}

fn counts() -> Vec<FlowCount> {
    let count = |id: u32| FlowCount {
        flow: FlowId(id),
        sent: 7_600,
        received: if id % 8 < 4 { 1_780 } else { 7_100 },
        duplicated: 0,
        reordered: u64::from(id == 3),
        spoiled: 0,
    };
    (0..16).map(count).collect()
}
