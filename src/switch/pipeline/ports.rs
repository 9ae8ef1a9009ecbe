//! dcd's flows: what a port does with a frame, whoever taught the switch where it goes.

use std::collections::BTreeSet;

use super::{ADMISSION, EGRESS, FLOODING, LEARNING, Layout, LogicalPort, MACS, PORTS_COOKIE, irb_mac, live};

/// Makes the datapath keep one entry for each flow of packets, whatever becomes of it.
///
/// Only some outcomes look at addresses and ports (a bundle of two members does, one member does not), so entries would
/// overlap, and the userspace datapath of Open vSwitch before 3.1.2 then updates the wrong one of two
/// (openvswitch/ovs commit 'dpif-netdev: Fix dpif_netdev_flow_put'): a flow stays on a leg that is gone.
const ONE_FLOW_A_FLOW: &str = "multipath(symmetric_l3l4+udp,0,modulo_n,1,0,NXM_NX_REG5[])";

/// What the port flows depend on besides the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortState {
    /// Interfaces that carry traffic: link up, and LACP collecting and distributing where it is configured.
    pub up: BTreeSet<String>,
    /// Multi-chassis aggregates whose leg at the peer carries traffic.
    pub peer_legs: BTreeSet<u16>,
}

/// Replaces all flows of dcd, as one bundle.
#[must_use]
pub fn port_flows(host_name: &str, layout: &Layout, state: &PortState) -> Vec<String> {
    let mut flows = Flows(vec![format!("delete cookie={PORTS_COOKIE:#x}/-1")]);
    // IEEE 802.1D table 7-10: reserved addresses never pass a bridge.
    flows.add(
        ADMISSION,
        1000,
        "dl_dst=01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0",
        "drop",
    );
    flows.add(
        ADMISSION,
        900,
        "dl_src=01:00:00:00:00:00/01:00:00:00:00:00",
        "drop",
    );
    flows.add(MACS, 0, "", &format!("resubmit(,{FLOODING})"));
    flows.add(
        MACS,
        150,
        "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00",
        &format!("resubmit(,{FLOODING})"),
    );
    flows.add(EGRESS, 300, "reg1=0", "drop");
    for port in layout.ports.values() {
        flows.admission(port, state);
        flows.egress(layout, port, state);
        if let Some(unit) = port.irb {
            for vlan in &port.vlans {
                let to_self = format!("dl_vlan={vlan},dl_dst={}", irb_mac(host_name, unit));
                flows.add(
                    MACS,
                    200,
                    &to_self,
                    &format!("load:{:#x}->NXM_NX_REG1[]", port.id),
                );
            }
        }
    }
    flows.0
}

struct Flows(Vec<String>);

impl Flows {
    fn add(&mut self, table: u8, priority: u16, matched: &str, actions: &str) {
        let comma = if matched.is_empty() { "" } else { "," };
        self.0.push(format!(
            "add table={table},priority={priority},cookie={PORTS_COOKIE:#x}{comma}{matched},actions={actions}"
        ));
    }

    fn admission(&mut self, port: &LogicalPort, state: &PortState) {
        let icl = if port.icl { "load:1->NXM_NX_REG3[]," } else { "" };
        let onward = format!(
            "{ONE_FLOW_A_FLOW},load:{:#x}->NXM_NX_REG0[],{icl}resubmit(,{LEARNING}),resubmit(,{MACS}),resubmit(,{EGRESS})",
            port.id
        );
        for number in live(port, &state.up) {
            for vlan in &port.vlans {
                if port.trunk {
                    self.add(
                        ADMISSION,
                        100,
                        &format!("in_port={number},dl_vlan={vlan}"),
                        &onward,
                    );
                } else {
                    let tagged = 0x1000 | vlan;
                    let actions = format!("push_vlan:0x8100,set_field:{tagged}->vlan_vid,{onward}");
                    self.add(
                        ADMISSION,
                        100,
                        &format!("in_port={number},vlan_tci=0x0000/0x1fff"),
                        &actions,
                    );
                }
            }
        }
    }

    fn egress(&mut self, layout: &Layout, port: &LogicalPort, state: &PortState) {
        let id = port.id;
        self.add(EGRESS, 250, &format!("reg0={id:#x},reg1={id:#x}"), "drop");
        if port.mc_ae.is_some_and(|mc_ae| state.peer_legs.contains(&mc_ae)) {
            // Split horizon: the peer has delivered what its own leg could.
            self.add(EGRESS, 200, &format!("reg3=1,reg1={id:#x}"), "drop");
        }
        let numbers: Vec<u32> = live(port, &state.up).collect();
        if let Some(output) = output(&numbers) {
            for vlan in &port.vlans {
                let actions = if port.trunk {
                    output.clone()
                } else {
                    format!("clone(pop_vlan,{output})")
                };
                self.add(EGRESS, 100, &format!("reg1={id:#x},dl_vlan={vlan}"), &actions);
            }
        } else if let (Some(icl), Some(_)) = (layout.icl(), port.mc_ae) {
            // Known unicast goes round over the peer's leg; a flood has its own copy on the ICL already.
            self.add(
                EGRESS,
                100,
                &format!("reg1={id:#x},reg3=0,reg4=0"),
                &format!("load:{:#x}->NXM_NX_REG1[],resubmit(,{EGRESS})", icl.id),
            );
        }
    }
}

fn output(numbers: &[u32]) -> Option<String> {
    match numbers {
        [] => None,
        [one] => Some(format!("output:{one}")),
        many => {
            let members: Vec<String> = many.iter().map(u32::to_string).collect();
            Some(format!(
                "bundle(symmetric_l3l4+udp,0,hrw,ofport,members:{})",
                members.join(",")
            ))
        }
    }
}
