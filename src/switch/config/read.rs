//! The tree of statements → the model; reports what a part of it lacks.
//!
//! Values were checked against their kinds when the statements were entered, so what does not parse here was reported.

use super::kinds;
use super::model::{
    Aggregate, DEFAULT_BFD_MULTIPLIER, DEFAULT_ICCP_HOLD_MS, DEFAULT_INIT_DELAY_MS,
    DEFAULT_MAC_TABLE_AGING_MS, Defects, Iccp, Irb, MacSyncAbort, McAe, Port, SwitchConfig, Switching, Vlan,
};
use super::statement::Statement;
use super::tree::Tree;
use crate::base::Diagnostics;

pub(super) fn read(tree: &Tree, diagnostics: &mut Diagnostics) -> SwitchConfig {
    let mut config = SwitchConfig {
        host_name: tree
            .value(&["system", "host-name"])
            .unwrap_or_default()
            .to_owned(),
        mac_table_aging_ms: tree
            .value(&["switch-options", "mac-table-aging-time"])
            .and_then(kinds::seconds_ms)
            .unwrap_or(DEFAULT_MAC_TABLE_AGING_MS),
        iccp: iccp(tree, diagnostics),
        icl: icl(tree, diagnostics),
        defects: defects(tree),
        ..SwitchConfig::default()
    };
    vlans(tree, &mut config, diagnostics);
    for (name, below) in tree.below(&["interfaces"]) {
        if name == "irb" {
            irbs(below, &mut config);
        } else if name.starts_with("ae") {
            config
                .aggregates
                .insert(name.to_owned(), aggregate(name, below, diagnostics));
        } else {
            config.ports.insert(name.to_owned(), port(below));
        }
    }
    config
}

/// FRR's lines, in order; they may repeat, so they do not come from the tree.
pub(super) fn frr(statements: &[Statement]) -> Vec<String> {
    statements
        .iter()
        .filter(|statement| statement.texts().take(2).eq(["faultlab", "frr"]))
        .filter_map(|statement| statement.words.get(2))
        .map(|word| word.text.clone())
        .collect()
}

fn vlans(tree: &Tree, config: &mut SwitchConfig, diagnostics: &mut Diagnostics) {
    for (name, below) in tree.below(&["vlans"]) {
        let vlan_id = below.value(&["vlan-id"]).and_then(|id| id.parse().ok());
        if vlan_id.is_none() {
            let hint = format!("add `set vlans {name} vlan-id NUMBER`");
            diagnostics.push(
                below.position,
                format!("VLAN `{name}` has no vlan-id"),
                Some(hint),
            );
        }
        let vlan = Vlan {
            vlan_id: vlan_id.unwrap_or_default(),
            l3_interface: below.value(&["l3-interface"]).and_then(kinds::irb_unit),
            mcae_mac_synchronize: below.has(&["mcae-mac-synchronize"]),
        };
        config.vlans.insert(name.to_owned(), vlan);
    }
}

fn port(below: &Tree) -> Port {
    Port {
        description: below.value(&["description"]).unwrap_or_default().to_owned(),
        disabled: below.has(&["disable"]),
        aggregate: below.value(&["ether-options", "802.3ad"]).map(str::to_owned),
        switching: below.has(&["unit"]).then(|| switching(below)),
    }
}

fn switching(below: &Tree) -> Switching {
    let family = ["unit", "0", "family", "ethernet-switching"];
    let family = below.at(&family);
    Switching {
        trunk: family.and_then(|f| f.value(&["interface-mode"])) == Some("trunk"),
        vlans: family
            .into_iter()
            .flat_map(|f| f.below(&["vlan", "members"]).map(|(name, _)| name.to_owned()))
            .collect(),
    }
}

fn aggregate(name: &str, below: &Tree, diagnostics: &mut Diagnostics) -> Aggregate {
    let options = below.at(&["aggregated-ether-options"]);
    let lacp = options.and_then(|options| options.at(&["lacp"]));
    let active = lacp.is_some_and(|lacp| lacp.has(&["active"]));
    if let Some(lacp) = lacp.filter(|_| !active) {
        let hint = format!("add `set interfaces {name} aggregated-ether-options lacp active`");
        diagnostics.push(
            lacp.position,
            format!("{name} configures LACP without `active`"),
            Some(hint),
        );
    }
    Aggregate {
        description: below.value(&["description"]).unwrap_or_default().to_owned(),
        disabled: below.has(&["disable"]),
        lacp_fast: active.then(|| lacp.and_then(|lacp| lacp.value(&["periodic"])) == Some("fast")),
        system_id: lacp
            .and_then(|lacp| lacp.value(&["system-id"]))
            .and_then(kinds::mac),
        admin_key: lacp.and_then(|lacp| lacp.value(&["admin-key"])?.parse().ok()),
        mc_ae: options
            .and_then(|options| options.at(&["mc-ae"]))
            .map(|below| mc_ae(name, below, diagnostics)),
        switching: switching(below),
    }
}

fn mc_ae(name: &str, below: &Tree, diagnostics: &mut Diagnostics) -> McAe {
    for (word, value) in [
        ("mc-ae-id", "NUMBER"),
        ("chassis-id", "0|1"),
        ("status-control", "active|standby"),
    ] {
        if !below.has(&[word]) {
            let hint = format!("add `set interfaces {name} aggregated-ether-options mc-ae {word} {value}`");
            diagnostics.push(
                below.position,
                format!("mc-ae of {name} has no {word}"),
                Some(hint),
            );
        }
    }
    let number = |word| below.value(&[word]).and_then(|number| number.parse().ok());
    McAe {
        id: number("mc-ae-id").unwrap_or_default(),
        chassis_id: u8::from(below.value(&["chassis-id"]) == Some("1")),
        status_control_active: below.value(&["status-control"]) == Some("active"),
        init_delay_ms: below
            .value(&["init-delay-time"])
            .and_then(kinds::seconds_ms)
            .unwrap_or(DEFAULT_INIT_DELAY_MS),
    }
}

fn irbs(below: &Tree, config: &mut SwitchConfig) {
    for (unit, below) in below.below(&["unit"]) {
        let Ok(unit) = unit.parse() else { continue };
        let addresses = ["inet", "inet6"]
            .into_iter()
            .filter_map(|family| below.at(&["family", family, "address"]))
            .flat_map(|addresses| addresses.children.keys())
            .filter_map(|address| kinds::prefix(address))
            .collect();
        config.irbs.insert(unit, Irb { addresses });
    }
}

fn iccp(tree: &Tree, diagnostics: &mut Diagnostics) -> Option<Iccp> {
    let below = tree.at(&["protocols", "iccp"])?;
    let local = below
        .value(&["local-ip-addr"])
        .and_then(|address| address.parse().ok());
    if local.is_none() {
        let hint = "add `set protocols iccp local-ip-addr ADDRESS`, an address of one of its own IRB units";
        diagnostics.push(below.position, "ICCP has no local-ip-addr", Some(hint.to_owned()));
    }
    let mut peers = below.below(&["peer"]);
    let Some((peer, options)) = peers.next() else {
        let hint = "add `set protocols iccp peer ADDRESS liveness-detection minimum-interval MILLISECONDS`";
        diagnostics.push(below.position, "ICCP has no peer", Some(hint.to_owned()));
        return None;
    };
    if let Some((second, at)) = peers.next() {
        let hint =
            format!("an MC-LAG pair is two switches: delete `protocols iccp peer {second}` or `{peer}`");
        diagnostics.push(at.position, format!("a second ICCP peer `{second}`"), Some(hint));
    }
    let interval = options
        .value(&["liveness-detection", "minimum-interval"])
        .and_then(kinds::milliseconds);
    if interval.is_none() {
        let hint = format!(
            "add `set protocols iccp peer {peer} liveness-detection minimum-interval MILLISECONDS`; without it \
             a dead peer is never noticed"
        );
        diagnostics.push(
            options.position,
            format!("ICCP peer {peer} has no liveness-detection"),
            Some(hint),
        );
    }
    let multiplier = options
        .value(&["liveness-detection", "multiplier"])
        .and_then(|n| n.parse().ok());
    Some(Iccp {
        local: local?,
        peer: peer.parse().ok()?,
        hold_ms: options
            .value(&["session-establishment-hold-time"])
            .and_then(kinds::seconds_ms)
            .unwrap_or(DEFAULT_ICCP_HOLD_MS),
        bfd_interval_ms: interval?,
        bfd_multiplier: multiplier.unwrap_or(DEFAULT_BFD_MULTIPLIER),
        backup_peer: options
            .value(&["backup-liveness-detection", "backup-peer-ip"])
            .and_then(|address| address.parse().ok()),
    })
}

fn icl(tree: &Tree, diagnostics: &mut Diagnostics) -> Option<String> {
    let protection = ["multi-chassis", "multi-chassis-protection"];
    let mut peers = tree.below(&protection);
    let (peer, below) = peers.next()?;
    if let Some((second, at)) = peers.next() {
        let hint = format!("keep the one of the ICCP peer: delete `{second}` or `{peer}`");
        diagnostics.push(at.position, "a second multi-chassis-protection", Some(hint));
    }
    let known = tree
        .below(&["protocols", "iccp", "peer"])
        .next()
        .map(|(known, _)| known);
    if known.is_some_and(|known| known != peer) {
        let hint = format!("the ICCP peer is {}", known.unwrap_or_default());
        let message = format!("multi-chassis-protection for {peer}, which is not the ICCP peer");
        diagnostics.push(below.position, message, Some(hint));
    }
    below.value(&["interface"]).map(str::to_owned)
}

fn defects(tree: &Tree) -> Defects {
    let recovers = tree.value(&[
        "faultlab",
        "defect",
        "mcae-mac-synchronize-abort",
        "recovers-after",
    ]);
    Defects {
        mcae_mac_sync_abort: recovers.map(|aborts| MacSyncAbort {
            recovers_after: aborts.parse().ok(),
        }),
    }
}
