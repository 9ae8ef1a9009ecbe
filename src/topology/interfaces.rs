//! Interface names: what each kind calls its ports, and the Linux interface behind them.
//!
//! A file may say `ge-0/0/0` where the cable ends in `eth1`. What a kind has no pattern for is a Linux name; one that Linux
//! cannot take (too long, a slash, a space) becomes an alternative name of an interface with a made-up one.

use sha2::{Digest, Sha256};

use super::kinds;

/// Linux keeps 16 bytes for a name, the last one zero.
const LONGEST: usize = 15;

/// An interface as Linux has it, and as the file wrote it where that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) alias: Option<String>,
}

/// Ports that are one number behind a prefix: port N is `eth(N + shift)`.
struct Ports {
    kinds: &'static [&'static str],
    prefixes: &'static [&'static str],
    shift: i64,
}

const JUNOS: &[&str] = &["et-0/0/", "xe-0/0/", "ge-0/0/"];
const GIGABIT: &[&str] = &["Gi", "GigabitEthernet"];
const XR: &[&str] = &[
    "Gi0/0/0/",
    "GigabitEthernet0/0/0/",
    "Te0/0/0/",
    "TenGigE0/0/0/",
    "TenGigabitEthernet0/0/0/",
];

const PORTS: &[Ports] = &[
    ports(
        &[
            "juniper_vjunosrouter",
            "juniper_vjunosswitch",
            "juniper_vjunosevolved",
            "juniper_vmx",
            "juniper_vqfx",
            "juniper_vsrx",
        ],
        JUNOS,
        1,
    ),
    ports(&["juniper_cjunosevolved"], &["et-0/0/"], 4),
    ports(&["cisco_asav", "cisco_ftdv"], &["GigabitEthernet0/", "Gi0/"], 1),
    ports(&["cisco_vios"], GIGABIT, 1),
    ports(&["cisco_c8000v", "cisco_csr1000v"], GIGABIT, -1),
    ports(&["cisco_xrd_vrouter", "cisco_xrv9k", "cisco_xrv"], XR, 1),
    ports(&["cisco_cat9kv"], &["Gi1/0/", "GigabitEthernet1/0/"], 0),
    ports(&["cisco_n9kv"], &["Ethernet1/", "Et1/"], 0),
    ports(&["arista_veos"], &["Et1/", "Ethernet1/"], 0),
    ports(&["paloalto_panos"], &["Ethernet1/", "ethernet1/"], 0),
    ports(&["aruba_aoscx", "nokia_sros"], &["1/1/"], 0),
    ports(&["f5_bigip-ve"], &["1."], 0),
    ports(&["fortinet_fortigate"], &["port"], -1),
    ports(&["mikrotik_ros"], &["ether"], -1),
    ports(&["nvidia_cumulusvx"], &["swp"], 0),
    ports(&["freebsd"], &["vtnet"], 0),
    ports(&["openbsd"], &["vio"], 0),
    ports(&["ciena_saos"], &[""], 0),
];

const fn ports(kinds: &'static [&'static str], prefixes: &'static [&'static str], shift: i64) -> Ports {
    Ports {
        kinds,
        prefixes,
        shift,
    }
}

/// Finds the interface that a file's name for it means on a node of a kind.
///
/// # Errors
/// What would be right, when the kind has no such port.
pub(super) fn resolve(kind: &str, written: &str) -> Result<Interface, String> {
    let named = |name: String| Interface {
        alias: (name != written).then(|| written.to_owned()),
        name,
    };
    if let Some(ports) = PORTS.iter().find(|ports| ports.kinds.contains(&kind)) {
        let expected = || {
            let lowest = (1 - ports.shift).max(0);
            let shown: Vec<_> = ports.prefixes.iter().map(|prefix| format!("{prefix}N")).collect();
            format!("{} with N from {lowest}, or eth1, eth2, …", shown.join(", "))
        };
        let number = ports.prefixes.iter().find_map(|prefix| port(written, prefix));
        return match number {
            Some(port) if port + ports.shift >= 1 => Ok(named(format!("eth{}", port + ports.shift))),
            None if ends_in_number(written, "eth") => Ok(named(written.to_owned())),
            _ => Err(expected()),
        };
    }
    let (found, expected) = match kind {
        "nokia_srlinux" => (srlinux(written), "ethernet-1/1, ethernet-1/1/1, e1-1 or mgmt0"),
        "nokia_srsim" => (srsim(written), "1/1/c1/1, 1/x1/1/c1/1, e1-1-c1-1 or eth1"),
        "cisco_iol" => (
            iol(written),
            "Ethernet0/1 to Ethernet9/3, e0/1, or eth1; the first is for management",
        ),
        "arista_ceos" => (
            also(written, ceos(written)),
            "eth1, et1, Ethernet1, eth1_1 or eth1.1",
        ),
        "cisco_xrd" => (
            also(written, tail_number(written, "Gi0-0-0-").is_some()),
            "Gi0-0-0-0",
        ),
        "cisco_c8000" => {
            let known = ["Fi0_0_0_", "Hu0_0_0_", "FH0_0_0_"];
            let fits = known.iter().any(|prefix| tail_number(written, prefix).is_some());
            (also(written, fits), "Hu0_0_0_0, Fi0_0_0_0 or FH0_0_0_0")
        }
        "cvx" | "arrcus_arcos" => (also(written, swp(written)), "swp1 or swp1.1"),
        "spirent_stc" => {
            let fits = tail_number(written, "port").is_some_and(|port| port > 0);
            (also(written, fits), "port1 to port9")
        }
        "vyosnetworks_vyos" => (also(written, ends_in_number(written, "eth")), "eth1, eth2, …"),
        kind if kinds::is_vm(kind) => (also(written, ends_in_number(written, "eth")), "eth1, eth2, …"),
        _ => return linux(written),
    };
    found.map(named).ok_or_else(|| expected.to_owned())
}

fn also(written: &str, fits: bool) -> Option<String> {
    fits.then(|| written.to_owned())
}

/// Any name; Linux gets a made-up one where it cannot take this one.
fn linux(written: &str) -> Result<Interface, String> {
    let impossible = |c: char| c == ':' || c.is_control();
    if written.is_empty() || written.contains(impossible) || matches!(written, "." | "..") {
        return Err("a name without `:`, e.g. eth1".to_owned());
    }
    if written.len() <= LONGEST && !written.contains(['/', ' ']) {
        return Ok(Interface {
            name: written.to_owned(),
            alias: None,
        });
    }
    let digest = Sha256::digest(written.as_bytes());
    let short: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Interface {
        name: format!("clab-{short}"),
        alias: Some(written.to_owned()),
    })
}

/// Reads `<prefix>N`; a space before the digits is the long spelling's.
fn port(written: &str, prefix: &str) -> Option<i64> {
    let letters = prefix.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    let rest = written.strip_prefix(letters)?;
    let rest = if letters.is_empty() {
        rest
    } else {
        rest.strip_prefix(' ').unwrap_or(rest)
    };
    decimal(rest.strip_prefix(&prefix[letters.len()..])?)
}

fn tail_number(written: &str, prefix: &str) -> Option<i64> {
    decimal(written.strip_prefix(prefix)?)
}

fn decimal(digits: &str) -> Option<i64> {
    let all = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

fn ends_in_number(written: &str, word: &str) -> bool {
    written.len() <= LONGEST
        && written
            .rsplit_once(word)
            .is_some_and(|(_, tail)| !tail.starts_with('0') && decimal(tail).is_some())
}

/// containerlab looks only at the end of the name, so `Ethernet1` is one of them.
fn ceos(written: &str) -> bool {
    let tail = |tail: &str| {
        tail.starts_with(|c: char| ('1'..='9').contains(&c))
            && tail
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
    };
    written.len() <= LONGEST
        && ["eth", "et"]
            .iter()
            .any(|word| written.rsplit_once(word).is_some_and(|(_, rest)| tail(rest)))
}

fn swp(written: &str) -> bool {
    let digits = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    written.len() <= LONGEST && written.strip_prefix("swp").is_some_and(digits)
}

fn srlinux(written: &str) -> Option<String> {
    if written == "mgmt0" {
        return Some(written.to_owned());
    }
    let (rest, separator) = match written.strip_prefix("ethernet-") {
        Some(rest) => (rest, '/'),
        None => (
            written
                .strip_prefix("ethernet")
                .or_else(|| written.strip_prefix('e'))?,
            '-',
        ),
    };
    let parts: Option<Vec<_>> = rest.split(separator).map(decimal).collect();
    let parts = parts.filter(|parts| matches!(parts.len(), 2 | 3) && parts.iter().all(|part| *part >= 1))?;
    let numbers: Vec<_> = parts.iter().map(ToString::to_string).collect();
    Some(if separator == '/' {
        format!("e{}", numbers.join("-"))
    } else {
        written.to_owned()
    })
}

fn srsim(written: &str) -> Option<String> {
    if written.strip_prefix("eth").and_then(decimal).is_some() {
        return Some(written.to_owned());
    }
    let body = match written.strip_prefix('e') {
        Some(mapped) => mapped.replace('-', "/"),
        None => written.to_owned(),
    };
    let mut parts: Vec<&str> = body.split('/').collect();
    let numbered = |part: &str, letter: char| {
        part.strip_prefix(letter)
            .and_then(decimal)
            .is_some_and(|n| n >= 1)
    };
    let shown = format!("e{}", parts.join("-"));
    if parts.len() > 1 && numbered(parts[1], 'x') {
        parts.remove(1);
    }
    if parts.len() == 4 && numbered(parts[2], 'c') {
        parts.remove(2);
    }
    let plain = parts.len() == 3 && parts.iter().all(|part| decimal(part).is_some_and(|n| n >= 1));
    plain.then_some(shown)
}

/// Four ports to a slot; the first port of the first slot is for management.
fn iol(written: &str) -> Option<String> {
    if ends_in_number(written, "eth") {
        return Some(written.to_owned());
    }
    let rest = written
        .strip_prefix("Ethernet")
        .or_else(|| written.strip_prefix('e'))?;
    let (slot, port) = rest.split_once('/')?;
    let (slot, port) = (decimal(slot)?, decimal(port)?);
    let number = slot * 4 + port;
    (slot <= 9 && port <= 3 && number >= 1).then(|| format!("eth{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_finds_the_linux_interface_behind_its_ports() {
        let table: Vec<_> = [
            (
                "juniper_vjunosswitch",
                "ge-0/0/0 xe-0/0/3 et-0/0/11 eth2 eth0 ge-1/0/0 ge-0/0/0.0",
            ),
            ("juniper_cjunosevolved", "et-0/0/0 eth4 xe-0/0/0"),
            (
                "nokia_srlinux",
                "ethernet-1/2 ethernet-1/2/3 e1-2 e1-2-3 mgmt0 ethernet-0/1 eth1 ethernet-1",
            ),
            (
                "nokia_srsim",
                "1/1/c1/1 1/x1/1/c2/3 1/1/1 1/x1/2/3 e1-1-c1-1 eth1 1/0/c1/1 1/1 nonsense",
            ),
            ("cisco_iol", "Ethernet0/1 e1/0 Ethernet2/3 eth5 e0/0 e0/4"),
            (
                "cisco_csr1000v",
                "Gi2 GigabitEthernet3 GigabitEthernet 4 Gi1 eth1",
            ),
            (
                "cisco_xrv9k",
                "Gi0/0/0/0 TenGigE0/0/0/1 GigabitEthernet 0/0/0/2 Gi0/0/1/0",
            ),
            ("cisco_n9kv", "Ethernet1/1 Et1/2 Ethernet1/0"),
            ("fortinet_fortigate", "port2 port1"),
            ("mikrotik_ros", "ether2 ether1"),
            ("ciena_saos", "1 0"),
            (
                "arista_ceos",
                "eth1 et1 Ethernet1 eth1_1 et1.100 eth0 Ethernet1/1",
            ),
            ("cisco_xrd", "Gi0-0-0-0 eth1"),
            ("sonic-vm", "eth1 Ethernet0"),
            ("cvx", "swp1 swp1.2 eth1"),
            (
                "linux",
                "eth1 anything ethernet1/1 a_very_long_interface_name a:b",
            ),
            ("bridge", "r1-eth1"),
        ]
        .iter()
        .flat_map(|(kind, names)| {
            let spaced = names.replace("GigabitEthernet ", "GigabitEthernet\u{1}");
            let names: Vec<_> = spaced.split(' ').map(|name| name.replace('\u{1}', " ")).collect();
            names.into_iter().map(move |name| match resolve(kind, &name) {
                Ok(interface) => format!("{kind} {name} = {}", interface.name),
                Err(expected) => format!("{kind} {name} refused, expected {expected}"),
            })
        })
        .collect();
        insta::assert_snapshot!(table.join("\n"));
    }
}
