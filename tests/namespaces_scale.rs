//! Fifty routers with real daemons in one lab: how long, how much memory, how fast a command. Prints what it measures.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its lab has failed")]

mod lab_remains;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use faultlab::base::LabName;
use faultlab::nos::plan::{Container, NodeFile, NodePlan, Ready, Restart, Service};
use faultlab::runtime::namespaces::Namespaces;
use faultlab::runtime::{ExecRequest, Lab, LabPlan, Lifetime, NodeState, Runtime};
use lab_remains::{allowed, remains};

const NODES: usize = 50;

/// Ten times what an idle machine needs, for one that also builds.
const PATIENCE: Duration = Duration::from_secs(30);

fn daemon(name: &str, after: &[&str]) -> Service {
    Service {
        name: name.into(),
        argv: vec![
            format!("/usr/lib/frr/{name}"),
            "-A".into(),
            "127.0.0.1".into(),
            "-f".into(),
            format!("/etc/frr/{name}.conf"),
        ],
        after: after.iter().map(|name| (*name).into()).collect(),
        ready: Ready::Socket(format!("/run/frr/{name}.vty").into()),
        restart: Restart::Always {
            delay: Duration::from_secs(1),
            burst: 3,
            window: Duration::from_secs(60),
        },
        restart_with: Vec::new(),
        alarm: false,
        description: name.to_owned(),
    }
}

fn router(number: usize) -> NodePlan {
    let name = format!("r{number}");
    let configuration = |daemon: &str, content: &str| NodeFile {
        path: format!("/etc/frr/{daemon}.conf").into(),
        content: content.to_owned(),
        mode: 0o640,
        owner: Some("frr:frr".into()),
    };
    NodePlan {
        node: name.as_str().into(),
        hostname: name,
        interfaces: Vec::new(),
        management: None,
        management_prefix: 24,
        files: vec![
            configuration("zebra", ""),
            configuration("ospfd", "router ospf\n"),
        ],
        binds: Vec::new(),
        sysctls: BTreeMap::from([("net.ipv4.ip_forward".to_owned(), "1".to_owned())]),
        environment: BTreeMap::new(),
        setup: vec![
            ["install", "-d", "-o", "frr", "-g", "frr", "/run/frr"]
                .map(str::to_owned)
                .to_vec(),
        ],
        services: vec![daemon("zebra", &[]), daemon("ospfd", &["zebra"])],
        exec: Vec::new(),
        boot_time: Duration::ZERO,
        container: Container::default(),
    }
}

/// Private memory of a process in KiB.
fn private(pid: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("Private_"));
    lines
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}

fn wait_running(lab: &dyn Lab, plan: &LabPlan) {
    let end = Instant::now() + PATIENCE;
    for node in &plan.nodes {
        loop {
            let status = lab.status(&node.node).unwrap();
            assert_ne!(status.state, NodeState::BootFailed, "{:?}", status.error);
            if status.state == NodeState::Running {
                break;
            }
            assert!(Instant::now() < end, "{} did not come up: {status:?}", node.node);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn fifty_routers_come_up_and_vanish() {
    if !allowed() {
        return;
    }
    if !Path::new("/usr/lib/frr/zebra").exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must have FRR");
        eprintln!("skipped: FRR is not installed");
        return;
    }
    let name = LabName::new(format!("test-scale-{}", std::process::id()));
    let plan = LabPlan {
        name: name.clone(),
        nodes: (1..=NODES).map(router).collect(),
        facts: serde_json::Value::Null,
    };
    let begun = Instant::now();
    let runtime = Namespaces::new(PathBuf::from(env!("CARGO_BIN_EXE_faultlab")));
    let lab = runtime.create(&plan, Lifetime::WithCaller).unwrap();
    let created = begun.elapsed();
    for node in &plan.nodes {
        lab.boot(&node.node).unwrap();
    }
    let asked = begun.elapsed();
    wait_running(lab.as_ref(), &plan);
    let running = begun.elapsed();

    let request = ExecRequest {
        argv: vec!["true".into()],
        ..ExecRequest::default()
    };
    let mut latencies: Vec<Duration> = (0..50)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(lab.exec(&plan.nodes[7].node, &request).unwrap().code, 0);
            begun.elapsed()
        })
        .collect();
    latencies.sort();
    let inits: Vec<u64> = plan
        .nodes
        .iter()
        .map(|node| private(&lab.node(&node.node).unwrap().pid().to_string()))
        .collect();
    let init = private(&lab.patch().unwrap().pid().to_string());

    let begun = Instant::now();
    lab.destroy().unwrap();
    let destroyed = begun.elapsed();
    assert_eq!(remains(name.as_str()), Vec::<String>::new());
    eprintln!(
        "{NODES} nodes: created {created:?}, all asked to boot {asked:?}, all running {running:?}, \
         destroyed in {destroyed:?}; exec median {:?}, worst {:?}; private memory: lab init {init} KiB, \
         node inits {} KiB each",
        latencies[latencies.len() / 2],
        latencies[latencies.len() - 1],
        inits.iter().sum::<u64>() / inits.len() as u64,
    );
    assert!(running < PATIENCE);
    assert!(latencies[latencies.len() / 2] < Duration::from_millis(50));
}
