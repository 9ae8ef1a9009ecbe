//! Two hosts, one cable, and an experiment that is over after a second: the smallest thing that `run` does in full.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by several test programs, each using a part"
)]

use std::path::Path;
use std::process::Command;

/// The topology's file name.
pub const TOPOLOGY: &str = "hosts.clab.yaml";

/// The experiment's file name.
pub const EXPERIMENT: &str = "quick.yaml";

/// Two hosts named `a` and `b`.
pub fn topology(lab: &str) -> String {
    format!(
        "name: {lab}
topology:
  nodes:
    a:
      kind: linux
      image: alpine:3
      exec: [ip addr replace 10.0.0.1/24 dev eth1]
    b:
      kind: linux
      image: alpine:3
      exec: [ip addr replace 10.0.0.2/24 dev eth1]
  links:
    - endpoints: [\"a:eth1\", \"b:eth1\"]
"
    )
}

/// Writes the topology and an experiment on it that passes. The design, and so every lab of a run, has the lab's name.
pub fn write(folder: &Path, lab: &str) {
    std::fs::write(folder.join(TOPOLOGY), topology(lab)).unwrap();
    let experiment = format!(
        "contract: quick
title: Two hosts and one cable
limit: 100ms
seed: 1
hold: 300ms
settle: 100ms
recover-within: 5s
labs:
  {lab}: {TOPOLOGY}
traffic:
  - {{group: a-b, from: a, to: b, both-ways: true, rate: 100/s, ports: 1}}
steady-state: {{within: 10s, stable: 100ms}}
faults:
  - id: drop
    title: cable forwards nothing
    cells:
      {lab}: {{fault: link.silent-drop, between: [a, b], expect: loses, because: there is one cable}}
"
    );
    std::fs::write(folder.join(EXPERIMENT), experiment).unwrap();
}

/// faultlab in a folder, without anything of the caller's environment that changes its voice.
pub fn faultlab(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultlab"));
    command
        .args(args)
        .current_dir(folder)
        .env_remove("FAULTLAB_LOG")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100");
    command
}
