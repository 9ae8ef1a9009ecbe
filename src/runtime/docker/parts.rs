//! The containers of a lab as plain data: one patch, and for each node a keeper that stays and a node that comes and goes.
//!
//! Nothing is `privileged`. What each part may do is listed here with the reason, less what this machine itself lacks.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{ContainerCreateBody, DeviceMapping, HostConfig, Mount, MountType, MountVolumeOptions};

use super::keeper::{INIT_VERB, KEEPER_VERB, MEETING, PATCH_VERB};
use super::storage::Storage;
use crate::base::{LabName, NodeName};
use crate::nos::plan::{Bind, NODE_BINARY, NODE_LOGS, NODE_PERSISTENT, NodePlan};
use crate::runtime::namespaces::environment;

/// Labels of everything that faultlab makes.
pub(super) mod labels {
    /// The lab's name.
    pub const LAB: &str = "faultlab.lab";
    /// `patch`, `keeper` or `node`.
    pub const PART: &str = "faultlab.part";
    /// The node's name.
    pub const NODE: &str = "faultlab.node";
    /// The process that made the lab.
    pub const CREATOR: &str = "faultlab.creator";
    /// `with-caller` or `stays`.
    pub const LIFETIME: &str = "faultlab.lifetime";
}

/// Where the patch container sees the lab's volume.
const PATCH_VOLUME: &str = "/run/faultlab/lab";

/// Beyond the engine's own default set, for keepers and the patch: interfaces and addresses (NET_ADMIN), captures
/// (NET_RAW), entering the nodes' network namespaces with the outer ends of wires (SYS_ADMIN).
const PATCH: [&str; 3] = ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"];

/// For nodes: interfaces, routes and bundles (NET_ADMIN), routing protocols below UDP (NET_RAW), hostname, and zebra, which
/// refuses to start without it (SYS_ADMIN), locked memory and priorities of the forwarding engine (IPC_LOCK, SYS_NICE),
/// debuggers and core dumps (SYS_PTRACE), and the commands of topologies written for privileged containers (SYSLOG).
const NODE: [&str; 7] = [
    "NET_ADMIN",
    "NET_RAW",
    "SYS_ADMIN",
    "IPC_LOCK",
    "SYS_NICE",
    "SYS_PTRACE",
    "SYSLOG",
];

/// Numbers of the capabilities above, `linux/capability.h`.
const NUMBERS: [(&str, u32); 7] = [
    ("NET_ADMIN", 12),
    ("NET_RAW", 13),
    ("IPC_LOCK", 14),
    ("SYS_PTRACE", 19),
    ("SYS_ADMIN", 21),
    ("SYS_NICE", 23),
    ("SYSLOG", 34),
];

/// What this machine gives to containers.
#[derive(Clone, Debug, Default)]
pub(super) struct Grants {
    /// Bounding set of capabilities, as in proc(5) `CapBnd`.
    pub(super) bounding: u64,
    /// Whether the engine confines containers by AppArmor, whose default profile forbids writing `/proc/sys/net`.
    pub(super) apparmor: bool,
    /// Whether there is `/dev/net/tun`, which Open vSwitch's user-space datapath needs.
    pub(super) tun: bool,
}

impl Grants {
    fn of(&self, wanted: &[&str]) -> Vec<String> {
        let has = |name: &&&str| {
            let number = NUMBERS.iter().find(|(known, _)| known == *name);
            number.is_some_and(|(_, number)| self.bounding >> number & 1 == 1)
        };
        wanted.iter().filter(has).map(|name| (*name).to_owned()).collect()
    }
}

/// What all containers of a lab share.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) lab: &'a LabName,
    pub(super) image: &'a str,
    pub(super) storage: Option<&'a Storage>,
    pub(super) grants: &'a Grants,
    /// Labels of everything of the lab.
    pub(super) labels: &'a HashMap<String, String>,
    /// The topology's file, for containerlab's labels.
    pub(super) topology: &'a str,
    pub(super) owner: &'a str,
}

/// The lab's volume.
pub(super) fn volume_name(lab: &LabName) -> String {
    format!("faultlab-{lab}")
}

/// The container where all wires meet.
pub(super) fn patch_name(lab: &LabName) -> String {
    format!("faultlab-{lab}.patch")
}

/// The container that keeps a node's network namespace.
pub(super) fn keeper_name(lab: &LabName, node: &NodeName) -> String {
    format!("faultlab-{lab}.{node}.net")
}

/// The node's container, named as containerlab names it.
pub(super) fn node_name(lab: &LabName, node: &NodeName) -> String {
    format!("clab-{lab}-{node}")
}

/// What the patch's commands begin with.
pub(super) fn patch_binary() -> String {
    format!("{PATCH_VOLUME}/faultlab")
}

impl Parts<'_> {
    pub(super) fn patch(&self) -> ContainerCreateBody {
        let volume = Mount {
            target: Some(PATCH_VOLUME.into()),
            source: Some(volume_name(self.lab)),
            typ: Some(MountType::VOLUME),
            volume_options: Some(MountVolumeOptions {
                labels: Some(self.labels.clone()),
                ..MountVolumeOptions::default()
            }),
            ..Mount::default()
        };
        let host = HostConfig {
            mounts: Some(vec![volume]),
            network_mode: Some("none".into()),
            ..self.host(&PATCH)
        };
        let mut body = self.body("patch", None, host);
        body.entrypoint = Some(vec![patch_binary(), PATCH_VERB.into()]);
        body
    }

    pub(super) fn keeper(&self, plan: &NodePlan) -> ContainerCreateBody {
        let host = HostConfig {
            mounts: Some(self.binds(plan, false)),
            network_mode: Some("none".into()),
            ..self.host(&PATCH)
        };
        let mut body = self.body("keeper", Some(&plan.node), host);
        body.hostname = Some(plan.hostname.clone());
        body.entrypoint = Some(vec![NODE_BINARY.into(), KEEPER_VERB.into()]);
        body
    }

    pub(super) fn node(&self, plan: &NodePlan) -> ContainerCreateBody {
        let tun = self.grants.tun.then(|| DeviceMapping {
            path_on_host: Some("/dev/net/tun".into()),
            path_in_container: Some("/dev/net/tun".into()),
            cgroup_permissions: Some("rwm".into()),
        });
        let host = HostConfig {
            mounts: Some(self.binds(plan, true)),
            network_mode: Some(format!("container:{}", keeper_name(self.lab, &plan.node))),
            devices: Some(tun.into_iter().collect()),
            ..self.host(&NODE)
        };
        let mut body = self.body("node", Some(&plan.node), host);
        let mut variables = environment::of(plan);
        variables.insert(environment::LAB_VARIABLE.into(), self.lab.to_string());
        body.env = Some(
            variables
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        );
        body.entrypoint = Some(vec![NODE_BINARY.into(), INIT_VERB.into()]);
        let shown = body.labels.get_or_insert_default();
        shown.extend(plan.container.labels.clone());
        let containerlab = [
            ("containerlab", self.lab.to_string()),
            ("clab-node-name", plan.node.to_string()),
            ("clab-node-longname", node_name(self.lab, &plan.node)),
            ("clab-node-kind", plan.container.kind.clone()),
            ("clab-node-group", plan.container.group.clone()),
            ("clab-node-type", plan.container.node_type.clone()),
            ("clab-topo-file", self.topology.to_owned()),
            ("clab-owner", self.owner.to_owned()),
        ];
        shown.extend(containerlab.map(|(key, value)| (key.to_owned(), value)));
        body
    }

    fn body(&self, part: &str, node: Option<&NodeName>, host: HostConfig) -> ContainerCreateBody {
        let mut labels = self.labels.clone();
        labels.insert(labels::PART.into(), part.into());
        labels.extend(node.map(|node| (labels::NODE.to_owned(), node.to_string())));
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            cmd: Some(Vec::new()),
            labels: Some(labels),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }

    fn host(&self, capabilities: &[&str]) -> HostConfig {
        HostConfig {
            cap_add: Some(self.grants.of(capabilities)),
            // /proc/sys is writable: sysctls of the network namespace are set there, at boot and by exec lines.
            readonly_paths: Some(
                ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            security_opt: self
                .grants
                .apparmor
                .then(|| vec!["apparmor=unconfined".to_owned()]),
            tmpfs: Some(HashMap::from([
                ("/run".to_owned(), "rw,exec,mode=755".to_owned()),
                ("/tmp".to_owned(), "rw,exec,mode=1777".to_owned()),
            ])),
            ..HostConfig::default()
        }
    }

    /// What a keeper or a node sees of the host: its part of the volume, the binary; a node also what its plan binds.
    fn binds(&self, plan: &NodePlan, node: bool) -> Vec<Mount> {
        let Some(storage) = self.storage else {
            return Vec::new();
        };
        let mut binds = vec![
            bound(&storage.binary(), NODE_BINARY.as_ref(), true),
            bound(&storage.meeting(&plan.node), MEETING.as_ref(), false),
        ];
        if node {
            binds.push(bound(&storage.logs(&plan.node), NODE_LOGS.as_ref(), false));
            binds.push(bound(
                &storage.persistent(&plan.node),
                NODE_PERSISTENT.as_ref(),
                false,
            ));
            let clock = Path::new("/etc/localtime");
            if clock.exists() && !plan.binds.iter().any(|bind| bind.target == clock) {
                binds.push(bound(clock, clock, true));
            }
            let own = |bind: &Bind| bound(&bind.source, &bind.target, bind.read_only);
            binds.extend(plan.binds.iter().map(own));
        }
        binds
    }
}

fn bound(source: &Path, target: &Path, read_only: bool) -> Mount {
    Mount {
        target: Some(target.display().to_string()),
        source: Some(source.display().to_string()),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_not_asked_for() {
        let grants = Grants {
            bounding: 1 << 12 | 1 << 21,
            ..Grants::default()
        };
        assert_eq!(grants.of(&PATCH), ["NET_ADMIN", "SYS_ADMIN"]);
    }

    #[test]
    fn every_capability_that_a_part_wants_has_a_number() {
        for name in PATCH.iter().chain(&NODE) {
            assert!(NUMBERS.iter().any(|(known, _)| known == name), "{name}");
        }
    }
}
