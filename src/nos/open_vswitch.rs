//! Open vSwitch inside a node: setup and services shared by the reference switch and by routers with bundles.
//!
//! Always the user-space datapath (`netdev`): it needs no kernel module, and LACP, bonds and VLANs are its own.

use std::path::Path;

use super::plan::Service;
use super::service::{argv, service};

/// Directory of its sockets and database inside a node.
pub const RUN: &str = "/run/openvswitch";

/// The OVSDB server's socket inside a node.
pub const DATABASE_SOCKET: &str = "/run/openvswitch/db.sock";

/// The control socket of ovs-vswitchd inside a node (`ovs-appctl -t`).
pub const CONTROL_SOCKET: &str = "/run/openvswitch/ovs-vswitchd.ctl";

const DATABASE: &str = "/run/openvswitch/conf.db";
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// Programs that a node with Open vSwitch needs, and how to get them.
pub(super) const PROGRAMS: [(&str, &str); 3] = [
    ("/usr/sbin/ovs-vswitchd", "install the package openvswitch-switch"),
    ("/usr/sbin/ovsdb-server", "install the package openvswitch-switch"),
    (SCHEMA, "install the package openvswitch-switch"),
];

/// Commands that make a fresh database at boot. A reboot starts from nothing, so stale ports cannot survive one.
#[must_use]
pub fn setup() -> Vec<Vec<String>> {
    vec![
        argv(["mkdir", "-p", RUN]),
        argv(["rm", "-f", DATABASE]),
        argv(["ovsdb-tool", "create", DATABASE, SCHEMA]),
    ]
}

/// A command for the setup phase that changes the database while no server runs: a server that lives for one command.
#[must_use]
pub fn configure(transaction: &[String]) -> Vec<String> {
    let vsctl = [
        vec![
            "ovs-vsctl".to_owned(),
            "--no-wait".to_owned(),
            format!("--db=unix:{DATABASE_SOCKET}"),
        ],
        transaction.to_vec(),
    ]
    .concat();
    let mut command = argv(["ovsdb-server", DATABASE, "-vconsole:warn", "-vsyslog:off"]);
    command.push(format!("--remote=punix:{DATABASE_SOCKET}"));
    command.push(format!("--unixctl={RUN}/setup.ctl"));
    // The server hands this text to a shell; every word is quoted by us.
    let quoted: Vec<_> = vsctl
        .iter()
        .map(|word| shlex::try_quote(word).map_or_else(|_| String::new(), std::borrow::Cow::into_owned))
        .collect();
    command.push(format!("--run={}", quoted.join(" ")));
    command
}

/// The two daemons. With `until` the switch counts as ready when that interface exists, else when it takes commands.
#[must_use]
pub fn services(until: Option<&str>) -> Vec<Service> {
    let mut database = argv(["ovsdb-server", DATABASE, "-vconsole:warn", "-vsyslog:off"]);
    database.push(format!("--remote=punix:{DATABASE_SOCKET}"));
    database.push(format!("--unixctl={RUN}/ovsdb-server.ctl"));
    let mut switch = argv([
        "ovs-vswitchd",
        "-vconsole:warn",
        "-vsyslog:off",
        "--disable-system",
    ]);
    switch.push(format!("unix:{DATABASE_SOCKET}"));
    switch.push(format!("--unixctl={CONTROL_SOCKET}"));
    let vswitchd = service("ovs-vswitchd", switch)
        .after(&["ovsdb-server"])
        .describe("Packet forwarding engine and LACP");
    let vswitchd = match until {
        Some(interface) => vswitchd.ready_path(Path::new("/sys/class/net").join(interface)),
        None => vswitchd.ready_at(CONTROL_SOCKET),
    };
    vec![
        service("ovsdb-server", database)
            .ready_at(DATABASE_SOCKET)
            .describe("Open vSwitch configuration database")
            .done(),
        vswitchd.done(),
    ]
}
