//! Splits an integrated frr.conf into the parts of the daemons, as vtysh does when it loads one.
//!
//! A daemon given the whole file does not ignore what is not its own: an unknown section leaves its lines, and above all
//! its `exit`, to be read in the wrong place (bfdd 8.4 loses its whole section that way).

use std::collections::BTreeMap;
use std::fmt;

/// Daemons of FRR that a node may run, in order of start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Daemon {
    /// Kernel routes and interfaces.
    Zebra,
    /// Static routes.
    Staticd,
    /// BFD.
    Bfdd,
    /// BGP.
    Bgpd,
    /// OSPF version 2.
    Ospfd,
    /// OSPF version 3.
    Ospf6d,
    /// IS-IS.
    Isisd,
    /// RIP.
    Ripd,
    /// LDP.
    Ldpd,
    /// PIM.
    Pimd,
    /// VRRP.
    Vrrpd,
}

impl Daemon {
    /// All of them, in order of start.
    pub const ALL: [Self; 11] = [
        Self::Zebra,
        Self::Staticd,
        Self::Bfdd,
        Self::Bgpd,
        Self::Ospfd,
        Self::Ospf6d,
        Self::Isisd,
        Self::Ripd,
        Self::Ldpd,
        Self::Pimd,
        Self::Vrrpd,
    ];

    /// Returns its program's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zebra => "zebra",
            Self::Staticd => "staticd",
            Self::Bfdd => "bfdd",
            Self::Bgpd => "bgpd",
            Self::Ospfd => "ospfd",
            Self::Ospf6d => "ospf6d",
            Self::Isisd => "isisd",
            Self::Ripd => "ripd",
            Self::Ldpd => "ldpd",
            Self::Pimd => "pimd",
            Self::Vrrpd => "vrrpd",
        }
    }

    /// Returns what it does, for log lines.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Zebra => "FRR kernel routing manager",
            Self::Staticd => "FRR static routes",
            Self::Bfdd => "FRR Bidirectional Forwarding Detection",
            Self::Bgpd => "FRR BGP",
            Self::Ospfd => "FRR OSPFv2",
            Self::Ospf6d => "FRR OSPFv3",
            Self::Isisd => "FRR IS-IS",
            Self::Ripd => "FRR RIP",
            Self::Ldpd => "FRR LDP",
            Self::Pimd => "FRR PIM",
            Self::Vrrpd => "FRR VRRP",
        }
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Splits frr.conf: daemon → its part. A daemon without a part of its own is absent.
#[must_use]
pub fn split(text: &str) -> BTreeMap<Daemon, String> {
    let mut parts: BTreeMap<Daemon, String> = BTreeMap::new();
    let mut shared = String::new();
    for section in sections(text) {
        match section.as_slice() {
            [] => {}
            [line] if is_shared(line) => {
                shared.push_str(line);
                shared.push('\n');
            }
            [head, body @ ..] if head.starts_with("interface ") => split_interface(head, body, &mut parts),
            [head, body @ ..] if head.starts_with("vrf ") => {
                for (daemon, lines) in group(body, of_vrf_line) {
                    add(&mut parts, daemon, head, &lines);
                }
                parts.entry(Daemon::Zebra).or_default();
            }
            [head, body @ ..] => {
                for daemon in of_section(head) {
                    add(&mut parts, daemon, head, body);
                }
            }
        }
    }
    for part in parts.values_mut() {
        part.insert_str(0, &shared);
    }
    parts
}

/// Cuts the text into sections: a line at the margin and the indented lines below it. vtysh's own `exit` and `end` at the
/// margin close a section and belong to none.
fn sections(text: &str) -> Vec<Vec<&str>> {
    let mut sections: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        let bare = line.trim_start();
        if bare.is_empty() || bare.starts_with(['!', '#']) || matches!(line, "exit" | "end" | "exit-vrf") {
            continue;
        }
        match sections.last_mut() {
            Some(section) if line.len() > bare.len() => section.push(line),
            _ => sections.push(vec![line]),
        }
    }
    sections
}

fn is_shared(line: &str) -> bool {
    const SHARED: [&str; 7] = [
        "frr",
        "hostname",
        "log",
        "service",
        "password",
        "enable",
        "domainname",
    ];
    line.split(' ').next().is_some_and(|word| SHARED.contains(&word))
}

fn add(parts: &mut BTreeMap<Daemon, String>, daemon: Daemon, head: &str, body: &[&str]) {
    let part = parts.entry(daemon).or_default();
    for line in std::iter::once(&head).chain(body) {
        part.push_str(line);
        part.push('\n');
    }
    if !body.is_empty() {
        part.push_str("exit\n");
    }
}

fn group<'a>(body: &[&'a str], of: impl Fn(&str) -> Daemon) -> BTreeMap<Daemon, Vec<&'a str>> {
    let mut lines: BTreeMap<Daemon, Vec<&str>> = BTreeMap::new();
    for line in body {
        lines.entry(of(line.trim_start())).or_default().push(line);
    }
    lines
}

fn split_interface(head: &str, body: &[&str], parts: &mut BTreeMap<Daemon, String>) {
    for (daemon, lines) in group(body, of_interface_line) {
        add(parts, daemon, head, &lines);
    }
}

fn of_interface_line(line: &str) -> Daemon {
    let line = line.strip_prefix("no ").unwrap_or(line);
    let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    if starts(&["ip ospf "]) {
        Daemon::Ospfd
    } else if starts(&["ipv6 ospf6 "]) {
        Daemon::Ospf6d
    } else if starts(&["ip router isis", "ipv6 router isis", "isis "]) {
        Daemon::Isisd
    } else if starts(&["ip rip ", "ip split-horizon"]) {
        Daemon::Ripd
    } else if starts(&["ip pim", "ip igmp", "ip mroute", "ip multicast"]) {
        Daemon::Pimd
    } else if starts(&["vrrp "]) {
        Daemon::Vrrpd
    } else if starts(&["mpls bgp "]) {
        Daemon::Bgpd
    } else {
        Daemon::Zebra
    }
}

fn of_vrf_line(line: &str) -> Daemon {
    let line = line.strip_prefix("no ").unwrap_or(line);
    if line.starts_with("ip route ") || line.starts_with("ipv6 route ") {
        Daemon::Staticd
    } else {
        Daemon::Zebra
    }
}

/// The daemons that a section other than `interface` and `vrf` belongs to.
fn of_section(head: &str) -> Vec<Daemon> {
    use Daemon::{Bfdd, Bgpd, Isisd, Ldpd, Ospf6d, Ospfd, Pimd, Ripd, Staticd, Zebra};
    let line = head.strip_prefix("no ").unwrap_or(head);
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["router", "bgp", ..] | ["bgp" | "rpki" | "bmp", ..] => vec![Bgpd],
        ["router", "ospf", ..] => vec![Ospfd],
        ["router", "ospf6", ..] => vec![Ospf6d],
        ["router", "isis", ..] => vec![Isisd],
        ["router", "rip", ..] => vec![Ripd],
        ["mpls", "ldp", ..] => vec![Ldpd],
        ["bfd", ..] => vec![Bfdd],
        ["ip" | "ipv6", "route", ..] => vec![Staticd],
        ["ip", "pim" | "igmp" | "msdp", ..] => vec![Pimd],
        // Policies are read by whoever uses them.
        ["route-map" | "access-list", ..]
        | ["ip" | "ipv6", "prefix-list", ..]
        | ["ipv6", "access-list", ..] => {
            vec![Zebra, Bgpd, Ospfd]
        }
        ["debug", topic, ..] => match *topic {
            "bgp" => vec![Bgpd],
            "ospf" => vec![Ospfd],
            "ospf6" => vec![Ospf6d],
            "isis" => vec![Isisd],
            "bfd" => vec![Bfdd],
            "zebra" => vec![Zebra],
            _ => Vec::new(),
        },
        ["line", "vty", ..] => Vec::new(),
        _ => vec![Zebra],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTEGRATED: &str = "\
frr version 8.4
frr defaults datacenter
hostname mx1
log stdout
!
interface ae0.10
 description to the aggregation
 ip address 10.1.0.1/29
 ip ospf area 0
 ip ospf bfd
exit
!
ip route 203.0.113.0/24 blackhole
!
router bgp 58212
 neighbor 10.1.0.2 remote-as 64500
 !
 address-family ipv4 unicast
  network 203.0.113.0/24
 exit-address-family
exit
!
router ospf
 ospf router-id 10.255.0.1
exit
!
bfd
 profile fast
  transmit-interval 300
 exit
exit
!
route-map OUT permit 10
 set metric 5
exit
!
end
";

    #[test]
    fn each_daemon_gets_its_own_part_and_the_shared_lines() {
        let parts = split(INTEGRATED);
        let text: Vec<_> = parts
            .iter()
            .map(|(daemon, part)| format!("--- {daemon}\n{part}"))
            .collect();
        insta::assert_snapshot!(text.concat());
    }

    #[test]
    fn a_file_without_a_section_of_a_daemon_leaves_it_out() {
        assert!(!split("router bgp 1\n").contains_key(&Daemon::Ospfd));
        assert!(split("").is_empty());
    }
}
