//! What faultlab's own binary does inside the containers of a lab: keep a network namespace, or be a node's first process.
//!
//! A keeper and its node's init hold a socket between them. When the init dies, by whatever hand, that socket ends, and
//! the keeper cuts the power of the network at once: no engine and no controller is needed for that.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind, connect, listen, recv,
    socket,
};

use crate::nos::plan::NodePlan;
use crate::runtime::namespaces::boot::set_sysctl;
use crate::runtime::namespaces::network::Network;
use crate::runtime::namespaces::node_init;
use crate::runtime::{NodeState, NodeStatus};

/// Where a node's keeper and its init meet, in both containers.
pub(super) const MEETING: &str = "/run/faultlab/keep";

/// File beside it: the node's plan.
pub(super) const PLAN: &str = "plan.json";

/// File beside it: where the node stands, as its keeper was last told.
pub(super) const STATUS: &str = "status.json";

/// File beside it: the end of the node's init is wanted.
pub(super) const CUT: &str = "cut";

/// File beside it: the node was up once.
pub(super) const WAS_UP: &str = "was-up";

/// First argument that makes this binary a keeper.
pub(super) const KEEPER_VERB: &str = "__docker-keeper";

/// First argument that makes it a node's first process.
pub(super) const INIT_VERB: &str = "__docker-init";

/// First argument that makes it wait for ever: the patch container's first process.
pub(super) const PATCH_VERB: &str = "__docker-patch";

const SOCKET: &str = "keeper.sock";

/// A node that has no power.
pub(super) const OFF: NodeStatus = NodeStatus {
    state: NodeState::Off,
    error: None,
    services: Vec::new(),
};

/// Holds the patch's namespaces open until it is killed.
#[must_use]
pub fn patch_main() -> ExitCode {
    loop {
        nix::unistd::pause();
    }
}

/// Keeps a node's network namespace until it is killed.
#[must_use]
pub fn keeper_main() -> ExitCode {
    let end = keep(Path::new(MEETING));
    report("keep the network namespace", end.map(|never| match never {}))
}

/// Lives as a node's first process.
#[must_use]
pub fn init_main() -> ExitCode {
    report("be the node's init", live(Path::new(MEETING)))
}

fn report(what: &str, outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("faultlab: cannot {what}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn live(home: &Path) -> io::Result<()> {
    let plan: NodePlan = serde_json::from_slice(&fs::read(home.join(PLAN))?)?;
    let to_keeper = seqpacket()?;
    connect(to_keeper.as_raw_fd(), &UnixAddr::new(&home.join(SOCKET))?)?;
    node_init::live_in_container(&plan, UnixDatagram::from(to_keeper))
}

fn seqpacket() -> nix::Result<OwnedFd> {
    socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
}

fn keep(home: &Path) -> io::Result<std::convert::Infallible> {
    let plan: NodePlan = serde_json::from_slice(&fs::read(home.join(PLAN))?)?;
    Network::open()?.loopback_up()?;
    for (name, value) in &plan.sysctls {
        // Defaults must hold before wires come; what names an interface can only be set at boot.
        match set_sysctl(name, value) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let socket = home.join(SOCKET);
    let _ = fs::remove_file(&socket);
    let listener = seqpacket()?;
    bind(listener.as_raw_fd(), &UnixAddr::new(&socket)?)?;
    listen(&listener, Backlog::new(4)?)?;
    let mut keeper = Keeper {
        home: home.to_owned(),
        last: OFF,
        power: None,
    };
    keeper.tell(OFF)?;
    loop {
        let mut fds = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        fds.extend(
            keeper
                .power
                .as_ref()
                .map(|power| PollFd::new(power.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        // The old init's last words and end come before the next one's first.
        keeper.hear()?;
        if keeper.power.is_none()
            && let Ok(power) = accept_now(&listener)
        {
            keeper.power = Some(power);
            keeper.tell(NodeStatus {
                state: NodeState::Booting,
                ..OFF
            })?;
        }
    }
}

fn accept_now(listener: &OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::ZERO)? == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let fd = accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC)?;
    #[expect(unsafe_code, reason = "accepted descriptors are bare numbers")]
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

struct Keeper {
    home: PathBuf,
    last: NodeStatus,
    /// The node's init, while there is one.
    power: Option<OwnedFd>,
}

impl Keeper {
    fn hear(&mut self) -> io::Result<()> {
        let mut buffer = vec![0u8; 256 * 1024];
        while let Some(power) = &self.power {
            match recv(power.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => return Ok(()),
                Ok(0) | Err(_) => return self.ended(),
                Ok(count) => {
                    if let Ok(status) = serde_json::from_slice(buffer.get(..count).unwrap_or_default()) {
                        self.tell(status)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self) -> io::Result<()> {
        self.power = None;
        let wanted = self.home.join(CUT).exists();
        let cut = Network::open().and_then(|mut network| network.cut_power());
        let mut status = match (&self.last, wanted) {
            (_, true) => OFF,
            (failed, false) if failed.state == NodeState::BootFailed => failed.clone(),
            (_, false) => NodeStatus {
                error: Some("its first process died".into()),
                ..OFF
            },
        };
        if let Err(error) = cut {
            status.error = Some(format!("its network could not be cut: {error}"));
        }
        self.tell(status)
    }

    /// Leaves word where the node stands. Replaced as a whole: a reader never sees half of it.
    fn tell(&mut self, status: NodeStatus) -> io::Result<()> {
        let draft = self.home.join("status.new");
        fs::write(&draft, serde_json::to_vec(&status)?)?;
        fs::rename(draft, self.home.join(STATUS))?;
        if status.state == NodeState::Running {
            fs::write(self.home.join(WAS_UP), "")?;
        }
        self.last = status;
        Ok(())
    }
}
