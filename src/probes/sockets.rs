//! Sockets that live in a node's network namespace while the thread that uses them does not.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};

use super::ProbeError;
use crate::base::NodeName;
use crate::runtime::{Lab, RuntimeError};

/// Bytes a receiving socket may hold: about a second of 10,000 small packets, so that a stalled prober loses nothing.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Opens sockets inside nodes.
pub trait NodeSockets {
    /// Opens one non-blocking UDP socket per address, in order, inside a node's network namespace.
    ///
    /// The addresses need not exist yet or any more (`IP_FREEBIND`): they come and go with reboots, the sockets stay.
    fn udp(&self, node: &NodeName, addresses: &[SocketAddr]) -> Result<Vec<UdpSocket>, ProbeError>;
}

/// Sockets in the nodes of a lab.
pub struct LabSockets<'a>(pub &'a dyn Lab);

impl NodeSockets for LabSockets<'_> {
    fn udp(&self, node: &NodeName, addresses: &[SocketAddr]) -> Result<Vec<UdpSocket>, ProbeError> {
        let at_node = |source| ProbeError::Node {
            node: node.clone(),
            source,
        };
        let netns = self.0.netns(node).map_err(at_node)?;
        in_namespace(node, &netns, || open_all(node, addresses)).map_err(at_node)?
    }
}

/// Opens sockets in the calling thread's own network namespace.
pub(crate) fn open_all(node: &NodeName, addresses: &[SocketAddr]) -> Result<Vec<UdpSocket>, ProbeError> {
    addresses
        .iter()
        .map(|address| {
            open(*address).map_err(|source| ProbeError::Socket {
                node: node.clone(),
                address: *address,
                source,
            })
        })
        .collect()
}

fn open(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // Without CAP_NET_ADMIN the kernel keeps to its own limit, which is enough for few flows.
    let forced =
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RcvBufForce, &RECEIVE_BUFFER);
    if forced.is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Runs a closure on a throw-away thread inside a network namespace, so that no other code ever runs in the wrong one.
pub(crate) fn in_namespace<T: Send>(
    node: &NodeName,
    netns: &OwnedFd,
    work: impl FnOnce() -> T + Send,
) -> Result<T, RuntimeError> {
    let failed = |source: std::io::Error| RuntimeError::System {
        operation: format!("enter the network namespace of {node}"),
        source,
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("in-netns".into())
            .spawn_scoped(scope, || {
                setns(netns.as_fd(), CloneFlags::CLONE_NEWNET).map_err(std::io::Error::from)?;
                Ok(work())
            });
        match thread.map_err(failed)?.join() {
            Ok(result) => result.map_err(failed),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
