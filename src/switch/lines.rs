//! A Unix socket that answers JSON lines, served from a daemon's own loop.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::Value;

use super::SwitchError;

/// More than any request: a client that sends more is dropped.
const MOST: usize = 4 << 20;

/// The socket and its clients.
#[derive(Debug)]
pub(super) struct LineServer {
    listener: UnixListener,
    clients: Vec<(UnixStream, Vec<u8>)>,
}

impl LineServer {
    /// Listens; a socket left by a killed daemon is replaced.
    pub(super) fn listen(path: &str) -> Result<Self, SwitchError> {
        let failed = || SwitchError::io(format!("listen at {path}"));
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed()(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed())?;
        listener.set_nonblocking(true).map_err(failed())?;
        Ok(Self {
            listener,
            clients: Vec::new(),
        })
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let clients = self.clients.iter().map(|(stream, _)| stream.as_fd());
        std::iter::once(self.listener.as_fd()).chain(clients).collect()
    }

    /// Answers whatever is there without waiting.
    pub(super) fn serve(&mut self, mut answer: impl FnMut(&Value) -> Value) {
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                self.clients.push((stream, Vec::new()));
            }
        }
        self.clients
            .retain_mut(|(stream, buffer)| serve_client(stream, buffer, &mut answer));
    }
}

fn serve_client(
    stream: &mut UnixStream,
    buffer: &mut Vec<u8>,
    answer: &mut impl FnMut(&Value) -> Value,
) -> bool {
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return false,
            Ok(count) => buffer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = buffer.drain(..=end).collect();
        let reply = match serde_json::from_slice(&line) {
            Ok(request) => answer(&request),
            Err(error) => serde_json::json!({"error": error.to_string()}),
        };
        // A reply fits a socket's buffer many times over; a client that does not read is dropped.
        if !reply.is_null() && stream.write_all(format!("{reply}\n").as_bytes()).is_err() {
            return false;
        }
    }
    buffer.len() < MOST
}

/// Waits until one of the descriptors can be read or the time is over.
pub(super) fn wait(descriptors: &[BorrowedFd<'_>], time: std::time::Duration) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut watched: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|descriptor| PollFd::new(*descriptor, PollFlags::POLLIN))
        .collect();
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO);
    // Interrupted or refused: the caller looks at everything anyway.
    if poll(&mut watched, timeout).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
