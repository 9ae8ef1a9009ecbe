//! A node as its lab's init sees it: a network namespace that stays, and a first process that comes and goes.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use nix::libc;
use nix::poll::{PollFd, PollFlags};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{MsgFlags, recv};

use super::boot::set_sysctl;
use super::freezer::Frozen;
use super::kernel::{self, Forked};
use super::network::Network;
use super::node_init;
use super::protocol::Reply;
use super::rootfs;
use crate::nos::plan::NodePlan;
use crate::runtime::{NodeState, NodeStatus};

const OFF: NodeStatus = NodeStatus {
    state: NodeState::Off,
    error: None,
    services: Vec::new(),
};

pub(super) struct LabNode {
    name: String,
    netns: OwnedFd,
    power: Option<Power>,
    last: NodeStatus,
}

/// What exists only while a node is on.
struct Power {
    pid: i32,
    pidfd: OwnedFd,
    from_node: UnixDatagram,
    frozen: Option<Frozen>,
    /// Who waits for it to be off, when it is being cut.
    cut_for: Vec<u64>,
}

impl LabNode {
    /// Makes the network namespace and leaves the caller in its own.
    pub(super) fn make(plan: &NodePlan, own: BorrowedFd<'_>) -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let made = (|| {
            let netns = OwnedFd::from(fs::File::open("/proc/thread-self/ns/net")?);
            Network::open()?.loopback_up()?;
            for (name, value) in &plan.sysctls {
                // Defaults must hold before wires come; what names an interface can only be set at boot.
                match set_sysctl(name, value) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(io::Error::new(error.kind(), format!("sysctl {name}: {error}")));
                    }
                    _ => {}
                }
            }
            Ok(netns)
        })();
        setns(own, CloneFlags::CLONE_NEWNET)?;
        Ok(Self {
            name: plan.node.to_string(),
            netns: made?,
            power: None,
            last: OFF,
        })
    }

    /// The process id of the node's init in the lab's pid namespace.
    pub(super) fn init(&self) -> Option<i32> {
        self.power.as_ref().map(|power| power.pid)
    }

    pub(super) fn watch(&self) -> Option<PollFd<'_>> {
        self.power
            .as_ref()
            .map(|power| PollFd::new(power.from_node.as_fd(), PollFlags::POLLIN))
    }

    /// Takes in what the node's init has told.
    pub(super) fn hear(&mut self) {
        let Some(power) = &self.power else { return };
        // Asked first, because this runs for every node at every turn of the lab's loop, and a buffer is no small change.
        let peek = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        if recv(power.from_node.as_raw_fd(), &mut [0u8], peek).is_err() {
            return;
        }
        let mut buffer = vec![0u8; 64 * 1024];
        while let Ok(count) = power.from_node.recv(&mut buffer) {
            if let Ok(status) = serde_json::from_slice(buffer.get(..count).unwrap_or_default()) {
                self.last = status;
            }
        }
    }

    pub(super) fn status(&mut self) -> NodeStatus {
        self.hear();
        let mut status = self.last.clone();
        if self.power.as_ref().is_some_and(|power| power.frozen.is_some()) {
            status.state = NodeState::Frozen;
        }
        status
    }

    pub(super) fn netns(&self) -> io::Result<OwnedFd> {
        self.netns.try_clone()
    }

    /// Its init and network namespace, or none when it is off.
    pub(super) fn handle(&self) -> io::Result<Option<Vec<OwnedFd>>> {
        match &self.power {
            Some(power) => Ok(Some(vec![power.pidfd.try_clone()?, self.netns.try_clone()?])),
            None => Ok(None),
        }
    }

    /// Forks the node's init and returns at once.
    pub(super) fn boot(&mut self, plan: &NodePlan) -> io::Result<Reply> {
        if self.power.is_some() {
            return Ok(Reply::Refused("it is on already".into()));
        }
        rootfs::forget_volatile(&self.name)?;
        let (from_node, to_lab) = UnixDatagram::pair()?;
        from_node.set_nonblocking(true)?;
        let spaces = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
        match kernel::fork(spaces)? {
            Forked::Child => node_init::live(plan, &self.netns, to_lab),
            Forked::Parent { pid, pidfd } => {
                self.power = Some(Power {
                    pid,
                    pidfd,
                    from_node,
                    frozen: None,
                    cut_for: Vec::new(),
                });
                self.last = NodeStatus {
                    state: NodeState::Booting,
                    ..OFF
                };
                Ok(Reply::Done)
            }
        }
    }

    /// Stops every process. Idempotent.
    pub(super) fn freeze(&mut self) -> io::Result<Reply> {
        let Some(power) = &mut self.power else {
            return Ok(Reply::Off);
        };
        if power.frozen.is_none() {
            power.frozen = Some(Frozen::freeze(power.pid)?);
        }
        Ok(Reply::Done)
    }

    /// Lets go what [`Self::freeze`] stopped. Idempotent.
    pub(super) fn thaw(&mut self) -> Reply {
        let Some(power) = &mut self.power else {
            return Reply::Off;
        };
        if let Some(frozen) = power.frozen.take() {
            frozen.thaw();
        }
        Reply::Done
    }

    /// Kills the node's init, and with it all its processes. Answers when they are gone; at once when it is off.
    pub(super) fn power_off(&mut self, from: u64) -> io::Result<Option<Reply>> {
        let Some(power) = &mut self.power else {
            return Ok(Some(Reply::Done));
        };
        power.cut_for.push(from);
        kernel::pidfd_signal(power.pidfd.as_fd(), libc::SIGKILL)?;
        Ok(None)
    }

    /// The node's init was reaped: the kernel has killed every other process of the node before that.
    pub(super) fn ended(&mut self) -> Vec<(u64, Reply)> {
        self.hear();
        let Some(power) = self.power.take() else {
            return Vec::new();
        };
        self.last = match (&self.last, power.cut_for.is_empty()) {
            (_, false) => OFF,
            (failed, true) if failed.state == NodeState::BootFailed => failed.clone(),
            (_, true) => NodeStatus {
                error: Some("its first process died".into()),
                ..OFF
            },
        };
        let outcome = self.forget();
        let reply = || match &outcome {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Refused(error.to_string()),
        };
        power.cut_for.iter().map(|to| (*to, reply())).collect()
    }

    fn forget(&self) -> io::Result<()> {
        let own = fs::File::open("/proc/self/ns/net")?;
        setns(&self.netns, CloneFlags::CLONE_NEWNET)?;
        let cut = Network::open().and_then(|mut network| network.cut_power());
        setns(own.as_fd(), CloneFlags::CLONE_NEWNET)?;
        cut?;
        rootfs::forget_volatile(&self.name)
    }
}
