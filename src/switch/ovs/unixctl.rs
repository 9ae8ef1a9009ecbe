//! The control socket of ovs-vswitchd: what `ovs-appctl` asks, without starting a process for it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::jsonrpc::Connection;
use crate::switch::SwitchError;

const SOCKET: &str = "/run/openvswitch/ovs-vswitchd.ctl";

/// A connection to ovs-vswitchd that is opened when needed and again after a failure.
#[derive(Debug)]
pub struct Vswitchd {
    path: PathBuf,
    connection: Option<Connection>,
    generation: u64,
}

impl Vswitchd {
    /// Names the daemon of the node whose root directory is `root` (`/` inside the node).
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            path: super::below(root, SOCKET),
            connection: None,
            generation: 0,
        }
    }

    /// How many connections were opened so far: it changes when the daemon was restarted and has forgotten all flows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Runs one command, e.g. `lacp/show`, and returns its text.
    pub fn command(&mut self, name: &str, arguments: &[&str]) -> Result<String, SwitchError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => {
                let opened = Connection::open(&self.path)?;
                self.generation += 1;
                empty.insert(opened)
            }
        };
        match connection.call(name, &json!(arguments)) {
            Ok(Value::String(text)) => Ok(text),
            Ok(other) => Err(SwitchError::protocol(
                self.path.display().to_string(),
                format!("`{name}` answered {other}"),
            )),
            Err(error) => {
                if !matches!(error, SwitchError::Refused { .. }) {
                    self.connection = None;
                }
                Err(error)
            }
        }
    }
}
