//! Files as people write them: good ones, and ones with every slip at once.

use std::fmt::Write as _;
use std::path::Path;

use super::load::parse;
use super::*;
use crate::base::NodeName;

const COMPLETE: &str = include_str!("testdata/complete.yaml");
const SLIPS: &str = include_str!("testdata/slips.yaml");
const CONTRACT: &str = include_str!("testdata/contract.yaml");
const CONTRACT_SLIPS: &str = include_str!("testdata/contract-slips.yaml");

fn suites() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/suites/dataforest")
}

#[test]
fn the_documented_example_is_read_completely() {
    let found = parse(Path::new("suites/complete.yaml"), COMPLETE).map_err(|problems| problems.to_string());
    let mut experiment = found.unwrap().experiments.remove(0);
    let nodes = |selector: &str| Ok(vec![NodeName::new(format!("<{selector}>"))]);
    experiment.resolve(&nodes).unwrap();
    insta::assert_json_snapshot!(experiment);
    let text = serde_json::to_string(&experiment).unwrap();
    assert_eq!(serde_json::from_str::<Experiment>(&text).unwrap(), experiment);
}

#[test]
fn every_slip_of_an_experiment_is_reported_with_its_place() {
    let problems = parse(Path::new("slips.yaml"), SLIPS).map(|_| ()).unwrap_err();
    insta::assert_snapshot!(problems);
}

#[test]
fn every_slip_of_a_contract_is_reported_with_its_place() {
    let problems = parse(Path::new("contract.yaml"), CONTRACT_SLIPS)
        .map(|_| ())
        .unwrap_err();
    insta::assert_snapshot!(problems);
}

fn outline(experiments: &[Experiment]) -> String {
    let mut text = String::new();
    for experiment in experiments {
        let _ = writeln!(
            text,
            "{} [{}] {:?}",
            experiment.name, experiment.row, experiment.finding
        );
        for step in &experiment.method {
            let _ = writeln!(text, "  - {}", step.title);
        }
        for expectation in &experiment.expectations {
            let _ = writeln!(text, "  ? {}: {expectation}", expectation.name);
        }
    }
    text
}

#[test]
fn a_contract_becomes_one_experiment_for_each_cell() {
    let found = parse(Path::new("suites/contract.yaml"), CONTRACT).map_err(|problems| problems.to_string());
    let found = found.unwrap();
    let mut text = outline(&found.experiments);
    for not in &found.not_applicable {
        let _ = writeln!(text, "n/a {}: {} ({})", not.design, not.row, not.reason);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_shipped_suites_load_and_share_labs() {
    let suite = load(&suites()).map_err(|error| error.to_string()).unwrap();
    let labs: Vec<_> = suite
        .labs
        .iter()
        .map(|lab| (lab.design.as_str(), lab.experiments.len()))
        .collect();
    assert_eq!(labs, [("mclag", 1), ("mclag", 9), ("two-pop", 7)]);
    assert_eq!(suite.not_applicable.len(), 2);
    let replay = suite.experiments().next().unwrap();
    let rows: Vec<_> = replay
        .incident
        .iter()
        .map(|row| format!("{} {:?}", row.at, row.lab))
        .collect();
    assert_eq!(rows.last().unwrap(), "14:02:22 36.283333333s");
    let inputs = replay.inputs();
    assert!(inputs.iter().any(|path| path.ends_with("patches/irb97-ca1.set")));
    assert!(
        inputs
            .iter()
            .any(|path| path.ends_with("topologies/dataforest/2025-10-mclag/lab.clab.yaml"))
    );
}

#[test]
fn the_same_name_twice_and_an_empty_folder_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(load(folder.path()), Err(ExperimentError::Empty { .. })));
    let text = "experiment: a\ntopology: t\nmethod: [{wait: 1s}]\nexpectations: []\n";
    for name in ["one.yaml", "two.yaml"] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    assert!(matches!(load(folder.path()), Err(ExperimentError::Twice { .. })));
    std::fs::write(folder.path().join("suite.yaml"), "suite: s\norder: [thre.yaml]\n").unwrap();
    std::fs::remove_file(folder.path().join("two.yaml")).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("suite.yaml:2:9: there is no `thre.yaml` in this folder"),
        "{error}"
    );
}

#[test]
fn targets_of_faults_are_nodes_links_or_one_end_of_a_link() {
    let read = |text: &str| serde_json::to_string(&Target::from_text(text)).unwrap();
    assert_eq!(read("role:edge-router"), r#"{"nodes":"role:edge-router"}"#);
    assert_eq!(read("ca1,ca2"), r#"{"nodes":"ca1,ca2"}"#);
    assert_eq!(read("mx1:eth4"), r#"{"endpoint":"mx1:eth4"}"#);
    assert_eq!(read("ca1 -- ca2"), r#"{"links":["ca1","ca2"]}"#);
}
