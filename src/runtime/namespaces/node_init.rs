//! A node's first process: makes the node's view of the world, boots it, supervises its services, reaps orphans.
//!
//! Forked from the lab's init without an exec, so fifty of them share one copy of the program. It tells the lab's init
//! every change of state, so that asking for the state works even while the node is frozen.

use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, killpg, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::boot::Boot;
use super::conversation::Conversations;
use super::{environment, kernel, rootfs};
use crate::base::MonoTime;
use crate::nos::plan::{NODE_COMMANDS, NODE_LOGS, NodePlan, Ready, SUPERVISOR_SOCKET};
use crate::runtime::NodeStatus;
use crate::runtime::supervisor::{Action, Event, Exit, Supervisor};

/// How often readiness conditions are looked at.
const READY_POLL: Duration = Duration::from_millis(5);

/// A node at work.
pub(super) struct Node<'a> {
    pub(super) plan: &'a NodePlan,
    pub(super) supervisor: Supervisor,
    pub(super) boot: Boot,
    told: Option<NodeStatus>,
    to_lab: UnixDatagram,
}

/// Lives the life of a node's init in the process just forked for it. Never returns.
pub(super) fn live(plan: &NodePlan, netns: &OwnedFd, to_lab: UnixDatagram) -> ! {
    live_after(plan, to_lab, |node| node.prepare(netns))
}

/// Lives the same life as the first process of a container, whose engine has made its namespaces and root directory.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method's own path is not general enough over the node's lifetime"
)]
pub(in crate::runtime) fn live_in_container(plan: &NodePlan, to_keeper: UnixDatagram) -> ! {
    live_after(plan, to_keeper, |node| node.prepare_container())
}

fn live_after(
    plan: &NodePlan,
    to_lab: UnixDatagram,
    prepare: impl FnOnce(&mut Node<'_>) -> Result<UnixListener, rootfs::Failed>,
) -> ! {
    let boot = Boot::new(plan);
    let supervisor = Supervisor::new(&plan.services, MonoTime::now());
    let mut node = Node {
        plan,
        supervisor,
        boot,
        told: None,
        to_lab,
    };
    let failed = match prepare(&mut node) {
        Ok(listener) => match node.serve(listener) {
            Ok(never) => match never {},
            Err(error) => ("supervise".to_owned(), error),
        },
        Err(failed) => failed,
    };
    node.boot.fail(format!("could not {}: {}", failed.0, failed.1));
    node.tell();
    kernel::exit_now(1)
}

impl Node<'_> {
    fn prepare(&mut self, netns: &OwnedFd) -> Result<UnixListener, rootfs::Failed> {
        let during = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| (what, error)
        };
        nix::unistd::setsid().map_err(|error| ("begin a session".to_owned(), error.into()))?;
        nix::sched::setns(netns, nix::sched::CloneFlags::CLONE_NEWNET)
            .map_err(|error| ("enter the network namespace".to_owned(), error.into()))?;
        close_all_but(&[netns.as_raw_fd(), self.to_lab.as_raw_fd()]).map_err(during("close descriptors"))?;
        rootfs::enter(self.plan)?;
        self.settle()
    }

    fn prepare_container(&mut self) -> Result<UnixListener, rootfs::Failed> {
        for directory in [NODE_COMMANDS, "/run/lock", NODE_LOGS] {
            rootfs::during(format!("make {directory}"), fs::create_dir_all(directory))?;
        }
        rootfs::write_files(self.plan)?;
        self.settle()
    }

    /// The last steps, in the node's own root directory.
    fn settle(&mut self) -> Result<UnixListener, rootfs::Failed> {
        let during = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| (what, error)
        };
        nix::unistd::sethostname(&self.plan.hostname)
            .map_err(|error| ("set the hostname".to_owned(), error.into()))?;
        redirect_errors().map_err(during("open the supervisor's log"))?;
        let listener =
            UnixListener::bind(SUPERVISOR_SOCKET).map_err(during("bind the supervisor's socket"))?;
        listener
            .set_nonblocking(true)
            .map_err(during("bind the supervisor's socket"))?;
        Ok(listener)
    }

    fn serve(&mut self, listener: UnixListener) -> io::Result<std::convert::Infallible> {
        let mut chld = SigSet::empty();
        chld.add(Signal::SIGCHLD);
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&chld), None)?;
        let children = SignalFd::with_flags(&chld, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let mut conversations = Conversations::new(listener);
        loop {
            while let Ok(Some(_)) = children.read_signal() {}
            self.reap();
            for line in conversations.read() {
                let answer = self.answer(&line.text);
                conversations.write(line.from, &answer);
            }
            self.advance();
            self.tell();
            let timeout = kernel::timeout_of(self.pause());
            let mut fds = vec![PollFd::new(children.as_fd(), PollFlags::POLLIN)];
            conversations.watch(&mut fds);
            match poll(&mut fds, timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How long nothing happens unless somebody does something.
    fn pause(&self) -> Duration {
        let now = MonoTime::now();
        let tick = self.supervisor.next_tick().map(|at| at.since(now));
        let ready = self.supervisor.starting().next().map(|_| READY_POLL);
        let boot = self.boot.pause(now);
        [tick, ready, boot]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Duration::from_secs(3600))
    }

    fn advance(&mut self) {
        let now = MonoTime::now();
        if self.supervisor.next_tick().is_some_and(|at| at <= now) {
            self.feed(&Event::Tick);
        }
        let starting: Vec<usize> = self.supervisor.starting().collect();
        for index in starting {
            if self
                .supervisor
                .service(index)
                .is_some_and(|service| is_ready(&service.ready))
            {
                self.feed(&Event::Ready(index));
            }
        }
        self.advance_boot(now);
    }

    /// Hands an event to the state machine and does what it says.
    pub(super) fn feed(&mut self, event: &Event) {
        let mut events = vec![event.clone()];
        while let Some(event) = events.pop() {
            for action in self.supervisor.handle(MonoTime::now(), &event) {
                match action {
                    Action::Log(line) => self.log("supervisor", &format!("init[1]: {line}")),
                    Action::Signal(index, signal) => self.signal(index, signal),
                    Action::Spawn(index) => {
                        let outcome = match self.spawn_service(index) {
                            Ok(pid) => Event::Spawned(index, pid),
                            Err(error) => {
                                self.log("supervisor", &format!("init[1]: cannot execute: {error}"));
                                Event::Exited(index, Exit::NotExecuted)
                            }
                        };
                        // At once and in order: the next actions may refer to the process.
                        if matches!(outcome, Event::Spawned(..)) {
                            self.supervisor.handle(MonoTime::now(), &outcome);
                            if self
                                .supervisor
                                .service(index)
                                .is_some_and(|s| s.ready == Ready::Started)
                            {
                                events.push(Event::Ready(index));
                            }
                        } else {
                            events.push(outcome);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn signal(&self, index: usize, signal: i32) {
        if let (Some(pid), Ok(signal)) = (self.supervisor.pid(index), Signal::try_from(signal)) {
            // Not reaped yet, or it would have no pid here: the number cannot be anybody else's.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    fn spawn_service(&self, index: usize) -> io::Result<i32> {
        let service = self.supervisor.service(index).ok_or(io::ErrorKind::NotFound)?;
        self.spawn(&service.argv, service.name.as_str())
    }

    /// Starts a process whose output goes to a log.
    pub(super) fn spawn(&self, argv: &[String], log: &str) -> io::Result<i32> {
        use std::os::unix::process::CommandExt;
        let [program, rest @ ..] = argv else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program given"));
        };
        let log = open_log(log)?;
        let mut command = Command::new(program);
        kernel::clean_signals(&mut command);
        let child = command
            .args(rest)
            .env_clear()
            .envs(environment::of(self.plan))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        i32::try_from(child.id()).map_err(io::Error::other)
    }

    fn reap(&mut self) {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let (pid, exit) = match status {
                WaitStatus::Exited(pid, code) => (pid, Exit::Code(code)),
                WaitStatus::Signaled(pid, signal, _) => (pid, exit_by(signal)),
                _ => return,
            };
            if let Some(index) = self.supervisor.by_pid(pid.as_raw()) {
                // What the service left running would hold its sockets and ports when it is started again.
                let _ = killpg(pid, Signal::SIGKILL);
                self.feed(&Event::Exited(index, exit));
            } else {
                self.boot_child_ended(pid.as_raw(), exit);
            }
        }
    }

    /// Writes a line with the time of day to a log.
    pub(super) fn log(&self, log: &str, line: &str) {
        let stamp = kernel::local_time_stamp();
        if let Ok(mut file) = open_log(log) {
            let _ = writeln!(file, "{stamp} {} {line}", self.plan.hostname);
        }
    }

    /// Where the node stands.
    pub(super) fn status(&self) -> NodeStatus {
        NodeStatus {
            state: self.boot.state(),
            error: self.boot.error().map(str::to_owned),
            services: self.supervisor.status(),
        }
    }

    fn tell(&mut self) {
        let status = self.status();
        if self.told.as_ref() != Some(&status)
            && let Ok(bytes) = serde_json::to_vec(&status)
        {
            let _ = self.to_lab.send(&bytes);
            self.told = Some(status);
        }
    }
}

fn is_ready(ready: &Ready) -> bool {
    match ready {
        Ready::Started => true,
        Ready::Path(path) => path.exists(),
        Ready::Socket(path) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => true,
            // Bound by somebody who speaks in datagrams: as good as accepting.
            Err(error) => error.raw_os_error() == Some(nix::libc::EPROTOTYPE),
        },
    }
}

fn exit_by(signal: Signal) -> Exit {
    let name = signal.as_str();
    Exit::Signal {
        number: signal as i32,
        name: name.strip_prefix("SIG").unwrap_or(name),
        dumped: matches!(
            signal,
            Signal::SIGQUIT
                | Signal::SIGILL
                | Signal::SIGTRAP
                | Signal::SIGABRT
                | Signal::SIGBUS
                | Signal::SIGFPE
                | Signal::SIGSEGV
                | Signal::SIGXCPU
                | Signal::SIGXFSZ
                | Signal::SIGSYS
        ),
    }
}

/// Opens a log for appending.
pub(super) fn open_log(name: &str) -> io::Result<fs::File> {
    let path = Path::new(NODE_LOGS).join(format!("{name}.log"));
    fs::OpenOptions::new().create(true).append(true).open(path)
}

fn redirect_errors() -> io::Result<()> {
    let log = open_log("supervisor")?;
    nix::unistd::dup2_stdout(&log)?;
    nix::unistd::dup2_stderr(&log)?;
    Ok(())
}

fn close_all_but(keep: &[i32]) -> io::Result<()> {
    let open: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| *fd > 2 && !keep.contains(fd)) {
        // The reading of the directory itself is among them and gone already.
        let _ = close(fd);
    }
    Ok(())
}

#[expect(
    unsafe_code,
    reason = "closes descriptors of the program this was forked from, known only by number"
)]
fn close(fd: i32) -> io::Result<()> {
    // SAFETY: their owners live in the copied memory of the lab's init and never run again in this process.
    if unsafe { nix::libc::close(fd) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
