//! Tests of planning on a small topology: a router with a bundle over two switches, and a host.

use super::*;
use crate::topology::{Bind, Link, LinkDetails, LinkId, Management, labels};

fn node(kind: &str, image: &str, line: usize, with: &[(&str, &str)]) -> Node {
    Node {
        kind: kind.to_owned(),
        image: image.to_owned(),
        line,
        labels: with
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Node::default()
    }
}

fn link(a: &str, b: &str) -> Link {
    Link {
        id: LinkId(format!("{a}--{b}")),
        a: a.parse().unwrap(),
        b: b.parse().unwrap(),
        mtu: 1500,
        labels: BTreeMap::new(),
        details: LinkDetails::default(),
        line: 20,
    }
}

/// ca1 and ca2 are switches, mx1 a router with ports on both, h1 a host behind mx1.
pub(crate) fn topology() -> Topology {
    let switch = [(labels::NOS, "mclag-switch")];
    let router = [
        ("faultlab.bundle.ae0", "eth1 eth2"),
        ("faultlab.units.ae0", "10 97"),
    ];
    Topology {
        name: "small".into(),
        file: "lab.clab.yaml".into(),
        folder: "/nowhere".into(),
        management: Management {
            network: "clab".into(),
            ipv4_subnet: Some(("172.20.20.0".parse().unwrap(), 24)),
            ..Management::default()
        },
        nodes: [
            ("ca1", node("juniper_qfx", "vendor/qfx:1", 4, &switch)),
            ("ca2", node("juniper_qfx", "vendor/qfx:1", 7, &switch)),
            ("mx1", node("linux", "quay.io/frrouting/frr:8.4.4", 10, &router)),
            ("h1", node("linux", "alpine", 15, &[])),
        ]
        .into_iter()
        .map(|(name, node)| (NodeName::new(name), node))
        .collect(),
        links: vec![link("mx1:eth1", "ca1:eth1"), link("mx1:eth2", "ca2:eth1")],
        ..Topology::default()
    }
}

fn options() -> PlanOptions {
    PlanOptions {
        seed: Seed(7),
        scale: Scale::new(60.0).unwrap(),
        timer_overrides: BTreeMap::new(),
        check_binaries: false,
    }
}

fn with_config(conf: &str) -> (tempfile::TempDir, Topology) {
    let folder = tempfile::tempdir().unwrap();
    let mut topology = topology();
    let source = folder.path().join("frr.conf");
    std::fs::write(&source, conf).unwrap();
    let mx1 = topology.nodes.get_mut("mx1").unwrap();
    mx1.binds.push(Bind {
        source,
        target: "/etc/frr/frr.conf".into(),
        mode: "ro".into(),
    });
    (folder, topology)
}

fn plan_of(plans: &Plans, name: &str) -> NodePlan {
    plans
        .nodes
        .iter()
        .find(|plan| plan.node.as_str() == name)
        .unwrap()
        .clone()
}

#[test]
fn a_router_with_a_bundle_gets_open_vswitch_before_its_routing_daemons() {
    let conf = "interface ae0.10\n ip address 10.0.0.1/29\n ip ospf area 0\n!\nrouter ospf\n!\nrouter bgp 58212\n neighbor 10.0.0.2 bfd\n";
    let (folder, topology) = with_config(conf);
    let mut plan = plan_of(&plan_nodes(&topology, &options()).unwrap(), "mx1");
    plan.sysctls.clear();
    let text = serde_json::to_string_pretty(&plan).unwrap();
    insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "FOLDER"));
}

#[test]
fn the_same_seed_prefers_the_same_switch_and_some_other_seed_the_other() {
    let topology = topology();
    let name = NodeName::new("mx1");
    let bundle = bundles::read(&topology, &name, &topology.nodes["mx1"])
        .unwrap()
        .remove(0);
    let preferred = |seed| bundles::preferred_member(&name, &bundle, Seed(seed));
    assert_eq!(preferred(7), preferred(7));
    assert!((0..50).any(|seed| preferred(seed) != preferred(7)));
}

#[test]
fn a_bundle_over_a_port_without_a_link_names_the_ports_there_are() {
    let mut topology = topology();
    let mx1 = topology.nodes.get_mut("mx1").unwrap();
    mx1.labels
        .insert("faultlab.bundle.ae0".into(), "eth1 eth9".into());
    insta::assert_snapshot!(plan_nodes(&topology, &options()).unwrap_err());
}

#[test]
fn a_kind_that_needs_a_vendors_image_says_what_to_do() {
    let mut topology = topology();
    topology.nodes.get_mut("ca1").unwrap().labels.clear();
    insta::assert_snapshot!(plan_nodes(&topology, &options()).unwrap_err());
}

#[test]
fn a_misspelt_kind_is_guessed() {
    let mut topology = topology();
    let ca1 = topology.nodes.get_mut("ca1").unwrap();
    ca1.labels.insert(labels::NOS.into(), "mclag-swich".into());
    insta::assert_snapshot!(plan_nodes(&topology, &options()).unwrap_err());
}

#[test]
fn a_template_without_its_bind_says_which_bind_to_add() {
    let folder = tempfile::tempdir().unwrap();
    let mut topology = topology();
    folder.path().clone_into(&mut topology.folder);
    std::fs::write(folder.path().join("frr.tera"), "x").unwrap();
    let mx1 = topology.nodes.get_mut("mx1").unwrap();
    mx1.labels
        .insert("faultlab.template.frr.conf".into(), "frr.tera".into());
    insta::assert_snapshot!(plan_nodes(&topology, &options()).unwrap_err());
}

#[test]
fn rendering_tells_where_each_text_belongs() {
    let (folder, mut topology) = with_config("old");
    folder.path().clone_into(&mut topology.folder);
    std::fs::write(folder.path().join("frr.tera"), "hostname {{ node.name }}\n").unwrap();
    let mx1 = topology.nodes.get_mut("mx1").unwrap();
    mx1.labels
        .insert("faultlab.template.frr.conf".into(), "frr.tera".into());
    let rendered = render(&topology, &options()).unwrap();
    let expected = (
        NodeName::new("mx1"),
        folder.path().join("frr.conf"),
        "hostname mx1\n".to_owned(),
    );
    assert_eq!(rendered, [expected]);
    let plan = plan_of(&plan_nodes(&topology, &options()).unwrap(), "mx1");
    assert!(plan.binds.is_empty());
    assert_eq!(plan.files[0].path, Path::new("/etc/frr/frr.conf"));
}

#[test]
fn an_experiment_sets_a_timer_to_what_it_says() {
    let mut options = options();
    options
        .timer_overrides
        .insert("boot-time".into(), Duration::from_millis(40));
    let plans = plan_nodes(&topology(), &options).unwrap();
    assert_eq!(plan_of(&plans, "ca1").boot_time, Duration::from_millis(40));
    options.timer_overrides.insert("bot-time".into(), Duration::ZERO);
    assert!(
        plan_nodes(&topology(), &options)
            .unwrap_err()
            .to_string()
            .contains("did you mean `boot-time`?")
    );
}

#[test]
fn a_plain_host_runs_its_commands_and_nothing_else() {
    let mut topology = topology();
    topology
        .nodes
        .get_mut("h1")
        .unwrap()
        .exec
        .push("ip addr add '10.0.0.9/24' dev eth1".into());
    let plan = plan_of(&plan_nodes(&topology, &options()).unwrap(), "h1");
    assert!(plan.services.is_empty());
    assert_eq!(plan.exec, [["ip", "addr", "add", "10.0.0.9/24", "dev", "eth1"]]);
}
