//! Our side: the engine brings the same network up as `faultlab up` does.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use faultlab::base::{LabName, Seed};
use faultlab::engine::{Cancel, LabRequest, RunningLab, bring_up};
use faultlab::nos::Scale;
use faultlab::runtime::namespaces::Namespaces;
use faultlab::runtime::{ExecRequest, Lifetime};
use faultlab::topology::{self, LoadOptions};

use super::Round;
use super::measure::{self, Routes};
use super::shape::Net;

/// Commands per lab whose time is measured.
pub const COMMANDS: usize = 20;

/// What is measured on the way, of all labs: milliseconds and MiB.
#[derive(Default)]
pub struct Details {
    pub link: Vec<f64>,
    pub exec: Vec<f64>,
    pub exec_command: Vec<f64>,
    /// The least by hand: nsenter(1) into the network namespace alone.
    pub exec_floor: Vec<f64>,
    pub node_init: Vec<f64>,
    pub lab_init: Vec<f64>,
    pub panel: Vec<f64>,
}

const BINARY: &str = env!("CARGO_BIN_EXE_faultlab");

/// Brings a lab up as `faultlab up` does.
fn start(name: LabName, folder: &Path) -> Result<RunningLab, Box<dyn Error>> {
    let options = LoadOptions {
        check_files: true,
        ..LoadOptions::default()
    };
    let topology = topology::load(&folder.join("bench.clab.yaml"), &options)?;
    let request = LabRequest {
        topology: &topology,
        name,
        seed: Seed(0),
        scale: Scale::REAL,
        lifetime: Lifetime::WithCaller,
        deadline: Duration::from_secs(120),
        facts: serde_json::json!({}),
    };
    let runtime = Namespaces::new(PathBuf::from(BINARY));
    Ok(bring_up(&runtime, &request, &Cancel::default())?)
}

/// Brings a lab up, waits for its routes, measures details, destroys it.
pub fn round(net: Net, folder: &Path, details: &mut Details) -> Result<Round, Box<dyn Error>> {
    static LABS: AtomicUsize = AtomicUsize::new(0);
    let name = format!(
        "bench-{}-{}",
        std::process::id(),
        LABS.fetch_add(1, Ordering::Relaxed)
    );
    let begun = Instant::now();
    let lab = start(LabName::new(name), folder)?;
    let up = begun.elapsed();
    let mut routers = Vec::new();
    let mut numbers = BTreeSet::new();
    for router in 0..net.count() {
        let netns = lab.lab.netns(&Net::name(router).as_str().into())?;
        numbers.insert(measure::inode_of(&netns)?);
        routers.push((netns, net.routes_of(router)));
    }
    let mut routes = Routes::open(&routers)?;
    routes.wait()?;
    let converged = begun.elapsed();
    drop((routes, routers));
    let init = lab.lab.patch()?.pid().to_string();
    numbers.extend(measure::inode(&format!("/proc/{init}/ns/net")));
    let processes = measure::processes(&numbers);
    let memory = processes
        .iter()
        .map(|(pid, _)| measure::memory(pid, "Pss:"))
        .sum();
    measure_operations(&lab, net, details)?;
    let panel = processes
        .iter()
        .filter(|(_, command)| command.contains("__wire-panel"));
    details.panel.extend(panel.map(|(pid, _)| own_memory(pid)));
    details.lab_init.push(own_memory(&init));
    for router in net.names() {
        let pid = lab.lab.node(&router.as_str().into())?.pid().to_string();
        details.node_init.push(own_memory(&pid));
    }
    let begun = Instant::now();
    lab.lab.destroy()?;
    let down = begun.elapsed();
    let left = measure::processes(&numbers);
    if !left.is_empty() {
        return Err(format!("a destroyed lab left {left:?}").into());
    }
    Ok(Round {
        up,
        converged,
        down,
        memory,
    })
}

/// Memory that a process shares with nobody, in MiB.
fn own_memory(pid: &str) -> f64 {
    measure::memory(pid, "Private_")
}

fn measure_operations(lab: &RunningLab, net: Net, details: &mut Details) -> Result<(), Box<dyn Error>> {
    let milliseconds = |begun: Instant| begun.elapsed().as_secs_f64() * 1e3;
    for link in &lab.topology.links {
        let begun = Instant::now();
        lab.panel.cut(&link.id, None)?;
        details.link.push(milliseconds(begun));
        let begun = Instant::now();
        lab.panel.restore(&link.id)?;
        details.link.push(milliseconds(begun));
    }
    let request = ExecRequest {
        argv: vec!["true".into()],
        ..ExecRequest::default()
    };
    for router in (0..COMMANDS).map(|command| Net::name(command % net.count())) {
        let begun = Instant::now();
        lab.lab.exec(&router.as_str().into(), &request)?;
        details.exec.push(milliseconds(begun));
        let begun = Instant::now();
        let status = Command::new(BINARY)
            .args(["exec", lab.lab.name().as_str(), &router, "--", "true"])
            .stdin(Stdio::null())
            .status()?;
        details.exec_command.push(milliseconds(begun));
        if !status.success() {
            return Err(format!("`faultlab exec` ended with {status}").into());
        }
    }
    Ok(())
}
