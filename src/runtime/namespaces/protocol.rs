//! What the controller and a lab's init say to each other: one JSON request a line, one JSON reply a line.
//!
//! Descriptors travel beside a reply (`SCM_RIGHTS`); [`Reply::Descriptors`] says how many.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::{Deserialize, Serialize};

use crate::base::NodeName;
use crate::runtime::{LabPlan, NodeStatus};

/// Asked of a lab's init.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Request {
    /// The plan the lab was made from.
    Plan,
    /// A node's network namespace.
    Netns(NodeName),
    /// A node's init (pidfd) and network namespace.
    Node(NodeName),
    /// Start booting.
    Boot(NodeName),
    /// Where a node stands.
    Status(NodeName),
    /// Where all nodes stand.
    Statuses,
    /// Stop all its processes.
    Freeze(NodeName),
    /// Let them go on.
    Thaw(NodeName),
    /// Kill all its processes, forget what is not persistent.
    PowerOff(NodeName),
    /// Start a process beside the lab's init. Answered with its pidfd.
    Spawn(Vec<String>),
}

/// Answered by a lab's init.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reply {
    /// It was done.
    Done,
    /// The node is off.
    Off,
    /// It could not be done.
    Refused(String),
    /// The plan.
    Plan(Box<LabPlan>),
    /// A node's state.
    Status(NodeStatus),
    /// All nodes' states, in the plan's order.
    Statuses(Vec<NodeStatus>),
    /// This many descriptors come with this line.
    Descriptors(usize),
}

/// Sends one line, with descriptors.
pub(super) fn send_line<T: Serialize>(stream: &UnixStream, message: &T, fds: &[RawFd]) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(message)?;
    bytes.push(b'\n');
    let rights = [ControlMessage::ScmRights(fds)];
    let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &rights };
    let sent = sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(&bytes)],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    let mut rest = bytes.get(sent..).unwrap_or_default();
    while !rest.is_empty() {
        let sent = sendmsg::<()>(
            stream.as_raw_fd(),
            &[IoSlice::new(rest)],
            &[],
            MsgFlags::MSG_NOSIGNAL,
            None,
        )?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}

/// Reads one line and the descriptors that came with it. Blocks; an end of the stream before a line is an error.
#[expect(unsafe_code, reason = "received descriptors arrive as bare numbers")]
pub(super) fn receive_line<T: for<'de> Deserialize<'de>>(
    stream: &UnixStream,
) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut line = Vec::new();
    let mut fds = Vec::new();
    let mut buffer = vec![0u8; 16 * 1024];
    let mut space = nix::cmsg_space!([RawFd; 4]);
    while line.last() != Some(&b'\n') {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let message = match recvmsg::<()>(
            stream.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        ) {
            Err(nix::errno::Errno::EINTR) => continue,
            other => other?,
        };
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = control {
                // SAFETY: the kernel has just installed these descriptors for this process.
                fds.extend(received.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        let count = message.bytes;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    Ok((serde_json::from_slice(&line)?, fds))
}
