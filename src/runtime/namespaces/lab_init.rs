//! The first process of a lab: holds its namespaces open, forks nodes, and takes everything along when it dies.
//!
//! One thread, no async runtime: nodes are forked from it without an exec, and only a single-threaded process can do that.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::conversation::{Conversations, Line};
use super::kernel::{self, Forked};
use super::lab_node::LabNode;
use super::protocol::{self, Reply, Request};
use super::rootfs::{self, Failed, LAB_DIR};
use crate::base::NodeName;
use crate::runtime::LabPlan;

/// Second argument of a lab that dies with its caller.
pub(super) const WITH_CALLER: &str = "with-caller";

/// What the refusal begins with when this machine does not let this user make namespaces.
pub(super) const NO_NAMESPACES: &str = "make namespaces: ";

/// Second argument of a lab that stays.
pub(super) const STAYS: &str = "stays";

/// Runs `__lab-init LIFETIME LISTENER CONTROL`: started by [`super::Namespaces`] only.
#[must_use]
pub fn daemon_main(args: &[OsString]) -> ExitCode {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let [lifetime, listener, control] = words.as_slice() else {
        return ExitCode::from(2);
    };
    let (Some(listener), Some(control)) = (inherited(listener), inherited(control)) else {
        return ExitCode::from(2);
    };
    let control = UnixStream::from(control);
    let spaces = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    // As a sibling instead of a child, so that a controller which lives on can reap it.
    let forked = unshare(spaces)
        .map_err(io::Error::from)
        .and_then(|()| kernel::fork(nix::libc::CLONE_PARENT));
    match forked {
        Ok(Forked::Parent { .. }) => ExitCode::SUCCESS,
        Ok(Forked::Child) => {
            let outcome = run(&listener, &control, *lifetime == WITH_CALLER);
            kernel::exit_now(i32::from(outcome.is_err()))
        }
        Err(error) => {
            let _ = protocol::send_line(&control, &Reply::Refused(format!("{NO_NAMESPACES}{error}")), &[]);
            ExitCode::FAILURE
        }
    }
}

#[expect(unsafe_code, reason = "descriptors inherited across exec are bare numbers")]
fn inherited(number: &str) -> Option<OwnedFd> {
    let number: RawFd = number.parse().ok().filter(|number| *number > 2)?;
    nix::fcntl::fcntl(
        // SAFETY: checked by this very call: F_SETFD fails on a number that is no open descriptor.
        unsafe { std::os::fd::BorrowedFd::borrow_raw(number) },
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
    )
    .ok()?;
    // SAFETY: open, as just checked, and nobody else in this fresh program knows it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

fn run(listener: &OwnedFd, control: &UnixStream, with_caller: bool) -> io::Result<()> {
    let (plan, _) = protocol::receive_line::<LabPlan>(control)?;
    let mut lab = match Lab::make(plan) {
        Ok(lab) => lab,
        Err((what, error)) => {
            protocol::send_line(control, &Reply::Refused(format!("{what}: {error}")), &[])?;
            return Err(error);
        }
    };
    nix::sys::socket::listen(listener, nix::sys::socket::Backlog::new(64)?)?;
    let listener = UnixListener::from(listener.try_clone()?);
    listener.set_nonblocking(true)?;
    protocol::send_line(control, &Reply::Done, &[])?;
    lab.serve(listener, with_caller.then_some(control))
}

struct Lab {
    plan: LabPlan,
    nodes: Vec<LabNode>,
}

impl Lab {
    fn make(plan: LabPlan) -> Result<Self, Failed> {
        let named = |what: &str| {
            let what = what.to_owned();
            move |error: nix::Error| (what, error.into())
        };
        nix::unistd::setsid().map_err(named("begin a session"))?;
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
        std::env::set_current_dir("/").map_err(|error| ("go to the root directory".to_owned(), error))?;
        rootfs::prepare_lab(&plan.nodes)?;
        let log = Path::new(LAB_DIR).join("lab.log");
        let log = fs::File::create(log).map_err(|error| ("open the lab's log".to_owned(), error))?;
        nix::unistd::dup2_stderr(&log).map_err(named("open the lab's log"))?;
        nix::unistd::sethostname(plan.name.as_str()).map_err(named("set the hostname"))?;
        super::network::Network::open()
            .and_then(|mut network| network.loopback_up())
            .map_err(|error| ("set the loopback interface up".to_owned(), error))?;
        let own = fs::File::open("/proc/self/ns/net")
            .map_err(|error| ("open the network namespace".to_owned(), error))?;
        let mut nodes = Vec::new();
        for node in &plan.nodes {
            let made = LabNode::make(node, own.as_fd());
            nodes
                .push(made.map_err(|error| (format!("make the network namespace of {}", node.node), error))?);
        }
        Ok(Self { plan, nodes })
    }

    fn serve(&mut self, listener: UnixListener, lifeline: Option<&UnixStream>) -> io::Result<()> {
        let mut chld = SigSet::empty();
        chld.add(Signal::SIGCHLD);
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&chld), None)?;
        let children = SignalFd::with_flags(&chld, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let mut conversations = Conversations::new(listener);
        loop {
            while let Ok(Some(_)) = children.read_signal() {}
            for node in &mut self.nodes {
                node.hear();
            }
            self.reap(&mut conversations);
            for line in conversations.read() {
                self.answer(&line, &mut conversations);
            }
            let mut fds = vec![PollFd::new(children.as_fd(), PollFlags::POLLIN)];
            if let Some(lifeline) = lifeline {
                fds.push(PollFd::new(lifeline.as_fd(), PollFlags::POLLIN));
            }
            conversations.watch(&mut fds);
            fds.extend(self.nodes.iter().filter_map(LabNode::watch));
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            // The caller never speaks again on the lifeline: anything there is its end.
            let lost = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
            if lifeline.is_some() && fds.get(1).is_some_and(lost) {
                return Ok(());
            }
        }
    }

    fn reap(&mut self, conversations: &mut Conversations) {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let pid = match status {
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => pid.as_raw(),
                _ => return,
            };
            if let Some(node) = self.nodes.iter_mut().find(|node| node.init() == Some(pid)) {
                for (to, reply) in node.ended() {
                    conversations.write(to, &reply);
                }
            }
        }
    }

    fn answer(&mut self, line: &Line, conversations: &mut Conversations) {
        let (reply, fds) = match serde_json::from_str::<Request>(&line.text) {
            Err(error) => (Reply::Refused(format!("not a request: {error}")), Vec::new()),
            Ok(request) => match self.carry_out(request, line.from) {
                Ok(Some(answer)) => answer,
                Ok(None) => return,
                Err(error) => (Reply::Refused(error.to_string()), Vec::new()),
            },
        };
        let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        conversations.write_with(line.from, &reply, &numbers);
    }

    /// Answers now, or (none) later.
    fn carry_out(&mut self, request: Request, from: u64) -> io::Result<Option<(Reply, Vec<OwnedFd>)>> {
        let reply = match request {
            Request::Plan => Reply::Plan(Box::new(self.plan.clone())),
            Request::Netns(name) => return handed(vec![self.node(&name)?.0.netns()?]),
            Request::Node(name) => match self.node(&name)?.0.handle()? {
                Some(fds) => return handed(fds),
                None => Reply::Off,
            },
            Request::Boot(name) => {
                let (node, plan) = self.node(&name)?;
                node.boot(plan)?
            }
            Request::Status(name) => Reply::Status(self.node(&name)?.0.status()),
            Request::Statuses => Reply::Statuses(self.nodes.iter_mut().map(LabNode::status).collect()),
            Request::Freeze(name) => self.node(&name)?.0.freeze()?,
            Request::Thaw(name) => self.node(&name)?.0.thaw(),
            Request::PowerOff(name) => {
                return Ok(self
                    .node(&name)?
                    .0
                    .power_off(from)?
                    .map(|reply| (reply, Vec::new())));
            }
            Request::Spawn(argv) => return handed(vec![spawn(&argv)?]),
        };
        Ok(Some((reply, Vec::new())))
    }

    fn node(&mut self, name: &NodeName) -> io::Result<(&mut LabNode, &crate::nos::plan::NodePlan)> {
        let position = self.plan.nodes.iter().position(|plan| plan.node == *name);
        position
            .and_then(|at| Some((self.nodes.get_mut(at)?, self.plan.nodes.get(at)?)))
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no node `{name}`")))
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape of what carrying out a request returns"
)]
fn handed(fds: Vec<OwnedFd>) -> io::Result<Option<(Reply, Vec<OwnedFd>)>> {
    Ok(Some((Reply::Descriptors(fds.len()), fds)))
}

/// Starts a process of this same binary in the lab's own namespaces.
fn spawn(argv: &[String]) -> io::Result<OwnedFd> {
    use std::os::unix::process::CommandExt;
    let log = Path::new(LAB_DIR).join("patch.log");
    let log = fs::OpenOptions::new().create(true).append(true).open(log)?;
    let mut command = Command::new(Path::new(LAB_DIR).join("faultlab"));
    kernel::clean_signals(&mut command);
    let child = command
        .args(argv.get(1..).unwrap_or_default())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    // Nobody reaps it before this returns.
    kernel::pidfd_open(i32::try_from(child.id()).map_err(io::Error::other)?)
}
