//! Lines over Unix sockets for a single-threaded loop: nobody who connects can hold the others up.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use serde::Serialize;

use super::protocol;

/// Longest request taken, so that a client cannot fill the memory of a lab.
const LONGEST: usize = 1 << 20;

/// How long a client may leave a reply unread before it is dropped.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line somebody said.
pub(super) struct Line {
    /// Whom to answer.
    pub(super) from: u64,
    /// What was said.
    pub(super) text: String,
}

/// A listening socket and everybody who connected to it.
pub(super) struct Conversations {
    listener: UnixListener,
    open: BTreeMap<u64, (UnixStream, Vec<u8>)>,
    next: u64,
}

impl Conversations {
    /// Starts with nobody connected. The listener must be non-blocking.
    pub(super) fn new(listener: UnixListener) -> Self {
        Self {
            listener,
            open: BTreeMap::new(),
            next: 0,
        }
    }

    /// Adds the sockets to what a loop polls.
    pub(super) fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        fds.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
        fds.extend(
            self.open
                .values()
                .map(|(stream, _)| PollFd::new(stream.as_fd(), PollFlags::POLLIN)),
        );
    }

    /// Accepts who waits, and returns every complete line that has arrived.
    pub(super) fn read(&mut self) -> Vec<Line> {
        while let Ok((stream, _)) = self.listener.accept() {
            let ready = stream
                .set_nonblocking(true)
                .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
            if ready.is_ok() && same_user(&stream) {
                self.open.insert(self.next, (stream, Vec::new()));
                self.next += 1;
            }
        }
        let mut lines = Vec::new();
        self.open
            .retain(|id, (stream, pending)| read_from(*id, stream, pending, &mut lines));
        lines
    }

    /// Answers somebody. Who does not take the answer is dropped.
    pub(super) fn write<T: Serialize>(&mut self, to: u64, answer: &T) {
        self.write_with(to, answer, &[]);
    }

    /// Answers somebody and hands over descriptors.
    pub(super) fn write_with<T: Serialize>(&mut self, to: u64, answer: &T, fds: &[RawFd]) {
        let Some((stream, _)) = self.open.get(&to) else {
            return;
        };
        let sent = stream
            .set_nonblocking(false)
            .and_then(|()| protocol::send_line(stream, answer, fds))
            .and_then(|()| stream.set_nonblocking(true));
        if sent.is_err() {
            self.open.remove(&to);
        }
    }
}

/// Reads what there is. Returns whether the conversation goes on.
fn read_from(id: u64, stream: &mut UnixStream, pending: &mut Vec<u8>, lines: &mut Vec<Line>) -> bool {
    let mut buffer = [0u8; 4096];
    let open = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break false,
            Ok(count) => pending.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break error.kind() == ErrorKind::WouldBlock,
        }
        if pending.len() > LONGEST {
            break false;
        }
    };
    while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = pending.drain(..=end).collect();
        lines.push(Line {
            from: id,
            text: String::from_utf8_lossy(&line).trim_end().to_owned(),
        });
    }
    open
}

fn same_user(stream: &UnixStream) -> bool {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| peer.uid() == nix::unistd::geteuid().as_raw())
}
