//! The panel's client: blocking, short calls that any thread may make.
//!
//! It reaches the panel through the patch namespace's root, so it works from outside the lab without entering anything.

use std::collections::BTreeMap;
use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use crate::base::NodeName;
use crate::runtime::{Lab, NodeHandle};
use crate::topology::model::LinkId;

use super::error::WireError;
use super::model::{
    BlockId, CaptureId, Cidr, Direction, Lease, ManagementPort, Traffic, WireConfig, WireEnd, WireSpec,
    WireState, management_wire,
};
use super::protocol::{Answer, EndPlan, MOST_FDS, PortPlan, Request, WirePlan};

/// The panel's socket inside the patch namespace's root.
pub const PANEL_SOCKET: &str = "/run/faultlab/wire-panel.sock";

/// The first argument that makes this binary a wire panel; the second is its socket.
pub const PANEL_VERB: &str = "__wire-panel";

const START_DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// A lab's wire panel.
#[derive(Debug)]
pub struct Panel {
    socket: PathBuf,
    /// The process whose root the socket's path goes through: its number must not be another's.
    patch: Option<NodeHandle>,
    stream: Mutex<Option<UnixStream>>,
}

impl Panel {
    /// Starts the panel of a new lab.
    pub fn start(lab: &dyn Lab) -> Result<Self, WireError> {
        let argv = ["faultlab", PANEL_VERB, PANEL_SOCKET].map(str::to_owned);
        lab.spawn_in_patch(&argv, Path::new(PANEL_SOCKET), START_DEADLINE)
            .map_err(|error| WireError::Runtime(Box::new(error)))?;
        Self::open(lab)
    }

    /// Finds the panel of a lab that exists.
    pub fn open(lab: &dyn Lab) -> Result<Self, WireError> {
        let patch = lab.patch().map_err(|error| WireError::Runtime(Box::new(error)))?;
        let inside = PANEL_SOCKET.trim_start_matches('/');
        let mut panel = Self::connect_to(patch.root().join(inside))?;
        panel.patch = Some(patch);
        Ok(panel)
    }

    /// Talks to a panel whose socket is known. Fails when nobody listens there.
    pub fn connect_to(socket: impl Into<PathBuf>) -> Result<Self, WireError> {
        let panel = Self {
            socket: socket.into(),
            patch: None,
            stream: Mutex::new(None),
        };
        let stream = panel.dial().map_err(|source| panel.lost(source))?;
        *panel.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        Ok(panel)
    }

    /// Connects wires, all or none: their interfaces are in the nodes, up and with carrier, when this returns.
    pub fn connect(&self, wires: &[WireSpec<'_>]) -> Result<(), WireError> {
        let ends = wires.iter().flat_map(|wire| [&wire.a, &wire.b]);
        self.attach(ends.map(|end| (&end.node, end.netns)))?;
        let plan = |end: &WireEnd<'_>| EndPlan {
            node: end.node.clone(),
            interface: end.interface.clone(),
            mac: end.mac,
        };
        let wires = wires.iter().map(|wire| WirePlan {
            id: wire.id.clone(),
            a: plan(&wire.a),
            b: plan(&wire.b),
            mtu: wire.mtu,
        });
        self.command(&Request::Connect {
            wires: wires.collect(),
        })
    }

    /// Plugs nodes into the management network, which is made at the first call with the bridge's own addresses.
    pub fn connect_management(&self, ports: &[ManagementPort<'_>], bridge: &[Cidr]) -> Result<(), WireError> {
        self.attach(ports.iter().map(|port| (&port.node, port.netns)))?;
        let ports = ports.iter().map(|port| PortPlan {
            node: port.node.clone(),
            mac: port.mac,
            addresses: port.addresses.clone(),
        });
        self.command(&Request::ConnectManagement {
            bridge: bridge.to_vec(),
            ports: ports.collect(),
        })
    }

    /// Plugs a node's management port out, or in again.
    pub fn set_management(&self, node: &NodeName, connected: bool) -> Result<(), WireError> {
        let wire = management_wire(node);
        if connected {
            self.restore(&wire)
        } else {
            self.cut(&wire, None)
        }
    }

    /// Cuts a wire: both nodes see no carrier while their interfaces stay administratively up. Idempotent; a second cut
    /// replaces the lease.
    pub fn cut(&self, wire: &LinkId, lease: Option<Duration>) -> Result<(), WireError> {
        let wire = wire.clone();
        self.command(&Request::Cut { wire, lease })
    }

    /// Undoes a cut. Idempotent.
    pub fn restore(&self, wire: &LinkId) -> Result<(), WireError> {
        self.command(&Request::Restore { wire: wire.clone() })
    }

    /// Drops some frames silently: carrier stays, and their sender is not told.
    pub fn block(
        &self,
        wire: &LinkId,
        direction: Direction,
        traffic: Traffic,
        lease: Option<Duration>,
    ) -> Result<BlockId, WireError> {
        let wire = wire.clone();
        let request = Request::Block {
            wire,
            direction,
            traffic,
            lease,
        };
        match self.ask(&request)? {
            Answer::Block(id) => Ok(id),
            _ => Err(WireError::OtherAnswer),
        }
    }

    /// Undoes a block. Refused when it is gone already, because its lease expired.
    pub fn unblock(&self, block: BlockId) -> Result<(), WireError> {
        self.command(&Request::Unblock { block })
    }

    /// Gives leases their full time again. Returns those still held; the others have expired and are undone.
    pub fn renew(&self, leases: &[Lease]) -> Result<Vec<Lease>, WireError> {
        let leases = leases.to_vec();
        match self.ask(&Request::Renew { leases })? {
            Answer::Renewed(held) => Ok(held),
            _ => Err(WireError::OtherAnswer),
        }
    }

    /// Reads from the kernel how a wire is, to verify that a fault landed.
    pub fn state(&self, wire: &LinkId) -> Result<WireState, WireError> {
        match self.ask(&Request::State { wire: wire.clone() })? {
            Answer::State(state) => Ok(state),
            _ => Err(WireError::OtherAnswer),
        }
    }

    /// Reads from the kernel how all wires are configured, to prove that healing returned everything.
    pub fn snapshot(&self) -> Result<Vec<WireConfig>, WireError> {
        match self.ask(&Request::Snapshot)? {
            Answer::Snapshot(wires) => Ok(wires),
            _ => Err(WireError::OtherAnswer),
        }
    }

    /// Captures what the nodes at a wire's ends send into a file, as pcapng with one interface per end, until stopped.
    /// Frames are in it before any block drops them; the file is complete up to 200 ms ago.
    pub fn capture(&self, wire: &LinkId, file: &std::fs::File) -> Result<CaptureId, WireError> {
        let request = Request::Capture { wire: wire.clone() };
        match self.exchange(&request, &[file.as_raw_fd()])? {
            Answer::Capture(id) => Ok(id),
            _ => Err(WireError::OtherAnswer),
        }
    }

    /// Stops a capture. Returns how many frames are in its file.
    pub fn stop_capture(&self, capture: CaptureId) -> Result<u64, WireError> {
        match self.ask(&Request::StopCapture { capture })? {
            Answer::Captured(frames) => Ok(frames),
            _ => Err(WireError::OtherAnswer),
        }
    }

    fn attach<'a>(
        &self,
        nodes: impl Iterator<Item = (&'a NodeName, BorrowedFd<'a>)>,
    ) -> Result<(), WireError> {
        let nodes: Vec<_> = nodes.collect::<BTreeMap<_, _>>().into_iter().collect();
        for some in nodes.chunks(MOST_FDS) {
            let names = some.iter().map(|(name, _)| (*name).clone()).collect();
            let fds: Vec<RawFd> = some.iter().map(|(_, fd)| fd.as_raw_fd()).collect();
            self.exchange(&Request::Attach { nodes: names }, &fds)?;
        }
        Ok(())
    }

    fn command(&self, request: &Request) -> Result<(), WireError> {
        self.ask(request).map(|_| ())
    }

    fn ask(&self, request: &Request) -> Result<Answer, WireError> {
        self.exchange(request, &[])
    }

    fn exchange(&self, request: &Request, fds: &[RawFd]) -> Result<Answer, WireError> {
        let mut line = serde_json::to_vec(request).map_err(WireError::Answer)?;
        line.push(b'\n');
        let mut kept = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that a connection that failed halfway is never used again.
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => self.dial().map_err(|source| self.lost(source))?,
        };
        let answer = send(&mut stream, &line, fds)
            .and_then(|()| receive(&mut stream))
            .map_err(|source| self.lost(source))?;
        *kept = Some(stream);
        match serde_json::from_slice(&answer).map_err(WireError::Answer)? {
            Answer::Refused(refusal) => Err(refusal.into()),
            answer => Ok(answer),
        }
    }

    fn dial(&self) -> std::io::Result<UnixStream> {
        if let Some(patch) = &self.patch {
            let fd = nix::poll::PollFd::new(patch.pidfd(), nix::poll::PollFlags::POLLIN);
            if nix::poll::poll(&mut [fd], nix::poll::PollTimeout::ZERO)? > 0 {
                return Err(std::io::ErrorKind::NotConnected.into());
            }
        }
        let stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
        stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
        Ok(stream)
    }

    fn lost(&self, source: std::io::Error) -> WireError {
        WireError::Panel {
            socket: self.socket.clone(),
            source,
        }
    }
}

fn send(stream: &mut UnixStream, line: &[u8], fds: &[RawFd]) -> std::io::Result<()> {
    let rights = [ControlMessage::ScmRights(fds)];
    let rights = if fds.is_empty() { &[][..] } else { &rights[..] };
    let sent = sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(line)],
        rights,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    stream.write_all(&line[sent..])
}

fn receive(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut part = [0; 16 * 1024];
    while answer.last() != Some(&b'\n') {
        match stream.read(&mut part)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    Ok(answer)
}
