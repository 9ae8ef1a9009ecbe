//! A whole short life of a lab in a process of its own: what `tests/killed_at_any_instant.rs` kills.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::{Namespaces, rootless};
use crate::base::{ErrorChain, LabName};
use crate::nos::plan::{Container, NodePlan, Ready, Restart, Service};
use crate::runtime::{ExecRequest, Lab, LabPlan, Lifetime, NodeState, Runtime, RuntimeError};

const NODES: usize = 6;
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `__lab-exercise NAME`: makes a lab, boots it, runs, freezes, cuts power, removes it.
/// `__lab-exercise NAME up` makes one that stays, `__lab-exercise NAME down` finds it, uses it and removes it.
#[must_use]
pub fn daemon_main(args: &[OsString]) -> ExitCode {
    let Some(name) = args.first().and_then(|name| name.to_str()) else {
        return ExitCode::from(2);
    };
    let name = LabName::from(name);
    let outcome = match args.get(1).and_then(|verb| verb.to_str()) {
        None => live(&name),
        Some("up") => up(&name),
        Some(_) => down(&name),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to exercise lab {name}: {}", ErrorChain::new(&error));
            ExitCode::FAILURE
        }
    }
}

fn make(name: &LabName, lifetime: Lifetime) -> Result<(LabPlan, Box<dyn Lab>), RuntimeError> {
    if rootless::is_needed() {
        rootless::enter_user_namespace()?;
    }
    let plan = LabPlan {
        name: name.clone(),
        nodes: (0..NODES).map(node).collect(),
        facts: serde_json::Value::Null,
    };
    let lab = Namespaces::of_this_program().create(&plan, lifetime)?;
    Ok((plan, lab))
}

fn up(name: &LabName) -> Result<(), RuntimeError> {
    let (plan, lab) = make(name, Lifetime::Stays)?;
    plan.nodes.iter().try_for_each(|node| lab.boot(&node.node))
}

fn down(name: &LabName) -> Result<(), RuntimeError> {
    if rootless::is_needed() {
        rootless::join_user_namespace(name)?;
    }
    let lab = Namespaces::of_this_program().open(name)?;
    for node in &lab.plan().nodes {
        wait_running(lab.as_ref(), node)?;
        let request = ExecRequest {
            argv: vec!["true".into()],
            timeout: Some(PATIENCE),
            ..ExecRequest::default()
        };
        lab.exec(&node.node, &request)?;
    }
    lab.destroy()
}

fn live(name: &LabName) -> Result<(), RuntimeError> {
    let (plan, lab) = make(name, Lifetime::WithCaller)?;
    for node in &plan.nodes {
        lab.boot(&node.node)?;
    }
    for node in &plan.nodes {
        wait_running(lab.as_ref(), node)?;
    }
    if let [first, second, ..] = plan.nodes.as_slice() {
        let argv = [
            "ip", "link", "add", "toy1", "type", "veth", "peer", "name", "toy2",
        ];
        let request = ExecRequest {
            argv: argv.map(str::to_owned).to_vec(),
            timeout: Some(PATIENCE),
            ..ExecRequest::default()
        };
        lab.exec(&first.node, &request)?;
        lab.freeze(&first.node)?;
        lab.thaw(&first.node)?;
        lab.power_off(&second.node)?;
        lab.boot(&second.node)?;
        wait_running(lab.as_ref(), second)?;
    }
    lab.destroy()
}

fn wait_running(lab: &dyn Lab, node: &NodePlan) -> Result<(), RuntimeError> {
    let end = Instant::now() + PATIENCE;
    loop {
        let status = lab.status(&node.node)?;
        match (status.state, status.error) {
            (NodeState::Running, _) => return Ok(()),
            (_, Some(reason)) => {
                return Err(RuntimeError::Refused {
                    lab: lab.name().clone(),
                    operation: format!("boot {}", node.node),
                    reason,
                });
            }
            _ if Instant::now() > end => {
                return Err(RuntimeError::Deadline {
                    operation: format!("booting {}", node.node),
                    deadline: PATIENCE,
                });
            }
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn node(number: usize) -> NodePlan {
    let name = format!("toy{number}");
    NodePlan {
        node: name.as_str().into(),
        hostname: name,
        interfaces: Vec::new(),
        management: None,
        management_prefix: 24,
        files: Vec::new(),
        binds: Vec::new(),
        sysctls: BTreeMap::new(),
        environment: BTreeMap::new(),
        setup: vec![vec!["mkdir".into(), "/run/toy".into()]],
        services: vec![Service {
            name: "toy".into(),
            argv: ["sh", "-c", "sleep 1000 & exec sleep 1000"]
                .map(str::to_owned)
                .to_vec(),
            after: Vec::new(),
            ready: Ready::Started,
            restart: Restart::Never,
            restart_with: Vec::new(),
            alarm: false,
            description: "toy".into(),
        }],
        exec: Vec::new(),
        boot_time: Duration::ZERO,
        container: Container::default(),
    }
}
