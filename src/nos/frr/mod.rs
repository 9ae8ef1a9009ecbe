//! A router of FRRouting daemons, each supervised on its own and given its own part of the configuration.
//!
//! The surprising part: the integrated frr.conf is split at planning time. `vtysh -b` would cost a process per boot and
//! could only run after the daemons, so a daemon that is killed and restarted would come back empty.

pub mod split;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::NosError;
use super::content::{Content, file_of};
use super::plan::{NodeFile, Service};
use super::service::{argv, service};
use crate::base::{NodeName, ServiceName};
use crate::topology::{Node, Topology};

pub use split::{Daemon, split};

/// Where FRR's daemons keep their sockets inside a node.
pub const RUN: &str = "/run/frr";

/// Where Debian and containerlab's images alike keep the daemons.
pub const PROGRAMS: &str = "/usr/lib/frr";

/// Where each daemon's own part of frr.conf stands inside a node.
const PARTS: &str = "/etc/faultlab/frr";

/// What an FRR node adds to its plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Router {
    /// Split configuration.
    pub files: Vec<NodeFile>,
    /// Setup commands.
    pub setup: Vec<Vec<String>>,
    /// The daemons.
    pub services: Vec<Service>,
    /// Daemons it runs, for checking that they are installed.
    pub daemons: Vec<Daemon>,
}

/// Commands that FRR needs at boot: its directories, and root in the group of its sockets, so that the daemons run as
/// root also where no other user exists (an unprivileged user namespace).
#[must_use]
pub fn setup() -> Vec<Vec<String>> {
    vec![
        argv(["mkdir", "-p", RUN, "/var/tmp/frr"]),
        argv([
            "sed",
            "-i",
            r"s/^\(frrvty:[^:]*:[0-9]*:\).*/\1root/",
            "/etc/group",
        ]),
    ]
}

/// Sysctls of a router. Later entries of a topology win over these.
#[must_use]
pub fn sysctls() -> BTreeMap<String, String> {
    [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv6.conf.all.forwarding", "1"),
        ("net.ipv6.conf.default.accept_dad", "0"),
        // Routers hash on ports as well as on addresses.
        ("net.ipv4.fib_multipath_hash_policy", "1"),
        ("net.ipv6.fib_multipath_hash_policy", "1"),
        // Paths are asymmetric as soon as there are two of them.
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.default.rp_filter", "0"),
        // A port without light forwards nothing, whatever the routing daemon still thinks.
        ("net.ipv4.conf.all.ignore_routes_with_linkdown", "1"),
        ("net.ipv4.conf.default.ignore_routes_with_linkdown", "1"),
        ("net.ipv6.conf.all.ignore_routes_with_linkdown", "1"),
        ("net.ipv6.conf.default.ignore_routes_with_linkdown", "1"),
        // Answer ARP on the port that has the address only: two ports into one VLAN are two ports.
        ("net.ipv4.conf.all.arp_ignore", "1"),
        ("net.ipv4.conf.all.arp_announce", "2"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// Plans a router from its files. `after` names services that must be ready before zebra.
pub fn plan(
    topology: &Topology,
    name: &NodeName,
    node: &Node,
    content: &Content,
    after: &[ServiceName],
) -> Result<Router, NosError> {
    let text = |path: &str| content.text_at(topology, name, node, Path::new(path));
    let integrated = text("/etc/frr/frr.conf")?;
    let mut parts = integrated.as_deref().map(split).unwrap_or_default();
    for daemon in Daemon::ALL {
        if let Some(own) = text(&format!("/etc/frr/{daemon}.conf"))? {
            parts.entry(daemon).or_default().push_str(&own);
        }
    }
    let listed = text("/etc/frr/daemons")?;
    let daemons: Vec<Daemon> = Daemon::ALL
        .into_iter()
        .filter(|daemon| match &listed {
            _ if *daemon == Daemon::Zebra || *daemon == Daemon::Staticd => true,
            Some(listed) => enabled(listed, *daemon),
            None => {
                parts.contains_key(daemon) && *daemon != Daemon::Bfdd
                    || *daemon == Daemon::Bfdd && wants_bfd(&parts)
            }
        })
        .collect();
    let profile = listed.as_deref().and_then(|text| setting(text, "frr_profile"));
    let files = daemons
        .iter()
        .map(|daemon| {
            let own = parts.get(daemon).map_or("", String::as_str);
            file_of(Path::new(&part_of(*daemon)), own)
        })
        .collect();
    Ok(Router {
        files,
        setup: setup(),
        services: services(&daemons, profile.as_deref(), after),
        daemons,
    })
}

/// Empty parts for daemons that are configured at run time (a switch): a daemon without its file refuses to start.
#[must_use]
pub fn empty_parts() -> Vec<NodeFile> {
    let daemons = [Daemon::Zebra, Daemon::Staticd, Daemon::Bfdd, Daemon::Ospfd];
    daemons
        .map(|daemon| file_of(Path::new(&part_of(daemon)), ""))
        .to_vec()
}

fn part_of(daemon: Daemon) -> String {
    format!("{PARTS}/{daemon}.conf")
}

/// Plans the daemons: zebra first, all others need it, and all are restarted with it, as watchfrr does.
#[must_use]
pub fn services(daemons: &[Daemon], profile: Option<&str>, after: &[ServiceName]) -> Vec<Service> {
    let others = || daemons.iter().filter(|daemon| **daemon != Daemon::Zebra);
    let after: Vec<&str> = after.iter().map(ServiceName::as_str).collect();
    daemons
        .iter()
        .map(|daemon| {
            let mut words = argv([&format!("{PROGRAMS}/{daemon}"), "-u", "root", "-g", "root"]);
            // No TCP VTY: the Unix socket answers, and no port of the node is taken.
            words.extend(argv(["-A", "127.0.0.1", "-P", "0"]));
            words.extend(argv(["--log", "stdout", "--log-level", "informational"]));
            words.extend(argv(["-f", &part_of(*daemon)]));
            words.extend(profile.iter().flat_map(|profile| argv(["-F", profile])));
            let draft = service(daemon.as_str(), words)
                .restart(Duration::from_millis(500), 10, Duration::from_secs(60))
                .describe(daemon.description());
            let draft = match daemon {
                // zebra's VTY opens before it serves the other daemons; they retry for seconds when they come too early.
                Daemon::Zebra => draft
                    .after(&after)
                    .ready_at(format!("{RUN}/zserv.api"))
                    .restart_with(others().map(|daemon| ServiceName::new(daemon.as_str()))),
                _ => draft.after(&["zebra"]).ready_at(format!("{RUN}/{daemon}.vty")),
            };
            draft.done()
        })
        .collect()
}

fn wants_bfd(parts: &BTreeMap<Daemon, String>) -> bool {
    parts.contains_key(&Daemon::Bfdd)
        || parts.values().any(|part| {
            part.lines().any(|line| {
                let mut words = line.split_whitespace();
                words.next() != Some("no") && words.any(|word| word == "bfd")
            })
        })
}

fn enabled(listed: &str, daemon: Daemon) -> bool {
    setting(listed, daemon.as_str()).is_some_and(|value| value == "yes")
}

/// A value of a shell-like `name=value` file such as /etc/frr/daemons.
fn setting(text: &str, name: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_file_decides_and_comments_do_not() {
        let listed = "# bgpd=yes\nospfd=yes\nbfdd=no\nfrr_profile=\"datacenter\"\n";
        assert!(enabled(listed, Daemon::Ospfd));
        assert!(!enabled(listed, Daemon::Bgpd));
        assert!(!enabled(listed, Daemon::Bfdd));
        assert_eq!(setting(listed, "frr_profile").as_deref(), Some("datacenter"));
    }

    #[test]
    fn bfd_is_wanted_when_any_daemon_mentions_it() {
        let parts = split("router bgp 1\n neighbor 10.0.0.1 bfd\n");
        assert!(wants_bfd(&parts));
        assert!(!wants_bfd(&split("router bgp 1\n no neighbor 10.0.0.1 bfd\n")));
    }
}
