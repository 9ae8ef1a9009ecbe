//! The MAC table: what table 20 of the pipeline holds now.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::switch::SwitchError;
use crate::switch::ovs::{BRIDGE, Vswitchd};
use crate::switch::pipeline::{LEARNED_PRIORITY, MACS, PEER_PRIORITY};

/// All dynamic entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacTable {
    /// Entries in the order of the flow table.
    pub entries: Vec<TableEntry>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableEntry {
    /// VLAN ID.
    pub vlan: u16,
    /// MAC address.
    pub mac: String,
    /// Number of the logical port it points to (see `pipeline::Layout`).
    pub port: u32,
    /// Learned from traffic here (else told by the peer).
    pub local: bool,
    /// Seconds since it was learned; seeing the address again does not make it younger.
    pub age: u32,
}

impl MacTable {
    /// Entries learned here.
    #[must_use]
    pub fn local(&self) -> usize {
        self.entries.iter().filter(|entry| entry.local).count()
    }

    /// Entries told by the peer.
    #[must_use]
    pub fn remote(&self) -> usize {
        self.entries.len() - self.local()
    }
}

/// Reads the MAC table of the node whose root directory is `root`.
pub fn mac_table(root: &Path) -> Result<MacTable, SwitchError> {
    Ok(parse_mac_table(
        &Vswitchd::at(root).command("bridge/dump-flows", &[BRIDGE])?,
    ))
}

/// Parses `bridge/dump-flows`.
#[must_use]
pub fn parse_mac_table(text: &str) -> MacTable {
    let mut entries: Vec<TableEntry> = text.lines().filter_map(entry).collect();
    entries.sort();
    MacTable { entries }
}

fn entry(line: &str) -> Option<TableEntry> {
    let (matched, actions) = line.split_once(",actions=")?;
    let mut fields = matched
        .split([',', ' '])
        .filter_map(|field| field.split_once('='));
    let duration = fields.clone().find(|(key, _)| *key == "duration")?.1;
    let find = |name: &str| {
        fields
            .clone()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    if find("table_id")?.parse() != Ok(MACS) {
        return None;
    }
    let priority: u16 = find("priority")?.parse().ok()?;
    if priority != LEARNED_PRIORITY && priority != PEER_PRIORITY {
        return None;
    }
    let tci = find("vlan_tci")?.split('/').next()?;
    let mac = fields.find(|(key, _)| *key == "dl_dst")?.1.to_owned();
    let port = actions.split("0x").nth(1)?.split("->").next()?;
    Some(TableEntry {
        vlan: number(tci)? & 0xfff,
        mac,
        port: u32::from_str_radix(port, 16).ok()?,
        local: priority == LEARNED_PRIORITY,
        age: duration.strip_suffix('s')?.parse().ok()?,
    })
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dynamic_entries_of_the_mac_table_count() {
        let table = parse_mac_table(include_str!("testdata/dump-flows.txt"));
        insta::assert_json_snapshot!(table);
    }
}
