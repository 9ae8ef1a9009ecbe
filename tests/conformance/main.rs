//! What every runtime promises: each test runs on namespaces and on Docker, and cannot tell which.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its lab has failed")]

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use faultlab::base::{EndpointName, LabName, NodeName};
use faultlab::nos::plan::{Container, NODE_PERSISTENT, NodePlan, Ready, Restart, Service, ServiceState};
use faultlab::runtime::docker::DockerEngine;
use faultlab::runtime::namespaces::Namespaces;
use faultlab::runtime::{ExecOutput, ExecRequest, Lab, LabPlan, Lifetime, NodeState, Runtime, RuntimeError};
use faultlab::topology::model::LinkId;
use faultlab::wire::{Mac, Panel, WireEnd, WireSpec};

/// Makes one test of each runtime out of each promise.
macro_rules! on_every_runtime {
    ($($promise:ident),* $(,)?) => {
        mod on_namespaces {
            $(#[test] fn $promise() {
                if let Some(runtime) = super::namespaces() { super::$promise(&runtime); }
            })*
        }
        mod on_docker {
            $(#[test] fn $promise() {
                if let Some(runtime) = super::docker() { super::$promise(&runtime); }
            })*
        }
    };
}

on_every_runtime!(
    a_node_boots_runs_commands_and_is_gone_with_its_lab,
    links_and_flash_outlive_a_power_cut_and_nothing_else_does,
    a_frozen_node_says_nothing_and_goes_on_where_it_was,
    a_daemon_that_dies_is_started_again_and_one_that_is_stopped_is_not,
    what_does_not_exist_is_refused_by_name,
);

fn namespaces() -> Option<Namespaces> {
    let root = nix::unistd::geteuid().is_root();
    skip_unless(root, "needs root");
    root.then(|| Namespaces::new(PathBuf::from(env!("CARGO_BIN_EXE_faultlab"))))
}

fn docker() -> Option<DockerEngine> {
    let connected = DockerEngine::connect();
    let reason = connected
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default();
    skip_unless(connected.is_ok(), &reason);
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_faultlab"));
    connected.ok().map(|engine| engine.with_binary(binary))
}

fn skip_unless(possible: bool, reason: &str) {
    assert!(
        possible || std::env::var_os("CI").is_none(),
        "CI must run this: {reason}"
    );
    if !possible {
        eprintln!("skipped: {reason}");
    }
}

fn node(name: &str) -> NodePlan {
    NodePlan {
        node: name.into(),
        hostname: name.into(),
        interfaces: Vec::new(),
        management: None,
        management_prefix: 24,
        files: Vec::new(),
        binds: Vec::new(),
        sysctls: BTreeMap::from([("net.ipv4.ip_forward".to_owned(), "1".to_owned())]),
        environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
        setup: Vec::new(),
        services: Vec::new(),
        exec: Vec::new(),
        boot_time: Duration::ZERO,
        container: Container::default(),
    }
}

fn toy(restart: Restart) -> Service {
    Service {
        name: "toy".into(),
        argv: words(&["/bin/sh", "-c", "echo toy says $GREETING; exec sleep 1000"]),
        after: Vec::new(),
        ready: Ready::Started,
        restart,
        restart_with: Vec::new(),
        alarm: false,
        description: "toy of a test".into(),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn make(runtime: &dyn Runtime, name: &str, nodes: Vec<NodePlan>) -> Box<dyn Lab> {
    let plan = LabPlan {
        name: LabName::new(format!("conform-{name}-{}", std::process::id())),
        nodes,
        facts: serde_json::Value::Null,
    };
    runtime.create(&plan, Lifetime::WithCaller).unwrap()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn boot(lab: &dyn Lab, node: &NodeName) {
    lab.boot(node).unwrap();
    until("the node runs", || {
        let status = lab.status(node).unwrap();
        assert_ne!(status.state, NodeState::BootFailed, "{:?}", status.error);
        status.state == NodeState::Running
    });
}

fn sh(lab: &dyn Lab, node: &NodeName, script: &str) -> ExecOutput {
    let request = ExecRequest {
        argv: words(&["sh", "-c", script]),
        timeout: Some(Duration::from_secs(20)),
        ..ExecRequest::default()
    };
    lab.exec(node, &request).unwrap()
}

fn text(lab: &dyn Lab, node: &NodeName, script: &str) -> String {
    String::from_utf8(sh(lab, node, script).stdout)
        .unwrap()
        .trim()
        .to_owned()
}

fn a_node_boots_runs_commands_and_is_gone_with_its_lab(runtime: &dyn Runtime) {
    let mut plan = node("a");
    plan.setup = vec![words(&["/bin/sh", "-c", "echo made > /run/setup"])];
    plan.services = vec![toy(Restart::Never)];
    plan.exec = vec![words(&["/bin/sh", "-c", "echo late > /run/late"])];
    let lab = make(runtime, "boots", vec![plan]);
    let a = NodeName::from("a");
    assert_eq!(lab.status(&a).unwrap().state, NodeState::Off);
    boot(lab.as_ref(), &a);
    assert_eq!(text(lab.as_ref(), &a, "hostname"), "a");
    assert_eq!(text(lab.as_ref(), &a, "cat /run/setup /run/late"), "made\nlate");
    assert_eq!(
        text(
            lab.as_ref(),
            &a,
            "cat /proc/sys/net/ipv4/ip_forward; echo $GREETING"
        ),
        "1\nhello"
    );
    let answer = sh(lab.as_ref(), &a, "echo out; echo err >&2; exit 7");
    assert_eq!(
        (answer.code, answer.stdout, answer.stderr),
        (7, b"out\n".to_vec(), b"err\n".to_vec())
    );
    let fed = ExecRequest {
        argv: words(&["cat"]),
        stdin: b"fed".to_vec(),
        ..ExecRequest::default()
    };
    assert_eq!(lab.exec(&a, &fed).unwrap().stdout, b"fed");
    let nowhere = ExecRequest {
        argv: words(&["no-such-program"]),
        ..ExecRequest::default()
    };
    assert_eq!(lab.exec(&a, &nowhere).unwrap().code, 127);
    let endless = ExecRequest {
        argv: words(&["sleep", "1000"]),
        timeout: Some(Duration::from_millis(200)),
        ..ExecRequest::default()
    };
    assert!(matches!(
        lab.exec(&a, &endless),
        Err(RuntimeError::Deadline { .. })
    ));
    let logged = lab.logs(&a, Some(&"toy".into()), 10).unwrap();
    assert_eq!(logged[0].line, "toy says hello");

    let name = lab.name().clone();
    assert!(runtime.list().unwrap().contains(&name));
    assert_eq!(
        runtime.open(&name).unwrap().status(&a).unwrap().state,
        NodeState::Running
    );
    lab.destroy().unwrap();
    lab.destroy().unwrap();
    assert!(!runtime.list().unwrap().contains(&name));
    assert!(matches!(runtime.open(&name), Err(RuntimeError::NoSuchLab { .. })));
}

/// Connects `eth1` of both.
fn cable(lab: &dyn Lab, panel: &Panel, nodes: [&NodeName; 2]) {
    let endpoints: Vec<EndpointName> = nodes
        .map(|node| EndpointName {
            node: node.clone(),
            interface: "eth1".into(),
        })
        .to_vec();
    let macs = Mac::of_all(lab.name(), &endpoints);
    let netns: Vec<OwnedFd> = nodes.iter().map(|node| lab.netns(node).unwrap()).collect();
    let end = |at: usize| WireEnd {
        node: endpoints[at].node.clone(),
        interface: endpoints[at].interface.clone(),
        netns: netns[at].as_fd(),
        mac: macs[at],
    };
    let wire = WireSpec {
        id: LinkId("a:eth1--b:eth1".into()),
        a: end(0),
        b: end(1),
        mtu: 1500,
    };
    panel.connect(&[wire]).unwrap();
}

fn links_and_flash_outlive_a_power_cut_and_nothing_else_does(runtime: &dyn Runtime) {
    let ends = ["a", "b"].map(|name| {
        let mut plan = node(name);
        plan.interfaces = vec!["eth1".into()];
        plan
    });
    let lab = make(runtime, "power", ends.to_vec());
    let (a, b) = (NodeName::from("a"), NodeName::from("b"));
    let panel = Panel::start(lab.as_ref()).unwrap();
    cable(lab.as_ref(), &panel, [&a, &b]);
    boot(lab.as_ref(), &a);
    boot(lab.as_ref(), &b);
    for (node, address) in [(&a, "10.0.0.1/24"), (&b, "10.0.0.2/24")] {
        assert_eq!(
            sh(lab.as_ref(), node, &format!("ip address add {address} dev eth1")).code,
            0
        );
    }
    assert_eq!(sh(lab.as_ref(), &a, "ping -c1 -W2 10.0.0.2").code, 0);
    sh(
        lab.as_ref(),
        &b,
        &format!("echo kept > {NODE_PERSISTENT}/flash; echo lost > /etc/volatile"),
    );
    let carrier = || text(lab.as_ref(), &a, "cat /sys/class/net/eth1/carrier");
    assert_eq!(carrier(), "1");

    lab.power_off(&b).unwrap();
    assert_eq!(lab.status(&b).unwrap().state, NodeState::Off);
    assert!(matches!(lab.node(&b), Err(RuntimeError::NodeOff(_))));
    until("the far end has lost its carrier", || carrier() == "0");
    lab.power_off(&b).unwrap();

    boot(lab.as_ref(), &b);
    until("the far end has its carrier back", || carrier() == "1");
    assert_eq!(
        text(lab.as_ref(), &b, &format!("cat {NODE_PERSISTENT}/flash")),
        "kept"
    );
    assert_eq!(sh(lab.as_ref(), &b, "test -e /etc/volatile").code, 1);
    assert_eq!(
        text(lab.as_ref(), &b, "ip -4 -o address show dev eth1"),
        "",
        "addresses went with the power"
    );
    assert_eq!(
        sh(lab.as_ref(), &b, "ip address add 10.0.0.2/24 dev eth1").code,
        0
    );
    assert_eq!(sh(lab.as_ref(), &a, "ping -c1 -W2 10.0.0.2").code, 0);
}

fn a_frozen_node_says_nothing_and_goes_on_where_it_was(runtime: &dyn Runtime) {
    let mut plan = node("a");
    plan.services = vec![toy(Restart::Never)];
    let lab = make(runtime, "frozen", vec![plan]);
    let a = NodeName::from("a");
    boot(lab.as_ref(), &a);
    let before = lab.status(&a).unwrap();
    lab.freeze(&a).unwrap();
    lab.freeze(&a).unwrap();
    let frozen = lab.status(&a).unwrap();
    assert_eq!(frozen.state, NodeState::Frozen);
    assert_eq!(
        frozen.services, before.services,
        "what it was doing is still known"
    );
    assert!(
        lab.signal(&a, &"toy".into(), 15).is_err(),
        "its supervisor does not answer"
    );
    lab.thaw(&a).unwrap();
    lab.thaw(&a).unwrap();
    assert_eq!(lab.status(&a).unwrap(), before);
    lab.freeze(&a).unwrap();
    lab.power_off(&a).unwrap();
    assert_eq!(lab.status(&a).unwrap().state, NodeState::Off);
}

fn a_daemon_that_dies_is_started_again_and_one_that_is_stopped_is_not(runtime: &dyn Runtime) {
    let mut plan = node("a");
    plan.services = vec![toy(Restart::Always {
        delay: Duration::from_millis(10),
        burst: 5,
        window: Duration::from_secs(60),
    })];
    let lab = make(runtime, "daemon", vec![plan]);
    let (a, toy) = (NodeName::from("a"), "toy".into());
    boot(lab.as_ref(), &a);
    let status = || lab.status(&a).unwrap().services[0].clone();
    let first = status().pid;
    lab.signal(&a, &toy, 9).unwrap();
    until("it runs again", || {
        status().state == ServiceState::Running && status().pid != first
    });
    assert_eq!(status().restarts, 1);
    assert_eq!(status().last_exit.as_deref(), Some("status=9/KILL"));
    lab.set_service(&a, &toy, false).unwrap();
    until("it is stopped", || status().state == ServiceState::Stopped);
    lab.set_service(&a, &toy, true).unwrap();
    until("it is started", || status().state == ServiceState::Running);
}

fn what_does_not_exist_is_refused_by_name(runtime: &dyn Runtime) {
    let lab = make(runtime, "names", vec![node("a")]);
    let (a, b) = (NodeName::from("a"), NodeName::from("b"));
    assert!(matches!(lab.status(&b), Err(RuntimeError::NoSuchNode { .. })));
    assert!(matches!(lab.node(&a), Err(RuntimeError::NodeOff(_))));
    assert!(matches!(lab.freeze(&a), Err(RuntimeError::NodeOff(_))));
    assert!(matches!(
        lab.signal(&a, &"toy".into(), 9),
        Err(RuntimeError::NoSuchService { .. })
    ));
    assert!(matches!(
        runtime.create(lab.plan(), Lifetime::WithCaller),
        Err(RuntimeError::LabExists(_))
    ));
}
