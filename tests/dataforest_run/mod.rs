//! Runs of the dataforest suite by the real binary, each on a copy of the files that a test may spoil.
//!
//! Only one such test runs at a time on a machine, whichever program it belongs to: they measure, and a neighbour's lab
//! costs them the time that they measure.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by several test programs, each using a part"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use faultlab::base::{ExperimentName, MonoTime, RunId, Seed};
use faultlab::nos::{Nos, PlanOptions, bundles, plan_nodes};
use faultlab::record::{Event, ExperimentResult, History, StateKind, StepPhase, Verdict};
use faultlab::topology::{LoadOptions, Topology, load};
use tempfile::TempDir;

/// The contract, relative to a copy's root.
pub const CONTRACT: &str = "ci/suites/dataforest/contract.yaml";
/// The replay.
pub const REPLAY: &str = "ci/suites/dataforest/outage-2025-10-23.yaml";
/// The lab of the outage.
pub const MCLAG: &str = "topologies/dataforest/2025-10-mclag";
/// The lab of the target design.
pub const TWO_POP: &str = "topologies/dataforest/2026-02-two-pop";

/// The right to measure on this machine, until dropped. `None`, said aloud, where labs cannot be made; in CI a failure.
pub fn alone() -> Option<File> {
    let planned = plan_nodes(
        &topology(Path::new(env!("CARGO_MANIFEST_DIR")), MCLAG),
        &PlanOptions::default(),
    );
    let root = nix::unistd::geteuid().is_root();
    let lacks = match planned {
        _ if !root => "needs root".to_owned(),
        Ok(_) => {
            let lock = File::create(std::env::temp_dir().join("faultlab-measuring.lock")).unwrap();
            lock.lock().unwrap();
            return Some(lock);
        }
        Err(error) => error.to_string(),
    };
    assert!(std::env::var_os("CI").is_none(), "CI must run this: {lacks}");
    eprintln!("skipped: {lacks}");
    None
}

/// Reads a lab.
pub fn topology(root: &Path, lab: &str) -> Topology {
    let options = LoadOptions {
        check_files: true,
        ..LoadOptions::default()
    };
    load(&root.join(lab), &options).unwrap()
}

/// Suite, labs and templates in a folder of their own.
pub struct Files {
    folder: TempDir,
}

impl Files {
    /// As they are shipped.
    pub fn shipped() -> Self {
        let folder = TempDir::new().unwrap();
        for part in [
            "ci/suites/dataforest",
            "topologies/dataforest",
            "templates/dataforest",
        ] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(part);
            copy(&from, &folder.path().join(part));
        }
        Self { folder }
    }

    /// Where they are.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Rewrites a file.
    pub fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) {
        let path = self.root().join(file);
        let before = fs::read_to_string(&path).unwrap();
        let after = change(&before);
        assert_ne!(before, after, "{file} is not what this test knows how to spoil");
        fs::write(path, after).unwrap();
    }

    /// Removes the lines that are wanted away, of which there must be `count`. A line is judged together with the
    /// last heading two spaces deep above it: the switch or router of a `variables.yaml`.
    pub fn without(&self, file: &str, count: usize, away: impl Fn(&str, &str) -> bool) {
        self.edit(file, |text| {
            let (mut heading, mut removed) = ("", 0);
            let mut kept = String::new();
            for line in text.lines() {
                if line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':') {
                    heading = line.trim().trim_end_matches(':');
                }
                if away(heading, line) {
                    removed += 1;
                } else {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
            assert_eq!(removed, count, "lines of {file}");
            kept
        });
    }

    /// Runs faultlab here until it ends.
    pub fn faultlab(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faultlab"));
        command.args(args).current_dir(self.root());
        command.env_remove("FAULTLAB_LOG").env("NO_COLOR", "1");
        command.output().unwrap()
    }

    /// Runs experiments of a file.
    pub fn run(&self, file: &str, only: &[&str], more: &[&str]) -> Run {
        let mut args = vec!["run", file, "--out", "run"];
        args.extend(only.iter().flat_map(|name| ["--only", name]));
        args.extend(more);
        let output = self.faultlab(&args);
        let (said, progress) = (text(&output.stdout), text(&output.stderr));
        let folder = self.root().join("run");
        let history = History::read(&folder.join("run.jsonl"))
            .unwrap_or_else(|error| panic!("{error}\n{said}\n{progress}"));
        let judged = history.entries().iter().filter_map(|entry| match &entry.event {
            Event::Judged(result) => Some(result.clone()),
            _ => None,
        });
        Run {
            code: output.status.code(),
            results: judged.collect(),
            history,
            folder,
            said,
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A run that ended.
pub struct Run {
    /// The exit code.
    pub code: Option<i32>,
    /// The verdicts it recorded.
    pub results: Vec<ExperimentResult>,
    /// What it recorded.
    pub history: History,
    /// Where its reports are.
    pub folder: PathBuf,
    /// What it told on standard output.
    pub said: String,
}

impl Run {
    /// The run's name, a part of its labs' names.
    pub fn id(&self) -> RunId {
        let started = self
            .history
            .entries()
            .iter()
            .find_map(|entry| match &entry.event {
                Event::RunStarted { run, .. } => Some(run.clone()),
                _ => None,
            });
        started.unwrap()
    }

    /// The result of an experiment.
    pub fn result(&self, name: &str) -> &ExperimentResult {
        let found = self
            .results
            .iter()
            .find(|result| result.experiment.as_str() == name);
        found.unwrap_or_else(|| panic!("{name} was not judged\n{}", self.said))
    }

    /// Pairs of nodes that expectations which failed name as evidence, `from→to`.
    pub fn named(&self, experiment: &str) -> BTreeSet<String> {
        let expectations = &self.result(experiment).expectations;
        let failed = expectations.iter().filter(|each| each.verdict == Verdict::Fail);
        let words = failed
            .flat_map(|each| &each.evidence)
            .filter_map(|evidence| evidence.what.split(' ').next());
        words
            .filter(|word| word.contains('→'))
            .map(str::to_owned)
            .collect()
    }

    /// When the first step whose title begins so began.
    pub fn step(&self, experiment: &str, begin: &str) -> MonoTime {
        let name = ExperimentName::new(experiment);
        let found = self.history.of(&name).find(|entry| match &entry.event {
            Event::Step { title, phase, .. } => *phase == StepPhase::Started && title.starts_with(begin),
            _ => false,
        });
        found
            .unwrap_or_else(|| panic!("{experiment} did not come to `{begin}`\n{}", self.said))
            .at
    }

    /// The ports that neighbours of the switches keep at an instant: `node:bundle` and its members that carry traffic.
    pub fn kept(&self, experiment: &str, at: MonoTime) -> BTreeMap<String, BTreeSet<String>> {
        let name = ExperimentName::new(experiment);
        let mut last = BTreeMap::new();
        for entry in self.history.of(&name).take_while(|entry| entry.at < at) {
            if let Event::Observation(seen) = &entry.event
                && seen.state == StateKind::Lacp
            {
                last.insert((seen.node.to_string(), seen.key.clone()), seen.value.clone());
            }
        }
        let mut kept: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for ((node, member), value) in last {
            let members = kept
                .entry(format!("{node}:{}", value["bundle"].as_str().unwrap_or_default()))
                .or_default();
            if value["state"] == "collecting-distributing" {
                members.insert(member);
            }
        }
        kept
    }
}

/// The member that each bundle of the switches' neighbours prefers under a seed, as [`Run::kept`] names them.
pub fn preferred(topology: &Topology, seed: Seed) -> BTreeMap<String, BTreeSet<String>> {
    let mut preferred = BTreeMap::new();
    for (name, node) in &topology.nodes {
        if Nos::of(topology, name, node).unwrap() == Nos::MclagSwitch {
            continue;
        }
        for bundle in bundles::read(topology, name, node).unwrap() {
            if bundle.lacp {
                let member = bundle.members[bundles::preferred_member(name, &bundle, seed)].clone();
                preferred.insert(format!("{name}:{}", bundle.name), BTreeSet::from([member]));
            }
        }
    }
    preferred
}
