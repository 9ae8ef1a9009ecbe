//! The smallest lab that probes can look at: nodes are namespaces of sleeping processes that die with their test.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use faultlab::base::{LabName, NodeName, ServiceName};
use faultlab::nos::plan::NodePlan;
use faultlab::runtime::{
    ExecOutput, ExecRequest, Lab, LabPlan, LogLine, NodeHandle, NodeState, NodeStatus, RuntimeError,
};

/// Prints why a test is skipped and returns true when something it needs is missing; in CI that is a failure.
pub(crate) fn skipped(tools: &[&str]) -> bool {
    let missing = if nix::unistd::geteuid().is_root() {
        tools.iter().find(|tool| !on_path(tool)).copied()
    } else {
        Some("root")
    };
    let Some(missing) = missing else { return false };
    assert!(
        std::env::var_os("CI").is_none_or(|value| value != "true"),
        "{missing} is missing in CI"
    );
    eprintln!("skipped: {missing} is missing");
    true
}

fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Path::new(tool).is_absolute() && Path::new(tool).exists()
        || std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|folder| folder.join(tool).exists())
}

/// Waits until a condition holds.
pub(crate) fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "{what} took longer than {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Node {
    keeper: Child,
    pid: i32,
    off: bool,
}

/// Nodes that are namespaces; everything else of a lab is not there.
pub(crate) struct Nodes {
    name: LabName,
    plan: LabPlan,
    by_name: Mutex<BTreeMap<NodeName, Node>>,
}

impl Nodes {
    pub(crate) fn new(names: &[&str]) -> Self {
        let nodes = names
            .iter()
            .map(|name| (NodeName::from(*name), start()))
            .collect();
        Self {
            name: "probes".into(),
            plan: LabPlan {
                name: "probes".into(),
                nodes: Vec::<NodePlan>::new(),
                facts: serde_json::Value::Null,
            },
            by_name: Mutex::new(nodes),
        }
    }

    pub(crate) fn pid(&self, node: &str) -> i32 {
        self.by_name.lock().unwrap()[node].pid
    }

    /// Makes the runtime say that a node is off. Its namespaces stay.
    pub(crate) fn set_off(&self, node: &str, off: bool) {
        self.by_name.lock().unwrap().get_mut(node).unwrap().off = off;
    }

    pub(crate) fn cable(&self, (a, a_port): (&str, &str), (b, b_port): (&str, &str)) {
        let (a, b) = (self.pid(a).to_string(), self.pid(b).to_string());
        let argv = [
            "ip", "link", "add", a_port, "netns", &a, "type", "veth", "peer", "name", b_port, "netns", &b,
        ];
        ran(Command::new(argv[0]).args(&argv[1..]).output().unwrap());
    }

    /// Runs a command in all namespaces of a node; words are split at spaces.
    pub(crate) fn run(&self, node: &str, command: &str) -> String {
        let output = self.command(node).args(command.split(' ')).output().unwrap();
        ran(output)
    }

    pub(crate) fn command(&self, node: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid(node).to_string(), "-n", "-m", "-p", "--"]);
        command
    }

    fn unsupported<T>(&self, operation: &str) -> Result<T, RuntimeError> {
        Err(RuntimeError::Refused {
            lab: self.name.clone(),
            operation: operation.to_owned(),
            reason: "these nodes only exist".to_owned(),
        })
    }
}

fn ran(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn start() -> Node {
    let setup = "mount -t tmpfs none /run && mount -t tmpfs none /var/log && mount -t tmpfs none /var/tmp \
                 && mkdir -p /run/frr /run/faultlab /var/tmp/frr /var/log/faultlab \
                 && chown frr:frr /run/frr /var/tmp/frr 2>/dev/null; \
                 ip link set lo up; touch /run/ready; exec sleep infinity";
    let keeper = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "-n",
            "-m",
            "-p",
            "-f",
            "--kill-child",
        ])
        .args(["--mount-proc", "sh", "-c", setup])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", keeper.id());
    let mut pid = None;
    wait_for("start of a node", Duration::from_secs(10), || {
        let text = std::fs::read_to_string(&children).unwrap_or_default();
        pid = text
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse::<i32>().ok());
        pid.is_some_and(|pid| Path::new(&format!("/proc/{pid}/root/run/ready")).exists())
    });
    Node {
        keeper,
        pid: pid.unwrap(),
        off: false,
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in self.by_name.lock().unwrap().values_mut() {
            let _ = node.keeper.kill();
            let _ = node.keeper.wait();
        }
    }
}

fn pidfd(pid: i32) -> OwnedFd {
    use std::os::fd::FromRawFd;
    #[expect(unsafe_code, reason = "pidfd_open has no safe wrapper")]
    // SAFETY: a plain system call; what it returns is a descriptor that nobody else owns.
    unsafe {
        let fd = nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0);
        assert!(fd >= 0, "pidfd_open of {pid}");
        OwnedFd::from_raw_fd(i32::try_from(fd).unwrap())
    }
}

impl Lab for Nodes {
    fn name(&self) -> &LabName {
        &self.name
    }
    fn plan(&self) -> &LabPlan {
        &self.plan
    }
    fn patch(&self) -> Result<NodeHandle, RuntimeError> {
        self.unsupported("patch")
    }
    fn netns(&self, node: &NodeName) -> Result<OwnedFd, RuntimeError> {
        let path = format!("/proc/{}/ns/net", self.pid(node.as_str()));
        Ok(std::fs::File::open(path).unwrap().into())
    }
    fn node(&self, node: &NodeName) -> Result<NodeHandle, RuntimeError> {
        let pid = self.pid(node.as_str());
        Ok(NodeHandle::new(
            node.to_string(),
            pid,
            pidfd(pid),
            self.netns(node)?,
        ))
    }
    fn spawn_in_patch(&self, _: &[String], _: &Path, _: Duration) -> Result<(), RuntimeError> {
        self.unsupported("spawn")
    }
    fn boot(&self, _: &NodeName) -> Result<(), RuntimeError> {
        self.unsupported("boot")
    }
    fn status(&self, node: &NodeName) -> Result<NodeStatus, RuntimeError> {
        let off = self.by_name.lock().unwrap()[node].off;
        Ok(NodeStatus {
            state: if off { NodeState::Off } else { NodeState::Running },
            error: None,
            services: Vec::new(),
        })
    }
    fn exec(&self, _: &NodeName, _: &ExecRequest) -> Result<ExecOutput, RuntimeError> {
        self.unsupported("exec")
    }
    fn freeze(&self, _: &NodeName) -> Result<(), RuntimeError> {
        self.unsupported("freeze")
    }
    fn thaw(&self, _: &NodeName) -> Result<(), RuntimeError> {
        self.unsupported("thaw")
    }
    fn power_off(&self, _: &NodeName) -> Result<(), RuntimeError> {
        self.unsupported("power off")
    }
    fn signal(&self, _: &NodeName, _: &ServiceName, _: i32) -> Result<(), RuntimeError> {
        self.unsupported("signal")
    }
    fn set_service(&self, _: &NodeName, _: &ServiceName, _: bool) -> Result<(), RuntimeError> {
        self.unsupported("set service")
    }
    fn logs(&self, _: &NodeName, _: Option<&ServiceName>, _: usize) -> Result<Vec<LogLine>, RuntimeError> {
        self.unsupported("read logs")
    }
    fn destroy(&self) -> Result<(), RuntimeError> {
        Ok(())
    }
}
