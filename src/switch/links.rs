//! Links of this network namespace: what is there, what is up, and setting them up or down.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::SwitchError;

/// An interface's two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Administratively up.
    pub(super) admin: bool,
    /// Up and with a carrier.
    pub(super) running: bool,
}

/// Reads all interfaces by name.
pub(super) fn links() -> Result<BTreeMap<String, Link>, SwitchError> {
    let all = getifaddrs().map_err(|error| SwitchError::io("list interfaces")(error.into()))?;
    Ok(all
        .map(|found| {
            let link = Link {
                admin: found.flags.contains(InterfaceFlags::IFF_UP),
                running: found
                    .flags
                    .contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
            };
            (found.interface_name, link)
        })
        .collect())
}

/// Sets an interface up or down.
pub(super) fn set_link(name: &str, up: bool) -> Result<(), SwitchError> {
    let state = if up { "up" } else { "down" };
    let output = Command::new("ip")
        .args(["link", "set", "dev", name, state])
        .stdin(Stdio::null())
        .output()
        .map_err(SwitchError::io("start ip"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(SwitchError::Refused {
        operation: format!("set {name} {state}"),
        reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
