//! State read from the switch's other daemons through their sockets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::SwitchError;
use super::super::daemon::{ACTIVE, Active};
use super::super::ovs;
use super::super::pipeline::Layout;
use super::super::state;
use super::source::{StateSource, listed};

/// Reads the state of the switch whose root directory is `root`.
#[derive(Clone, Debug)]
pub struct LiveSource {
    root: PathBuf,
}

impl LiveSource {
    /// Reads below a root directory, `/` inside the node.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    fn active(&self) -> Option<Active> {
        let text = std::fs::read(ovs::below(&self.root, ACTIVE)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl StateSource for LiveSource {
    fn lacp(&self) -> Result<Value, SwitchError> {
        Ok(listed(json!(state::lacp(&self.root)?), "member"))
    }

    fn iccp(&self) -> Result<Value, SwitchError> {
        Ok(state::iccp(&self.root)?
            .into_iter()
            .map(|status| json!(status))
            .collect())
    }

    fn bfd(&self) -> Result<Value, SwitchError> {
        Ok(listed(json!(state::bfd(&self.root)?), "peer"))
    }

    fn mac_table(&self) -> Result<Value, SwitchError> {
        let table = state::mac_table(&self.root)?;
        let config = self.active().map(|active| active.config).unwrap_or_default();
        let ports: BTreeMap<u32, String> = Layout::of(&config)
            .ports
            .into_iter()
            .map(|(number, port)| (number, port.name))
            .collect();
        let vlans: BTreeMap<u16, &String> = config
            .vlans
            .iter()
            .map(|(name, vlan)| (vlan.vlan_id, name))
            .collect();
        let row = |entry: &state::TableEntry| {
            json!({
                "vlan": vlans.get(&entry.vlan).map_or_else(|| entry.vlan.to_string(), ToString::to_string),
                "mac": entry.mac,
                "interface": ports.get(&entry.port).cloned().unwrap_or_else(|| format!("port {}", entry.port)),
                "origin": if entry.local { "dynamic" } else { "peer" },
                "age_s": entry.age,
            })
        };
        Ok(json!({
            "entries": table.entries.len(),
            "local": table.local(),
            "remote": table.remote(),
            "list": table.entries.iter().map(row).collect::<Vec<_>>(),
        }))
    }

    fn interfaces(&self) -> Result<Value, SwitchError> {
        Ok(listed(json!(state::interfaces(&self.root)?), "name"))
    }
}
