//! Promise 2 for a whole run: killed at any instant, faultlab leaves its report files and nothing else.
//!
//! `killed_at_any_instant.rs` kills labs alone; here cables, probes, collectors, faults and reports are in the picture.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot start its victim has failed"
)]

mod lab_remains;
mod quick_lab;
mod whole_life;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lab_remains::{allowed, network_namespaces_with, remains_with, still_used};
use quick_lab::{EXPERIMENT, faultlab};
use tempfile::TempDir;
use whole_life::Life;

/// Different instants, from the first fork to after the teardown.
const INSTANTS: u32 = 60;

/// Has no factor in common with [`INSTANTS`], so that each instant has its turn once.
const STRIDE: u32 = 37;

/// How many victims live at the same time: a run mostly waits.
const SIDE_BY_SIDE: u32 = 4;

/// What a run may leave: its reports.
const REPORTS: [&str; 4] = ["junit.xml", "report.html", "run.jsonl", "summary.json"];

fn run(folder: &Path) -> Child {
    faultlab(folder, &["run", EXPERIMENT, "--out", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn scene(lab: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    quick_lab::write(folder.path(), lab);
    folder
}

/// Files of a run's folder that are no reports.
fn strange_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("run")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !REPORTS.contains(&name.as_str())).collect()
}

/// Lets one live to its end.
fn live() -> Duration {
    let lab = format!("rk-wholex{}", std::process::id());
    let folder = scene(&lab);
    let begun = Instant::now();
    let status = run(folder.path()).wait().unwrap();
    let took = begun.elapsed();
    assert!(status.success(), "an undisturbed run must pass: {status}");
    assert_eq!(remains_with(&lab), Vec::<String>::new());
    took
}

/// Kills a run at an instant of its life and returns whether it had a lab then.
fn kill_at(life: &Life, instant: u32) -> bool {
    let lab = format!("rk-{instant}x{}", std::process::id());
    let folder = scene(&lab);
    let begun = Instant::now();
    let mut victim = run(folder.path());
    let wait = life.spend(&mut victim, begun, instant, INSTANTS);
    let namespaces = network_namespaces_with(&lab);
    victim.kill().unwrap();
    victim.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mut left = remains_with(&lab);
        left.extend(still_used(&namespaces));
        if left.is_empty() {
            break;
        }
        assert!(
            Instant::now() < end,
            "killed after {wait:?}, left behind: {left:#?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(strange_files(folder.path()), Vec::<String>::new());
    !namespaces.is_empty()
}

#[test]
fn a_run_killed_at_any_instant_leaves_only_its_reports() {
    if !allowed() {
        return;
    }
    let life = Life::of(live());
    let next = AtomicU32::new(0);
    let caught_alive = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= INSTANTS {
                        return;
                    }
                    // Late ones among early ones, so that how long a life takes is learnt at once.
                    let instant = turn * STRIDE % INSTANTS;
                    caught_alive.fetch_add(u32::from(kill_at(&life, instant)), Ordering::Relaxed);
                }
            });
        }
    });
    let caught_alive = caught_alive.into_inner();
    eprintln!("{caught_alive} of {INSTANTS} instants hit a lab that existed");
    assert!(caught_alive > INSTANTS / 3);
}
