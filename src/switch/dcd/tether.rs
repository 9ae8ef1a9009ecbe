//! A connection to l2ald that says nothing: when it breaks, l2ald is dead.
//!
//! The forwarding hardware of a real switch notices the death of the daemon that programs it in the same way. A stopped
//! l2ald keeps its connection; its flows then end with their lease.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use crate::switch::daemon::L2ALD_SOCKET;

#[derive(Debug, Default)]
pub(super) struct Tether(Option<UnixStream>);

impl Tether {
    /// Looks at the connection. Returns true once when l2ald has died.
    pub(super) fn broke(&mut self) -> bool {
        let Some(stream) = &mut self.0 else {
            self.0 = connect();
            return false;
        };
        let dead = match stream.read(&mut [0; 64]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        if dead {
            self.0 = None;
        }
        dead
    }
}

fn connect() -> Option<UnixStream> {
    let mut stream = UnixStream::connect(L2ALD_SOCKET).ok()?;
    stream.set_nonblocking(true).ok()?;
    stream.write_all(b"{\"op\":\"hold\"}\n").ok()?;
    Some(stream)
}
