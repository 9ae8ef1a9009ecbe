//! Interfaces of the bridge as Open vSwitch sees them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::switch::SwitchError;
use crate::switch::ovs::Ovsdb;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// `up` or `down`.
    pub admin: String,
    /// Whether there is a carrier.
    pub carrier: bool,
}

/// Reads all interfaces that are part of the bridge, by name.
pub fn interfaces(root: &Path) -> Result<BTreeMap<String, InterfaceStatus>, SwitchError> {
    let rows = Ovsdb::at(root).rows("Interface", &["name", "admin_state", "link_state"])?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let is_up = |column: &str| row.get(column).and_then(serde_json::Value::as_str) == Some("up");
            let status = InterfaceStatus {
                admin: if is_up("admin_state") { "up" } else { "down" }.to_owned(),
                carrier: is_up("link_state"),
            };
            Some((row.get("name")?.as_str()?.to_owned(), status))
        })
        .collect())
}
