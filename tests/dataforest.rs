//! The whole dataforest suite as a pipeline runs it, and what chance decides in it.

#![expect(
    clippy::unwrap_used,
    reason = "a report that cannot be read has failed its test"
)]

mod dataforest_run;
mod lab_remains;

use std::time::{Duration, Instant};

use dataforest_run::{CONTRACT, Files, MCLAG, Run, alone, preferred, topology};
use faultlab::base::Seed;
use faultlab::nos::{PlanOptions, plan_nodes};
use quick_junit::Report;
use serde_json::Value;

const SPLIT: &str = "icl-cut@mclag";

/// Asserts that in the split brain each neighbour kept the switch that this seed's plan prefers.
fn keeps_what_the_seed_says(files: &Files, run: &Run, seed: Seed) {
    let healing = run.step(SPLIT, "heal");
    let mut kept = run.kept(SPLIT, healing);
    let preferred = preferred(&topology(files.root(), MCLAG), seed);
    kept.retain(|bundle, _| preferred.contains_key(bundle));
    assert_eq!(kept, preferred, "seed {seed}\n{}", run.said);
}

/// The contract's own seed.
fn seed_of(files: &Files) -> Seed {
    let text = std::fs::read_to_string(files.root().join(CONTRACT)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("seed: ")).unwrap();
    Seed(line.split_whitespace().next().unwrap().parse().unwrap())
}

fn verdicts(summary: &Value) -> Vec<(Value, Value, Vec<Value>)> {
    let experiments = summary["experiments"].as_array().unwrap().iter();
    let of = |experiment: &Value| {
        let expectations = experiment["expectations"].as_array().unwrap().iter();
        (
            experiment["experiment"].clone(),
            experiment["verdict"].clone(),
            expectations.map(|each| each["verdict"].clone()).collect(),
        )
    };
    let mut verdicts: Vec<_> = experiments.map(of).collect();
    // `analyze` tells experiments in order of their start, `run` in order of their files.
    verdicts.sort_by_key(|(name, ..)| name.to_string());
    verdicts
}

fn junit_has_a_case_for_each_expectation(run: &Run) {
    let text = std::fs::read_to_string(run.folder.join("junit.xml")).unwrap();
    let junit = Report::deserialize_from_str(&text).unwrap();
    for result in &run.results {
        let name = format!("{}: {}", result.design, result.title);
        let suite = junit
            .test_suites
            .iter()
            .find(|suite| suite.name.as_str() == name)
            .unwrap();
        let cases: Vec<&str> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
        let expectations: Vec<&str> = result
            .expectations
            .iter()
            .map(|each| each.name.as_str())
            .collect();
        assert_eq!(cases, expectations, "{name}");
    }
}

#[test]
#[ignore = "measures for minutes: ci/suite runs it"]
fn the_suite_passes_and_tells_so_in_every_report() {
    let Some(_alone) = alone() else { return };
    let files = Files::shipped();
    let begun = Instant::now();
    let run = files.run("ci/suites/dataforest", &[], &[]);
    let took = begun.elapsed();
    assert_eq!(run.code, Some(0), "after {took:?}\n{}", run.said);
    assert!(took < Duration::from_mins(6), "the suite took {took:?}");
    for lab in ["mclag", "two-pop"] {
        let left = lab_remains::remains_with(&format!("{lab}-{}", run.id()));
        assert!(left.is_empty(), "{left:?}");
    }
    junit_has_a_case_for_each_expectation(&run);
    let html = std::fs::read_to_string(run.folder.join("report.html")).unwrap();
    assert!(html.trim_end().ends_with("</html>"));
    let summary = std::fs::read_to_string(run.folder.join("summary.json")).unwrap();
    let again = files.faultlab(&["analyze", "run", "--json"]);
    assert_eq!(again.status.code(), run.code);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(
        verdicts(&again),
        verdicts(&serde_json::from_str(&summary).unwrap())
    );
    keeps_what_the_seed_says(&files, &run, seed_of(&files));
}

#[test]
fn one_seed_plans_the_same_lab_and_another_seed_other_choices() {
    let lab = topology(std::path::Path::new(env!("CARGO_MANIFEST_DIR")), MCLAG);
    let plan = |seed| {
        let options = PlanOptions {
            seed: Seed(seed),
            check_binaries: false,
            ..PlanOptions::default()
        };
        plan_nodes(&lab, &options).unwrap().nodes
    };
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7), plan(8));
    assert_ne!(preferred(&lab, Seed(7)), preferred(&lab, Seed(8)));
}

/// With the suite's own split brain above, under another seed, this makes two real runs that chose what was planned.
#[test]
#[ignore = "measures for minutes: ci/suite runs it"]
fn in_a_split_brain_each_neighbour_keeps_the_switch_that_the_seed_chose() {
    let Some(_alone) = alone() else { return };
    let files = Files::shipped();
    let (own, other) = (seed_of(&files), Seed(7));
    let lab = topology(files.root(), MCLAG);
    assert_ne!(preferred(&lab, own), preferred(&lab, other));
    files.edit(CONTRACT, |text| text.replacen("\nhold: 10s", "\nhold: 4s", 1));
    let run = files.run(CONTRACT, &[SPLIT], &["--seed", "7"]);
    keeps_what_the_seed_says(&files, &run, other);
}
