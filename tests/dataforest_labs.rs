//! The shipped dataforest labs: complete, what their templates say, and comparable with each other.

#![expect(clippy::unwrap_used, reason = "a lab that cannot be read has failed its test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use faultlab::nos::{Nos, PlanOptions, plan_nodes, render};
use faultlab::switch::config;
use faultlab::topology::{LoadOptions, Topology, load};

const LABS: [&str; 2] = ["2025-10-mclag", "2026-02-two-pop"];

fn lab(name: &str) -> Topology {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies/dataforest");
    let options = LoadOptions {
        check_files: true,
        ..LoadOptions::default()
    };
    load(&folder.join(name), &options).unwrap()
}

fn options() -> PlanOptions {
    PlanOptions {
        check_binaries: false,
        ..PlanOptions::default()
    }
}

#[test]
fn the_committed_configurations_are_what_the_templates_render() {
    for name in LABS {
        let rendered = render(&lab(name), &options()).unwrap();
        let stale: Vec<PathBuf> = rendered
            .into_iter()
            .filter(|(_, path, text)| std::fs::read_to_string(path).unwrap() != *text)
            .map(|(_, path, _)| path)
            .collect();
        assert!(stale.is_empty(), "run `faultlab render` on {name}: {stale:?}");
    }
}

#[test]
fn every_switch_accepts_its_configuration_without_a_warning() {
    for name in LABS {
        let topology = lab(name);
        let kinds = plan_nodes(&topology, &options()).unwrap().kinds;
        for (node, path, text) in render(&topology, &options()).unwrap() {
            if kinds[&node] == Nos::MclagSwitch {
                let (_, checked) = config::load(&path, &text).unwrap();
                assert_eq!(checked.warnings, [], "{node} of {name}");
            }
        }
    }
}

#[test]
fn the_labs_fit_two_cores_and_share_customers_and_internet() {
    let role = |name, role: &str| -> BTreeSet<String> {
        let topology = lab(name);
        assert!(topology.nodes.len() <= 28, "{name} is too large");
        let with = topology.nodes.iter().filter(|(_, node)| node.role() == role);
        with.map(|(name, _)| name.to_string()).collect()
    };
    for shared in ["customer", "internet"] {
        assert_eq!(role(LABS[0], shared), role(LABS[1], shared), "{shared}");
        assert_eq!(role(LABS[0], shared).len(), 4);
    }
}

#[test]
fn in_the_target_design_no_customer_stands_in_a_pop() {
    let topology = lab(LABS[1]);
    for (name, node) in &topology.nodes {
        let in_pop = ["interxion", "equinix"].contains(&node.site());
        let network = ["aggregation", "edge-router"].contains(&node.role());
        assert_eq!(
            in_pop, network,
            "{name}: a PoP holds switches and edge routers only"
        );
    }
}
