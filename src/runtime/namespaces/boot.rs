//! How a node boots, one step at a time: firmware, wires, setup commands, services, exec commands.
//!
//! No step blocks: the supervisor answers and reaps throughout, also during a long boot time.

use std::fs;
use std::io::{self, Seek, SeekFrom};
use std::time::Duration;

use super::network::Network;
use super::node_init::{Node, open_log};
use crate::base::{InterfaceName, MonoTime};
use crate::nos::plan::{NodePlan, ServiceState};
use crate::runtime::NodeState;
use crate::runtime::supervisor::{Event, Exit};

/// How long a boot waits for interfaces that wires should have brought.
const WIRE_PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks for them.
const WIRE_POLL: Duration = Duration::from_millis(5);

/// Lines of a failed command's output that an error repeats.
const ERROR_LINES: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Firmware { until: MonoTime },
    Wires { until: MonoTime },
    Setup(usize),
    Services,
    Exec(usize),
    Done,
    Failed,
}

/// A command of the boot that runs.
#[derive(Debug)]
struct Running {
    pid: i32,
    /// Where its output begins in its log.
    offset: u64,
}

/// Progress of a boot.
#[derive(Debug)]
pub(super) struct Boot {
    step: Step,
    running: Option<Running>,
    error: Option<String>,
}

impl Boot {
    pub(super) fn new(plan: &NodePlan) -> Self {
        Self {
            step: Step::Firmware {
                until: MonoTime::now() + plan.boot_time,
            },
            running: None,
            error: None,
        }
    }

    /// Gives up, for this reason.
    pub(super) fn fail(&mut self, reason: String) {
        self.step = Step::Failed;
        self.error = Some(reason);
    }

    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(super) fn state(&self) -> NodeState {
        match self.step {
            // Not before the last exec command: those give addresses to hosts, and a run would begin without them.
            Step::Done => NodeState::Running,
            Step::Failed => NodeState::BootFailed,
            _ => NodeState::Booting,
        }
    }

    /// How long to the next look.
    pub(super) fn pause(&self, now: MonoTime) -> Option<Duration> {
        match self.step {
            Step::Firmware { until } => Some(until.since(now)),
            Step::Wires { .. } => Some(WIRE_POLL),
            _ => None,
        }
    }
}

impl Node<'_> {
    /// Takes every step that can be taken now.
    pub(super) fn advance_boot(&mut self, now: MonoTime) {
        loop {
            let before = self.boot.step;
            match before {
                Step::Firmware { until } if until <= now => {
                    self.boot.step = Step::Wires {
                        until: now + WIRE_PATIENCE,
                    };
                }
                Step::Wires { until } => self.look_for_wires(now, until),
                Step::Setup(number) if self.boot.running.is_none() => self.begin_setup(number),
                Step::Services => self.look_at_services(),
                Step::Exec(number) if self.boot.running.is_none() => self.begin_exec(number),
                _ => {}
            }
            if self.boot.step == before {
                return;
            }
        }
    }

    fn look_for_wires(&mut self, now: MonoTime, until: MonoTime) {
        match bring_up(self.plan) {
            Ok(None) => self.boot.step = Step::Setup(0),
            Ok(Some(missing)) if now >= until => {
                self.boot.fail(format!(
                    "interface {missing} never appeared: no wire was connected to it"
                ));
            }
            Ok(Some(_)) => {}
            Err((what, error)) => self.boot.fail(format!("could not {what}: {error}")),
        }
    }

    fn begin_setup(&mut self, number: usize) {
        let Some(argv) = self.plan.setup.get(number) else {
            self.boot.step = Step::Services;
            self.feed(&Event::Begin);
            return;
        };
        match self.begin(argv, "setup") {
            Ok(running) => self.boot.running = Some(running),
            Err(error) => self.boot.fail(format!(
                "setup command `{}` could not be run: {error}",
                argv.join(" ")
            )),
        }
    }

    fn begin_exec(&mut self, number: usize) {
        let Some(argv) = self.plan.exec.get(number) else {
            self.boot.step = Step::Done;
            return;
        };
        match self.begin(argv, "exec") {
            Ok(running) => self.boot.running = Some(running),
            Err(error) => {
                self.report_exec(format!(
                    "exec command `{}` could not be run: {error}",
                    argv.join(" ")
                ));
                self.boot.step = Step::Exec(number + 1);
            }
        }
    }

    fn begin(&self, argv: &[String], log: &str) -> io::Result<Running> {
        self.log(log, &format!("$ {}", argv.join(" ")));
        let offset = open_log(log)?.seek(SeekFrom::End(0))?;
        Ok(Running {
            pid: self.spawn(argv, log)?,
            offset,
        })
    }

    /// A process ended that is no service: a command of the boot, or an orphan.
    pub(super) fn boot_child_ended(&mut self, pid: i32, exit: Exit) {
        let Some(running) = self.boot.running.take_if(|running| running.pid == pid) else {
            return;
        };
        match self.boot.step {
            Step::Setup(number) if exit == Exit::Code(0) => self.boot.step = Step::Setup(number + 1),
            Step::Setup(number) => {
                let argv = self
                    .plan
                    .setup
                    .get(number)
                    .map(|argv| argv.join(" "))
                    .unwrap_or_default();
                self.boot.fail(complaint("setup", &argv, exit, running.offset));
            }
            Step::Exec(number) => {
                if exit != Exit::Code(0) {
                    let argv = self
                        .plan
                        .exec
                        .get(number)
                        .map(|argv| argv.join(" "))
                        .unwrap_or_default();
                    self.report_exec(complaint("exec", &argv, exit, running.offset));
                }
                self.boot.step = Step::Exec(number + 1);
            }
            _ => {}
        }
    }

    fn report_exec(&mut self, complaint: String) {
        match &mut self.boot.error {
            Some(error) => {
                error.push('\n');
                error.push_str(&complaint);
            }
            none => *none = Some(complaint),
        }
    }

    fn look_at_services(&mut self) {
        if self.supervisor.all_were_ready() {
            self.boot.step = Step::Exec(0);
        } else if let Some(service) = self.supervisor.never_came_up() {
            let name = service.name.clone();
            let status = self
                .supervisor
                .status()
                .into_iter()
                .find(|status| status.name == name);
            let how = match status {
                Some(status) if status.state == ServiceState::Failed => "reached its start limit",
                _ => "ended for good",
            };
            let tail = last_lines(name.as_str(), 0);
            self.boot
                .fail(format!("service `{name}` {how} before it was ready{tail}"));
        }
    }
}

/// Sets sysctls and interfaces up. Returns the first interface that is not there yet.
fn bring_up(plan: &NodePlan) -> Result<Option<InterfaceName>, (String, io::Error)> {
    let network = Network::open().and_then(|mut network| network.all_up().map(|up| (network, up)));
    let (mut network, up) = network.map_err(|error| ("set interfaces up".to_owned(), error))?;
    if let Some(missing) = plan
        .interfaces
        .iter()
        .find(|name| !up.iter().any(|up| up == name.as_str()))
    {
        return Ok(Some(missing.clone()));
    }
    for (name, value) in &plan.sysctls {
        set_sysctl(name, value).map_err(|error| (format!("set sysctl {name} to {value}"), error))?;
    }
    if let Some(address) = plan.management {
        network
            .add_address("eth0", address, plan.management_prefix)
            .map_err(|error| (format!("give eth0 the address {address}"), error))?;
    }
    Ok(None)
}

/// Sets a sysctl of the caller's network namespace. As with sysctl(8), `.` and `/` trade places in the name.
pub(in crate::runtime) fn set_sysctl(name: &str, value: &str) -> io::Result<()> {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let path: String = name.chars().map(swap).collect();
    if !path.starts_with("net/") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "only net.* belongs to a node alone",
        ));
    }
    fs::write(format!("/proc/sys/{path}"), value)
}

fn complaint(kind: &str, argv: &str, exit: Exit, offset: u64) -> String {
    let how = match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal { name, .. } => format!("SIG{name}"),
        Exit::NotExecuted => "not executed".into(),
    };
    format!(
        "{kind} command `{argv}` failed ({how}){}",
        last_lines(kind, offset)
    )
}

/// The last lines that a log got since an offset, ready to follow an error.
fn last_lines(log: &str, offset: u64) -> String {
    let read = || -> io::Result<String> {
        let path = std::path::Path::new(crate::nos::plan::NODE_LOGS).join(format!("{log}.log"));
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        io::read_to_string(file)
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(ERROR_LINES)..)
        .unwrap_or_default();
    if last.is_empty() {
        String::new()
    } else {
        format!(": {}", last.join(" | "))
    }
}
