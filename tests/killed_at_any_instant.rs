//! Promise 2 put to the test: whatever is killed, whenever, the kernel removes the whole lab.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot start its victim has failed"
)]

mod lab_remains;
mod whole_life;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab_remains::{allowed, lab_init, network_namespaces, remains, still_used};
use whole_life::Life;

/// Different instants in each series, from the first fork to after the teardown.
const INSTANTS: u32 = 50;

/// Has no factor in common with [`INSTANTS`], so that each instant has its turn once.
const STRIDE: u32 = 37;

fn exercise(lab: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_faultlab"))
        .args(["__lab-exercise", lab])
        .env("FAULTLAB_LAB", lab)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// How long an undisturbed life takes.
fn whole_life(series: &str) -> Duration {
    let lab = format!("{series}-whole-{}", std::process::id());
    let begun = Instant::now();
    let status = exercise(&lab).wait().unwrap();
    let took = begun.elapsed();
    assert!(status.success(), "an undisturbed exercise must succeed: {status}");
    assert_eq!(remains(&lab), Vec::<String>::new());
    took
}

fn kill_at_every_instant(series: &str, kill: impl Fn(&mut Child, &str)) {
    let life = Life::of(whole_life(series));
    let mut caught_alive = 0;
    for turn in 0..INSTANTS {
        // Late ones among early ones, so that how long a life takes is learnt at once.
        let instant = turn * STRIDE % INSTANTS;
        let lab = format!("{series}-{instant}-{}", std::process::id());
        let begun = Instant::now();
        let mut victim = exercise(&lab);
        let wait = life.spend(&mut victim, begun, instant, INSTANTS);
        let namespaces = network_namespaces(&lab);
        caught_alive += u32::from(!namespaces.is_empty());
        kill(&mut victim, &lab);
        victim.wait().unwrap();
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let mut left = remains(&lab);
            left.extend(still_used(&namespaces));
            if left.is_empty() {
                break;
            }
            assert!(
                Instant::now() < end,
                "killed after {wait:?}, left behind: {left:#?}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert!(
        caught_alive > INSTANTS / 3,
        "only {caught_alive} instants of {INSTANTS} hit a lab that existed"
    );
}

#[test]
fn killing_the_run_at_any_instant_leaves_nothing() {
    if allowed() {
        kill_at_every_instant("killed-run", |victim, _| victim.kill().unwrap());
    }
}

#[test]
fn killing_the_init_of_the_lab_at_any_instant_leaves_nothing() {
    if allowed() {
        kill_at_every_instant("killed-init", |_, lab| {
            if let Some(init) = lab_init(lab) {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(init),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
        });
    }
}
