//! OpenFlow through `ovs-ofctl`: flows in its text form, applied as one bundle (all or nothing).
//!
//! `ovs-ofctl` is started for every change, about 10 ms of CPU each, so callers change flows once a second at most
//! unless something happened.

use std::io::Write;
use std::process::{Command, Stdio};

use super::BRIDGE;
use crate::switch::SwitchError;

/// The OpenFlow side of the bridge inside this node.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenFlow;

impl OpenFlow {
    /// Adds, replaces and deletes flows in one bundle. Each line is a flow in the syntax of ovs-ofctl(8), optionally
    /// preceded by `add`, `delete` or `delete_strict`.
    pub fn flows(self, lines: &[String]) -> Result<(), SwitchError> {
        if lines.is_empty() {
            return Ok(());
        }
        run(&["--bundle", "add-flows", BRIDGE, "-"], lines)
    }

    /// Replaces all groups and flows of the bridge in one bundle: `group …` and `flow …` lines, see `ovs-ofctl bundle`.
    pub fn bundle(self, lines: &[String]) -> Result<(), SwitchError> {
        run(&["bundle", BRIDGE, "-"], lines)
    }
}

fn run(arguments: &[&str], lines: &[String]) -> Result<(), SwitchError> {
    let operation = "change flows with ovs-ofctl";
    let mut child = Command::new("ovs-ofctl")
        .args(["-O", "OpenFlow15", "--timeout=5"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(SwitchError::io("start ovs-ofctl"))?;
    let mut text = lines.join("\n");
    text.push('\n');
    let written = child
        .stdin
        .take()
        .expect("stdin is piped")
        .write_all(text.as_bytes());
    let output = child.wait_with_output().map_err(SwitchError::io(operation))?;
    if !output.status.success() {
        return Err(SwitchError::Refused {
            operation: operation.to_owned(),
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    written.map_err(SwitchError::io(operation))
}
