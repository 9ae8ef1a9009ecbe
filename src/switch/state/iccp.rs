//! ICCP as iccpd tells it on its socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::switch::SwitchError;
use crate::switch::daemon::ICCPD_SOCKET;
use crate::switch::ovs;

/// Where the peering stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IccpStatus {
    /// The peer's address.
    pub peer: String,
    /// `up` or `down`.
    pub state: String,
    /// `up`, `down` or `unconfigured`.
    pub backup_liveness: String,
    /// `active` or `standby`.
    pub role: String,
    /// `shared` or `own`: which LACP system ID the MC-AEs announce.
    pub system_id: String,
    /// The state machine's own word for it, e.g. `split-brain`.
    pub phase: String,
    /// `mc-ae-id`s whose leg at the peer carries traffic.
    pub peer_legs: Vec<u16>,
}

/// Asks iccpd of the node whose root directory is `root`; none when ICCP is not configured.
pub fn iccp(root: &Path) -> Result<Option<IccpStatus>, SwitchError> {
    let answer = ask_within(
        &ovs::below(root, ICCPD_SOCKET),
        r#"{"op":"status"}"#,
        ovs::DEADLINE,
    )?;
    let status: Value =
        serde_json::from_str(&answer).map_err(|error| SwitchError::protocol("iccpd", error))?;
    if status["peer"].as_str() == Some("") {
        return Ok(None);
    }
    serde_json::from_value(status).map_err(|error| SwitchError::protocol("iccpd", error))
}

/// Sends one line to a daemon and reads one line back.
pub(in crate::switch) fn ask_within(
    path: &Path,
    request: &str,
    deadline: Duration,
) -> Result<String, SwitchError> {
    let failed = || SwitchError::io_within(format!("ask {}", path.display()), deadline);
    let mut stream = UnixStream::connect(path).map_err(failed())?;
    stream.set_read_timeout(Some(deadline)).map_err(failed())?;
    stream.set_write_timeout(Some(deadline)).map_err(failed())?;
    stream
        .write_all(format!("{request}\n").as_bytes())
        .map_err(failed())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed())?;
    Ok(line)
}
