//! Device control: applies the configuration to Open vSwitch and FRR, and is the ports' own logic (LACP gate, egress).
//!
//! During `init-delay-time` after a boot the members of multi-chassis aggregates are up but not in the bridge: the
//! neighbour has a carrier and hears no LACP. The inter-chassis link, IRBs and ICCP come up at once.

mod boot;
mod bridge;
mod plan;
mod routing;
mod tether;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

pub use plan::{InterfacePlan, LacpPlan, PortPlan, SYSTEM_PRIORITY, bridge_plan};

use crate::switch::SwitchError;
use crate::switch::config::model::SwitchConfig;
use crate::switch::daemon::{ACTIVE, Active, Complaints, ICCP_STATE, TICK, Watched, log, replace_file};
use crate::switch::iccpd::Decision;
use crate::switch::links::{links, set_link};
use crate::switch::ovs::{OpenFlow, Ovsdb, Vswitchd};
use crate::switch::pipeline::{self, Layout, PortState};
use crate::switch::state::{LacpMember, mux_line, parse_lacp};

const NAME: &str = "dcd";
/// Exists once the first configuration was applied.
const READY: &str = "/run/faultlab/dcd.ready";

/// Runs dcd until it is killed.
#[must_use]
pub fn daemon_main(_args: Vec<OsString>) -> ExitCode {
    let boot = match boot::Boot::recall() {
        Ok(boot) => boot,
        Err(error) => {
            log(
                NAME,
                &format!("failed to {}", crate::base::ErrorChain::new(&error)),
            );
            return ExitCode::FAILURE;
        }
    };
    let mut daemon = Daemon::new(boot);
    let mut complaints = Complaints::default();
    let mut ready = false;
    loop {
        let outcome = daemon.tick();
        if complaints.settle(NAME, outcome) && !ready && daemon.active.value.is_some() {
            ready = replace_file(READY, "").is_ok();
        }
        std::thread::sleep(TICK);
    }
}

struct Daemon {
    boot: boot::Boot,
    active: Watched<Active>,
    decision: Watched<Decision>,
    database: Ovsdb,
    vswitchd: Vswitchd,
    routing: routing::Routing,
    tether: tether::Tether,
    plan: Option<BTreeMap<String, PortPlan>>,
    lacp: BTreeMap<String, LacpMember>,
    written: Option<(u64, u64, PortState)>,
}

impl Daemon {
    fn new(boot: boot::Boot) -> Self {
        let root = Path::new("/");
        Self {
            boot,
            active: Watched::new(ACTIVE),
            decision: Watched::new(ICCP_STATE),
            database: Ovsdb::at(root),
            vswitchd: Vswitchd::at(root),
            routing: routing::Routing::load(),
            tether: tether::Tether::default(),
            plan: None,
            lacp: BTreeMap::new(),
            written: None,
        }
    }

    fn tick(&mut self) -> Result<(), SwitchError> {
        if self.tether.broke() {
            OpenFlow.flows(&pipeline::forget_all())?;
        }
        self.active.poll();
        self.decision.poll();
        let Some(Active { revision, config }) = self.active.value.clone() else {
            return Ok(());
        };
        self.configure_bridge(&config)?;
        let state = self.port_state(&config)?;
        let wanted = (self.vswitchd.generation(), revision, state);
        if self.written.as_ref() != Some(&wanted) {
            let layout = Layout::of(&config);
            OpenFlow.flows(&pipeline::port_flows(&config.host_name, &layout, &wanted.2))?;
            self.written = Some(wanted);
        }
        self.routing.step(&config)
    }

    fn configure_bridge(&mut self, config: &SwitchConfig) -> Result<(), SwitchError> {
        let choice = self
            .decision
            .value
            .as_ref()
            .map(|decision| decision.system_id)
            .unwrap_or_default();
        let boot = self.boot;
        let plan = bridge_plan(config, choice, |mc_ae| boot.is_over(mc_ae));
        if self.plan.as_ref() != Some(&plan) {
            bridge::apply(
                &mut self.database,
                &pipeline::chassis_mac(&config.host_name),
                &plan,
            )?;
            self.plan = Some(plan);
        }
        Ok(())
    }

    /// Sets links as configured and finds out which interfaces carry traffic.
    fn port_state(&mut self, config: &SwitchConfig) -> Result<PortState, SwitchError> {
        let links = links()?;
        let irbs = config.irbs.keys().map(|unit| (pipeline::irb_name(*unit), true));
        let ports = config
            .ports
            .iter()
            .map(|(name, port)| (name.clone(), !port_disabled(config, name, port.disabled)));
        for (name, up) in ports.chain(irbs) {
            if links.get(&name).is_some_and(|link| link.admin != up) {
                set_link(&name, up)?;
            }
        }
        self.watch_lacp()?;
        let bundled: BTreeSet<&str> = config
            .aggregates
            .iter()
            .filter(|(_, aggregate)| aggregate.lacp_fast.is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        let plan = self.plan.iter().flatten();
        let up = plan
            .flat_map(|(port, plan)| plan.interfaces.keys().map(move |name| (port.as_str(), name)))
            .filter(|(port, name)| {
                let running = links.get(*name).is_some_and(|link| link.running);
                running
                    && (!bundled.contains(port) || self.lacp.get(*name).is_some_and(|member| member.carries))
            })
            .map(|(_, name)| name.clone())
            .collect();
        let peer_legs = self
            .decision
            .value
            .as_ref()
            .map(|decision| decision.peer_legs.clone())
            .unwrap_or_default();
        Ok(PortState { up, peer_legs })
    }

    fn watch_lacp(&mut self) -> Result<(), SwitchError> {
        let now = parse_lacp(&self.vswitchd.command("lacp/show", &[])?);
        let names: BTreeSet<&String> = self.lacp.keys().chain(now.keys()).collect();
        for name in names {
            if let Some(line) = mux_line(name, self.lacp.get(name), now.get(name)) {
                log("lacpd", &line);
            }
        }
        self.lacp = now;
        Ok(())
    }
}

fn port_disabled(config: &SwitchConfig, name: &str, disabled: bool) -> bool {
    let aggregate = config.ports.get(name).and_then(|port| port.aggregate.as_ref());
    disabled
        || aggregate
            .and_then(|name| config.aggregates.get(name))
            .is_some_and(|aggregate| aggregate.disabled)
}
