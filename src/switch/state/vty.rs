//! The VTY socket of an FRR daemon: what `vtysh` asks, without starting a process for it.
//!
//! A command is its text and a zero byte; the answer is text, three zero bytes and a status byte (0 is success).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::switch::SwitchError;
use crate::switch::ovs;

/// A connection to one FRR daemon.
#[derive(Debug)]
pub struct Vty {
    peer: String,
    deadline: Duration,
    stream: UnixStream,
}

impl Vty {
    /// Connects to a daemon (`bfdd`, `zebra`) of the node whose root directory is `root`.
    pub fn open(root: &Path, daemon: &str) -> Result<Self, SwitchError> {
        Self::open_within(root, daemon, ovs::DEADLINE)
    }

    /// Connects like [`Self::open`]; every answer must begin within `deadline`.
    pub fn open_within(root: &Path, daemon: &str, deadline: Duration) -> Result<Self, SwitchError> {
        let path = ovs::below(root, &format!("/run/frr/{daemon}.vty"));
        let peer = path.display().to_string();
        let failed = || SwitchError::io(format!("connect to {peer}"));
        let stream = UnixStream::connect(&path).map_err(failed())?;
        stream.set_read_timeout(Some(deadline)).map_err(failed())?;
        stream.set_write_timeout(Some(deadline)).map_err(failed())?;
        let mut vty = Self {
            peer,
            deadline,
            stream,
        };
        // A fresh connection is in a node that knows few commands, not even every `show`.
        vty.command("enable")?;
        Ok(vty)
    }

    /// Runs one command and returns what it printed.
    pub fn command(&mut self, command: &str) -> Result<String, SwitchError> {
        let mut request = command.as_bytes().to_vec();
        request.push(0);
        self.stream.write_all(&request).map_err(SwitchError::io_within(
            format!("write to {}", self.peer),
            self.deadline,
        ))?;
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let count = self.stream.read(&mut chunk).map_err(SwitchError::io_within(
                format!("read from {}", self.peer),
                self.deadline,
            ))?;
            if count == 0 {
                return Err(SwitchError::protocol(&self.peer, "it closed the connection"));
            }
            answer.extend_from_slice(&chunk[..count]);
            if let [text @ .., 0, 0, 0, status] = answer.as_slice() {
                let text = String::from_utf8_lossy(text).into_owned();
                return if *status == 0 {
                    Ok(text)
                } else {
                    Err(SwitchError::Refused {
                        operation: format!("run `{command}` at {}", self.peer),
                        reason: format!("status {status}: {}", text.trim()),
                    })
                };
            }
        }
    }
}
