//! What a node must run to be a reference switch: setup, daemons, their order and restart policy, as pieces of a node plan.
//!
//! The restart limit of l2ald and iccpd is four starts, as in the incident's log: aborts at +0, +28, +66 and +94 s,
//! then "Start request repeated too quickly". Only the delay between them is scaled by a lab.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::ServiceName;
use crate::nos::plan::{NODE_BINARY, Ready, Restart, Service};

/// Starts that the supervisor allows a switch daemon before it gives up, the first one included.
pub const START_LIMIT: u32 = 4;

/// Pause between restarts on the real box, about (28 + 38 + 28) s / 3 in the incident's log.
pub const REAL_RESTART_DELAY: Duration = Duration::from_secs(30);

const DATABASE: &str = "/run/openvswitch/conf.db";

/// Lets ovs-vswitchd carry checksum offloads from interface to interface. It is read only when the daemon starts.
///
/// Without it every UDP and TCP packet that a directly attached host sends through a veth pair arrives with an unfinished
/// checksum and is dropped by its receiver, while ping works. Every Open vSwitch on the way needs it, a router's too.
pub const OFFLOADS: &str = r#"["Open_vSwitch",{"op":"insert","table":"Open_vSwitch","row":{"other_config":["map",[["userspace-tso-enable","true"]]]}}]"#;

/// What differs between switches of different labs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchOptions {
    /// Pause before a crashed l2ald or iccpd is started again (at lab scale).
    pub restart_delay: Duration,
    /// Whether OSPF runs on the switch's IRBs.
    pub ospf: bool,
}

impl Default for SwitchOptions {
    fn default() -> Self {
        Self {
            restart_delay: Duration::from_millis(500),
            ospf: false,
        }
    }
}

/// Commands run at each boot before the daemons.
#[must_use]
pub fn setup() -> Vec<Vec<String>> {
    [
        &[
            "mkdir",
            "-p",
            "/run/openvswitch",
            "/run/frr",
            "/var/lib/faultlab",
            "/var/log/faultlab",
        ][..],
        // FRR keeps its own scratch files here and does not start without it.
        &["mkdir", "-p", "/var/tmp/frr"],
        &["rm", "-f", DATABASE],
        &[
            "ovsdb-tool",
            "create",
            DATABASE,
            "/usr/share/openvswitch/vswitch.ovsschema",
        ],
        &["ovsdb-tool", "transact", DATABASE, OFFLOADS],
    ]
    .into_iter()
    .map(owned)
    .collect()
}

/// Sysctls of a switch: it bridges in user space, so the kernel must keep out of the ports.
#[must_use]
pub fn sysctls() -> BTreeMap<String, String> {
    [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv6.conf.all.forwarding", "1"),
        // Ports share the kernel with the IRBs: without this the kernel answers ARP for an IRB on any port it came in by,
        // with that port's MAC address, past the switch's own forwarding.
        ("net.ipv4.conf.all.arp_ignore", "1"),
        ("net.ipv4.conf.all.arp_announce", "2"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// The daemons of a switch, in order.
#[must_use]
pub fn services(options: &SwitchOptions) -> Vec<Service> {
    let mut services = open_vswitch();
    services.extend(routing(options));
    services.extend(own(options));
    services
}

fn open_vswitch() -> Vec<Service> {
    const QUIET: [&str; 3] = ["-vsyslog:off", "-vfile:off", "-vconsole:warn"];
    let ovsdb = [
        "ovsdb-server",
        "/run/openvswitch/conf.db",
        "--remote=punix:/run/openvswitch/db.sock",
        "--unixctl=/run/openvswitch/ovsdb-server.ctl",
    ];
    let vswitchd = [
        "ovs-vswitchd",
        "unix:/run/openvswitch/db.sock",
        "--unixctl=/run/openvswitch/ovs-vswitchd.ctl",
        "--disable-system",
    ];
    vec![
        service("ovsdb-server", &[&ovsdb[..], &QUIET].concat())
            .ready_at("/run/openvswitch/db.sock")
            .describe("Open vSwitch configuration database"),
        service("ovs-vswitchd", &[&vswitchd[..], &QUIET].concat())
            .after(&["ovsdb-server"])
            .ready_at("/run/openvswitch/ovs-vswitchd.ctl")
            .describe("Packet forwarding engine and LACP"),
    ]
    .into_iter()
    .map(|draft| draft.0)
    .collect()
}

fn routing(options: &SwitchOptions) -> Vec<Service> {
    let frr = |name: &str, port: Option<&str>| {
        let path = format!("/usr/lib/frr/{name}");
        // As root, because an ordinary user's namespace has no other user; FRR then wants root in the group `frrvty` of
        // the node's /etc/group.
        // No TCP VTY: every question goes through the Unix socket, and several nodes may share a network namespace's ports.
        let mut argv = vec![
            path.as_str(),
            "-u",
            "root",
            "-g",
            "root",
            "--vty_socket",
            "/run/frr",
            "--log",
            "stdout",
        ];
        argv.extend(port.into_iter().flat_map(|port| ["-P", port]));
        service(name, &argv).ready_at(&format!("/run/frr/{name}.vty"))
    };
    let mut drafts = vec![
        frr("zebra", Some("0")).describe("FRR zebra"),
        frr("staticd", Some("0"))
            .after(&["zebra"])
            .describe("FRR staticd"),
        frr("bfdd", Some("0"))
            .after(&["zebra"])
            .describe("Bidirectional Forwarding Detection Daemon"),
    ];
    if options.ospf {
        drafts.push(frr("ospfd", Some("0")).after(&["zebra"]).describe("FRR ospfd"));
    }
    drafts.into_iter().map(|draft| draft.0).collect()
}

fn own(options: &SwitchOptions) -> Vec<Service> {
    let watched = Restart::Always {
        delay: options.restart_delay,
        burst: START_LIMIT,
        // Generous: four deaths in a row are counted however long each start takes.
        window: options.restart_delay.max(Duration::from_millis(500)) * (START_LIMIT * 10),
    };
    let daemon = |name: &str, verb: &str| service(name, &[NODE_BINARY, verb]);
    vec![
        daemon("mgd", "__mgd")
            .ready_at("/run/faultlab/mgd.sock")
            .describe("Management Daemon on RE."),
        daemon("dcd", "__dcd")
            .after(&["mgd", "ovs-vswitchd", "zebra"])
            .ready_path("/run/faultlab/dcd.ready")
            .describe("Device Control Daemon on RE."),
        daemon("l2ald", "__l2ald")
            .after(&["mgd", "ovs-vswitchd", "dcd"])
            .restart(watched.clone())
            .alarm()
            .describe("Layer 2 Address Flooding and Learning Daemon on RE."),
        daemon("iccpd", "__iccpd")
            .after(&["mgd", "bfdd", "dcd"])
            .ready_at("/run/faultlab/iccpd.sock")
            .restart(watched)
            .alarm()
            .describe("Inter-Chassis Control Protocol Daemon on RE."),
    ]
    .into_iter()
    .map(|draft| draft.0)
    .collect()
}

struct Draft(Service);

fn owned(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|word| (*word).to_owned()).collect()
}

fn service(name: &str, argv: &[&str]) -> Draft {
    Draft(Service {
        name: ServiceName::new(name),
        argv: owned(argv),
        after: Vec::new(),
        ready: Ready::Started,
        restart: Restart::Always {
            delay: Duration::from_millis(200),
            burst: 5,
            window: Duration::from_secs(10),
        },
        restart_with: Vec::new(),
        alarm: false,
        description: name.to_owned(),
    })
}

impl Draft {
    fn after(mut self, names: &[&str]) -> Self {
        self.0.after = names.iter().map(|name| ServiceName::new(*name)).collect();
        self
    }

    fn ready_at(mut self, socket: &str) -> Self {
        self.0.ready = Ready::Socket(socket.into());
        self
    }

    fn ready_path(mut self, path: &str) -> Self {
        self.0.ready = Ready::Path(path.into());
        self
    }

    fn restart(mut self, restart: Restart) -> Self {
        self.0.restart = restart;
        self
    }

    fn alarm(mut self) -> Self {
        self.0.alarm = true;
        self
    }

    fn describe(mut self, text: &str) -> Self {
        text.clone_into(&mut self.0.description);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_comes_after_services_that_stand_before_it() {
        let all = services(&SwitchOptions {
            ospf: true,
            ..SwitchOptions::default()
        });
        for (index, service) in all.iter().enumerate() {
            for earlier in &service.after {
                assert!(
                    all[..index].iter().any(|other| other.name == *earlier),
                    "{} waits for {earlier}",
                    service.name
                );
            }
        }
    }

    #[test]
    fn only_the_daemons_of_the_incident_raise_alarms() {
        let alarmed: Vec<_> = services(&SwitchOptions::default())
            .into_iter()
            .filter(|service| service.alarm)
            .map(|service| service.name.as_str().to_owned())
            .collect();
        assert_eq!(alarmed, ["l2ald", "iccpd"]);
    }
}
