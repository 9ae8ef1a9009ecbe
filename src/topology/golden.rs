//! Whole files against what they come to: accepted ones as the resolved lab, rejected ones as what a person reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::unsupported::{Target, told, unsupported};
use super::{LoadOptions, Topology, TopologyError, graph, parse, resolved::resolved};

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/topology/testdata")
        .join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn read(name: &str, text: &str, filter: &[&str]) -> Result<Topology, TopologyError> {
    let options = LoadOptions {
        environment: BTreeMap::from([("HOME".to_owned(), "/home/op".to_owned())]),
        node_filter: filter.iter().map(ToString::to_string).collect(),
        ..LoadOptions::default()
    };
    parse(&Path::new("/labs").join(name), text, &options)
}

#[test]
fn accepted_files_come_to_these_labs() {
    for (name, text) in files("accepted") {
        let topology = read(&name, &text, &[]).unwrap_or_else(|error| {
            panic!("{}", error.diagnostics().unwrap());
        });
        insta::assert_json_snapshot!(name.replace(".clab.yaml", ""), resolved(&topology));
        // Whatever is accepted can be drawn.
        assert!(!graph::svg(&topology).is_empty() && !graph::dot(&topology).is_empty());
    }
}

#[test]
fn rejected_files_are_told_why() {
    for (name, text) in files("rejected") {
        let error = read(&name, &text, &[]).unwrap_err();
        insta::assert_snapshot!(
            format!("rejected-{}", name.replace(".clab.yaml", "")),
            error.diagnostics().unwrap()
        );
    }
}

#[test]
fn what_a_runtime_does_not_do_is_named_before_anything_is_created() {
    let text = "name: x
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    router: {image: quay.io/frrouting/frr:10.5.1, memory: 1Gb, image-pull-policy: never}
    switch: {kind: ceos, image: ceos:4.32, memory: 1Gb}
    modelled: {kind: ceos, image: ceos:4.32, labels: {faultlab.nos: mclag-switch}, startup-config: ceos.cfg}
    web: {image: nginx, ports: [\"80:80\"], startup-delay: 3, cmd: sleep}
    shared: {network-mode: \"container:web\", startup-config: https://example.net/x.cfg}
    br: {kind: bridge}
    bare: {image: \"\", kind: srl}
  links:
    - endpoints: [\"router:eth1\", \"web:a_name_linux_cannot_take\"]
    - {type: veth, endpoints: [{node: router, interface: eth2, mac: \"aa:c1:ab:00:00:01\"}, {node: router, interface: eth3}]}
    - endpoints: [\"host:x\", \"web:eth2\"]
";
    let topology = read("x.clab.yaml", text, &[]).unwrap();
    let models = ["frr", "mclag-switch", "linux"];
    let mut shown = String::new();
    for target in [Target::Namespaces, Target::Docker] {
        let remarks = unsupported(&topology, target, &models);
        let (refused, ignored): (Vec<_>, Vec<_>) = remarks.into_iter().partition(|remark| remark.refused);
        let lines = |remarks| told(&topology, remarks).join("\n");
        let _ = writeln!(
            shown,
            "{target} refuses\n{}\n{target} ignores\n{}\n",
            lines(&refused),
            lines(&ignored)
        );
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_node_filter_keeps_links_with_both_ends_and_waits_for_nobody_left_out() {
    let text = "name: x
topology:
  defaults: {kind: linux}
  nodes:
    a: {stages: {create: {wait-for: [{node: c, stage: create}]}}}
    b:
    c: {mgmt-ipv4: 172.20.20.9}
  links:
    - endpoints: [\"a:eth1\", \"b:eth1\"]
    - endpoints: [\"a:eth2\", \"c:eth2\"]
    - endpoints: [\"host:h\", \"c:eth3\"]
";
    let topology = read("x.clab.yaml", text, &["a", "b"]).unwrap();
    assert_eq!(
        topology
            .nodes
            .keys()
            .map(crate::base::NodeName::as_str)
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(topology.links.len() + topology.attachments.len(), 1);
    let error = read("x.clab.yaml", text, &["aa"]).unwrap_err();
    assert!(
        error
            .diagnostics()
            .unwrap()
            .to_string()
            .contains("the node filter names `aa`")
    );
}

#[test]
fn containers_are_named_by_prefix_lab_and_node() {
    let name = |prefix: &str| {
        let text = format!("name: lab\n{prefix}\ntopology: {{nodes: {{n: {{kind: linux}}}}}}");
        read("x.clab.yaml", &text, &[]).unwrap().container(&"n".into())
    };
    assert_eq!(name(""), "clab-lab-n");
    assert_eq!(name("prefix: x"), "x-lab-n");
    assert_eq!(name("prefix: \"\""), "n");
    assert_eq!(name("prefix: __lab-name"), "lab-n");
}

#[test]
fn our_own_labs_ask_for_nothing_that_namespaces_do_not_do() {
    let labs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("topologies");
    for lab in ["square", "dataforest/2025-10-mclag", "dataforest/2026-02-two-pop"] {
        let options = LoadOptions {
            check_files: true,
            ..LoadOptions::default()
        };
        let topology = super::load(&labs.join(lab), &options).unwrap();
        let remarks = unsupported(&topology, Target::Namespaces, &["frr", "mclag-switch", "linux"]);
        assert!(remarks.is_empty(), "{}", told(&topology, &remarks).join("\n"));
    }
}
