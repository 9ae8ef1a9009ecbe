//! What a node must run to be a reference switch: the forwarding engine, FRR for its IRBs, and the switch's own daemons.
//!
//! Those daemons live in the room `switch`, below this one; here they are only words of a command line. l2ald and iccpd
//! are started four times at most, as in the incident's log: deaths at +0, +28, +66 and +94 s, then
//! "Start request repeated too quickly". Only the delay between starts is scaled by a lab.

use std::time::Duration;

use super::frr::{self, Daemon};
use super::open_vswitch;
use super::plan::{NODE_BINARY, NODE_LOGS, NODE_PERSISTENT, Service};
use super::service::{Draft, argv, service};

/// Where a switch's startup configuration stands inside its node: Junos-like `set` statements.
pub const CONFIGURATION: &str = "/etc/faultlab/switch.conf";

/// Starts that the supervisor allows a switch daemon before it gives up, the first one included.
pub const START_LIMIT: u32 = 4;

/// Commands run at each boot before the daemons.
#[must_use]
pub fn setup() -> Vec<Vec<String>> {
    let mut setup = vec![argv(["mkdir", "-p", NODE_PERSISTENT, NODE_LOGS])];
    setup.extend(open_vswitch::setup());
    setup.extend(frr::setup());
    setup
}

/// The daemons of a switch, in order. `restart_delay` is the pause before a crashed l2ald or iccpd starts again.
#[must_use]
pub fn services(restart_delay: Duration, ospf: bool) -> Vec<Service> {
    let mut services = open_vswitch::services(None);
    let mut routing = vec![Daemon::Zebra, Daemon::Staticd, Daemon::Bfdd];
    routing.extend(ospf.then_some(Daemon::Ospfd));
    services.extend(frr::services(&routing, None, &[]));
    services.extend(own(restart_delay));
    services
}

fn own(restart_delay: Duration) -> Vec<Service> {
    // Generous: four deaths in a row are counted however long each start takes.
    let window = restart_delay.max(Duration::from_millis(500)) * (START_LIMIT * 10);
    let daemon = |name: &str, verb: &str| service(name, argv([NODE_BINARY, verb]));
    let watched = |draft: Draft| draft.restart(restart_delay, START_LIMIT, window).alarm();
    vec![
        daemon("mgd", "__mgd")
            .ready_at("/run/faultlab/mgd.sock")
            .describe("Management Daemon on RE.")
            .done(),
        daemon("dcd", "__dcd")
            .after(&["mgd", "ovs-vswitchd", "zebra"])
            .ready_path("/run/faultlab/dcd.ready")
            .describe("Device Control Daemon on RE.")
            .done(),
        watched(daemon("l2ald", "__l2ald"))
            .after(&["mgd", "ovs-vswitchd", "dcd"])
            .describe("Layer 2 Address Flooding and Learning Daemon on RE.")
            .done(),
        watched(daemon("iccpd", "__iccpd"))
            .after(&["mgd", "bfdd", "dcd"])
            .ready_at("/run/faultlab/iccpd.sock")
            .describe("Inter-Chassis Control Protocol Daemon on RE.")
            .done(),
    ]
}

/// Whether a configuration passes OSPF lines on to FRR.
#[must_use]
pub fn wants_ospf(configuration: &str) -> bool {
    configuration
        .lines()
        .map(str::trim_start)
        .any(|line| line.starts_with("set faultlab frr ") && line.contains("ospf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_comes_after_services_that_stand_before_it() {
        let all = services(Duration::from_millis(500), true);
        for (index, service) in all.iter().enumerate() {
            for earlier in &service.after {
                let known = all[..index].iter().any(|other| other.name == *earlier);
                assert!(known, "{} waits for {earlier}", service.name);
            }
        }
    }

    #[test]
    fn only_the_daemons_of_the_incident_raise_alarms() {
        let alarmed: Vec<_> = services(Duration::from_secs(28), false)
            .into_iter()
            .filter(|service| service.alarm)
            .map(|service| service.name.to_string())
            .collect();
        assert_eq!(alarmed, ["l2ald", "iccpd"]);
    }
}
