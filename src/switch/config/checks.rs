//! Rules that span statements, checked at commit.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::model::{Aggregate, SwitchConfig, Switching};
use super::tree::Tree;
use crate::base::{Diagnostic, Diagnostics, Position, suggest};

/// Reports what must not be; returns what probably is not meant.
pub(super) fn check(config: &SwitchConfig, tree: &Tree, diagnostics: &mut Diagnostics) -> Vec<Diagnostic> {
    let mut checks = Checks {
        config,
        tree,
        diagnostics,
        warnings: Vec::new(),
    };
    checks.vlans();
    checks.irbs();
    checks.ports();
    checks.aggregates();
    checks.multi_chassis();
    checks.iccp();
    if config.host_name.is_empty() {
        checks.warn(
            &[],
            "no host-name is configured",
            "add `set system host-name NAME`",
        );
    }
    let mut warnings = checks.warnings;
    warnings.sort_by_key(|warning| warning.position);
    warnings
}

struct Checks<'a> {
    config: &'a SwitchConfig,
    tree: &'a Tree,
    diagnostics: &'a mut Diagnostics,
    warnings: Vec<Diagnostic>,
}

impl Checks<'_> {
    fn error(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.error_at(self.tree.place(path), message, hint);
    }

    fn error_at(&mut self, place: Position, message: impl Into<String>, hint: impl Into<String>) {
        self.diagnostics.push(place, message, Some(hint.into()));
    }

    fn warn(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.warnings.push(Diagnostic {
            position: self.tree.place(path),
            message: message.into(),
            hint: Some(hint.into()),
        });
    }

    fn vlans(&mut self) {
        let mut ids: BTreeMap<u16, &str> = BTreeMap::new();
        let mut units: BTreeMap<u16, &str> = BTreeMap::new();
        // In the order of the file, so that the second one is the one that is wrong.
        let names: Vec<&str> = self.tree.below(&["vlans"]).map(|(name, _)| name).collect();
        for name in names {
            let Some(vlan) = self.config.vlans.get(name) else {
                continue;
            };
            let id = vlan.vlan_id;
            if let Some(first) = (id != 0).then(|| ids.insert(id, name)).flatten() {
                let message = format!("vlan-id {id} of `{name}` is that of `{first}` already");
                let free = (id..4095).find(|n| self.config.vlans.values().all(|v| v.vlan_id != *n));
                let hint = format!("give each VLAN its own; {} is free", free.unwrap_or(1));
                self.error(&["vlans", name, "vlan-id", &id.to_string()], message, hint);
            }
            let Some(unit) = vlan.l3_interface else {
                if vlan.mcae_mac_synchronize {
                    let message = format!("mcae-mac-synchronize on `{name}`, which has no l3-interface");
                    let hint = "it has no effect without an IRB interface";
                    self.warn(&["vlans", name, "mcae-mac-synchronize"], message, hint);
                }
                continue;
            };
            let path = ["vlans", name, "l3-interface", &format!("irb.{unit}")];
            if !self.config.irbs.contains_key(&unit) {
                let message = format!("VLAN `{name}` is routed by irb.{unit}, which is not configured");
                let hint = format!("add `set interfaces irb unit {unit} family inet address ADDRESS/LENGTH`");
                self.error(&path, message, hint);
            }
            if let Some(first) = units.insert(unit, name) {
                let message = format!("irb.{unit} routes `{first}` already");
                self.error(&path, message, "an IRB unit routes one VLAN");
            }
        }
    }

    fn irbs(&mut self) {
        let mut owners: BTreeMap<IpAddr, u16> = BTreeMap::new();
        for (unit, irb) in &self.config.irbs {
            let text = unit.to_string();
            let path = ["interfaces", "irb", "unit", &text];
            if !self
                .config
                .vlans
                .values()
                .any(|vlan| vlan.l3_interface == Some(*unit))
            {
                let hint = format!("it stays down; add `set vlans NAME l3-interface irb.{unit}`");
                self.warn(&path, format!("irb.{unit} belongs to no VLAN"), hint);
            }
            for (address, length) in &irb.addresses {
                if let Some(first) = owners.insert(*address, *unit) {
                    let family = if address.is_ipv4() { "inet" } else { "inet6" };
                    let value = format!("{address}/{length}");
                    let mut path = path.to_vec();
                    path.extend(["family", family, "address", &value]);
                    let message = format!("address {address} of irb.{unit} is on irb.{first} already");
                    self.error(&path, message, "an address belongs to one interface");
                }
            }
        }
    }

    fn ports(&mut self) {
        for (name, port) in &self.config.ports {
            if let Some(aggregate) = &port.aggregate {
                if !self.config.aggregates.contains_key(aggregate) {
                    let path = ["interfaces", name, "ether-options", "802.3ad", aggregate];
                    let message = format!("{name} is a member of {aggregate}, which is not configured");
                    let known = self.config.aggregates.keys().map(String::as_str);
                    let hint = suggestion(aggregate, known, "aggregates");
                    self.error(&path, message, hint);
                }
                if port.switching.is_some() {
                    let message = format!("{name} is a member of {aggregate} and has a unit of its own");
                    let hint = format!("VLANs belong to the aggregate: delete `interfaces {name} unit 0`");
                    self.error(&["interfaces", name, "unit"], message, hint);
                }
            } else if let Some(switching) = &port.switching {
                self.switching(name, switching);
            }
        }
    }

    fn switching(&mut self, name: &str, switching: &Switching) {
        let family = ["interfaces", name, "unit", "0", "family", "ethernet-switching"];
        for vlan in &switching.vlans {
            if !self.config.vlans.contains_key(vlan) {
                let mut path = family.to_vec();
                path.extend(["vlan", "members", vlan]);
                let hint = suggestion(vlan, self.config.vlans.keys().map(String::as_str), "VLANs");
                self.error(
                    &path,
                    format!("{name} carries VLAN `{vlan}`, which is not configured"),
                    hint,
                );
            }
        }
        let count = switching.vlans.len();
        if !switching.trunk && count != 1 {
            let message = format!("{name} is in access mode and has {count} VLANs");
            let hint = if count == 0 {
                format!(
                    "an access interface has exactly one: add `set {} vlan members NAME`",
                    family.join(" ")
                )
            } else {
                format!(
                    "an access interface has exactly one; for several: `set {} interface-mode trunk`",
                    family.join(" ")
                )
            };
            self.error(&family, message, hint);
        }
    }

    fn aggregates(&mut self) {
        for (name, aggregate) in &self.config.aggregates {
            if !self
                .config
                .ports
                .values()
                .any(|port| port.aggregate.as_ref() == Some(name))
            {
                let hint =
                    format!("add `set interfaces ethN ether-options 802.3ad {name}`, or delete {name}");
                self.error(&["interfaces", name], format!("{name} has no member"), hint);
            }
            self.switching(name, &aggregate.switching);
        }
    }

    fn multi_chassis(&mut self) {
        let mut ids: BTreeMap<u16, &str> = BTreeMap::new();
        let mut chassis: Option<(u8, &str)> = None;
        for (name, aggregate) in &self.config.aggregates {
            let Some(mc_ae) = &aggregate.mc_ae else { continue };
            let path = ["interfaces", name, "aggregated-ether-options", "mc-ae"];
            self.shared_identity(name, aggregate);
            if let Some(first) = (mc_ae.id != 0).then(|| ids.insert(mc_ae.id, name)).flatten() {
                let mut path = path.to_vec();
                let id = mc_ae.id.to_string();
                path.extend(["mc-ae-id", &id]);
                let message = format!("mc-ae-id {id} of {name} is that of {first} already");
                self.error(
                    &path,
                    message,
                    "the number pairs one aggregate with its twin on the peer",
                );
            }
            let (first, owner) = *chassis.get_or_insert((mc_ae.chassis_id, name));
            if first != mc_ae.chassis_id {
                let mut path = path.to_vec();
                path.push("chassis-id");
                let message = format!(
                    "chassis-id {} of {name}, but {first} of {owner}",
                    mc_ae.chassis_id
                );
                self.warn(
                    &path,
                    message,
                    "a switch usually has one chassis-id, its peer the other",
                );
            }
            // A peer that is there but incomplete was reported where it is read.
            if !self.tree.has(&["protocols", "iccp"]) {
                let message = format!("{name} is an mc-ae, but ICCP is not configured");
                let hint = "add `set protocols iccp local-ip-addr …` and `set protocols iccp peer …`";
                self.error(&path, message, hint);
            }
            if self.config.icl.is_none() {
                let message = format!("{name} is an mc-ae, but there is no inter-chassis link");
                let hint = "add `set multi-chassis multi-chassis-protection PEER interface IFACE`";
                self.error(&path, message, hint);
            }
        }
        if let Some(icl) = &self.config.icl {
            self.inter_chassis_link(icl);
        }
    }

    /// The twin on the peer must look like the same LACP partner, so nothing may be left to defaults.
    fn shared_identity(&mut self, name: &str, aggregate: &Aggregate) {
        let path = ["interfaces", name, "aggregated-ether-options", "mc-ae"];
        let lacp = format!("set interfaces {name} aggregated-ether-options lacp");
        if aggregate.lacp_fast.is_none() && !self.tree.has(&["interfaces", name, path[2], "lacp"]) {
            let message = format!("{name} is an mc-ae without LACP");
            self.error(&path, message, format!("add `{lacp} active`"));
        }
        if aggregate.system_id.is_none() {
            let message = format!("{name} is an mc-ae without a shared LACP system-id");
            self.error(
                &path,
                message,
                format!("add `{lacp} system-id MAC`, the same on both switches"),
            );
        }
        if aggregate.admin_key.is_none() {
            let message = format!("{name} is an mc-ae without a shared LACP admin-key");
            self.error(
                &path,
                message,
                format!("add `{lacp} admin-key NUMBER`, the same on both switches"),
            );
        }
    }

    fn inter_chassis_link(&mut self, icl: &str) {
        let peers = ["multi-chassis", "multi-chassis-protection"];
        let peer = self.tree.value(&peers).unwrap_or_default();
        let path = [peers[0], peers[1], peer, "interface", icl];
        let aggregate = self.config.aggregates.get(icl);
        let port = self.config.ports.get(icl);
        if aggregate.is_some_and(|aggregate| aggregate.mc_ae.is_some()) {
            let hint = "the link between the two switches cannot end on a third device";
            self.error(
                &path,
                format!("the inter-chassis link {icl} is an mc-ae itself"),
                hint,
            );
        }
        if let Some(parent) = port.and_then(|port| port.aggregate.as_ref()) {
            let message = format!("the inter-chassis link {icl} is a member of {parent}");
            self.error(
                &path,
                message,
                format!("name the aggregate: `interface {parent}`"),
            );
            return;
        }
        let switching = aggregate
            .map(|aggregate| &aggregate.switching)
            .or(port.and_then(|port| port.switching.as_ref()));
        if aggregate.is_none() && port.is_none() {
            let known = self.config.aggregates.keys().chain(self.config.ports.keys());
            let hint = suggestion(icl, known.map(String::as_str), "interfaces");
            self.error(
                &path,
                format!("the inter-chassis link {icl} is not configured"),
                hint,
            );
            return;
        }
        let Some(switching) = switching.filter(|switching| switching.trunk) else {
            let hint =
                format!("add `set interfaces {icl} unit 0 family ethernet-switching interface-mode trunk`");
            self.error(&path, format!("the inter-chassis link {icl} is no trunk"), hint);
            return;
        };
        for (name, aggregate) in &self.config.aggregates {
            let Some(vlan) = aggregate
                .switching
                .vlans
                .iter()
                .find(|vlan| !switching.vlans.contains(vlan))
            else {
                continue;
            };
            if aggregate.mc_ae.is_some() && self.config.vlans.contains_key(vlan) {
                let message = format!("VLAN `{vlan}` of mc-ae {name} is not on the inter-chassis link {icl}");
                let hint = "hosts behind the peer are unreachable when one leg of the aggregate is down";
                self.warn(&["interfaces", name], message, hint);
            }
        }
    }

    fn iccp(&mut self) {
        let Some(iccp) = &self.config.iccp else { return };
        let local = iccp.local.to_string();
        let path = ["protocols", "iccp", "local-ip-addr", &local];
        if iccp.local == iccp.peer {
            self.error(
                &path,
                format!("ICCP's peer is this switch itself ({local})"),
                "name the other switch",
            );
        }
        let own = self.config.irbs.values().flat_map(|irb| &irb.addresses);
        if !own.clone().any(|(address, _)| *address == IpAddr::V4(iccp.local)) {
            let known: Vec<_> = own.map(|(address, _)| address.to_string()).collect();
            let message = format!("ICCP's local-ip-addr {local} is on no IRB unit of this switch");
            let hint = match known.as_slice() {
                [] => "add `set interfaces irb unit N family inet address ADDRESS/LENGTH`".to_owned(),
                known => format!("its own addresses: {}", known.join(", ")),
            };
            self.error(&path, message, hint);
        }
    }
}

fn suggestion<'a>(written: &str, known: impl Iterator<Item = &'a str> + Clone, plural: &str) -> String {
    if let Some(guess) = suggest::did_you_mean(written, known.clone()) {
        return format!("did you mean `{guess}`?");
    }
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        format!("no {plural} are configured")
    } else {
        format!("configured {plural}: {}", known.join(", "))
    }
}
