//! The Docker runtime against a real engine: links outlive nodes, what others do is noticed, and nothing is left.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its lab has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SQUARE: &str = "topologies/square/lab.clab.yaml";

/// Whether an engine answers here. Says so when not; fails instead in CI.
fn allowed() -> bool {
    let answers = docker(&["version", "--format", "{{.Server.Version}}"])
        .status
        .success();
    let root = nix::unistd::geteuid().is_root();
    assert!(
        answers && root || std::env::var_os("CI").is_none(),
        "CI must run these tests as root beside a Docker engine"
    );
    if !answers || !root {
        eprintln!("skipped: needs root and a Docker engine");
    }
    answers && root
}

fn docker(args: &[&str]) -> Output {
    let output = Command::new("docker").args(args).output();
    output.unwrap_or_else(|_| Command::new("false").output().unwrap())
}

fn faultlab(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultlab"));
    command
        .args(args)
        .env("FAULTLAB_RUNTIME", "docker")
        .env("NO_COLOR", "1")
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn ask(args: &[&str]) -> String {
    let output = faultlab(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Everything that the engine and this machine's network still have of a lab.
fn left_of(lab: &str) -> Vec<String> {
    let label = format!("label=faultlab.lab={lab}");
    let filter = ["--filter", &label];
    let mut left = Vec::new();
    for (kind, format) in [
        (&["ps", "-a"][..], "{{.Names}}"),
        (&["volume", "ls"], "{{.Name}}"),
        (&["network", "ls"], "{{.Name}}"),
    ] {
        let args = [kind, &filter, &["--format", format]].concat();
        let text = String::from_utf8(docker(&args).stdout).unwrap();
        left.extend(text.lines().map(str::to_owned));
    }
    left
}

/// Marked processes: those of the lab's nodes.
fn processes_of(lab: &str) -> usize {
    let mark = format!("FAULTLAB_LAB={lab}");
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let environments = entries.filter_map(|entry| std::fs::read(entry.path().join("environ")).ok());
    environments
        .filter(|all| all.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
        .count()
}

fn veths() -> usize {
    let names = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    names.filter(|entry| entry.path().join("iflink").exists()).count()
}

/// A lab that is gone when the test ends, however it ends.
struct Lab(String);

impl Lab {
    fn named(name: &str) -> Self {
        Self(format!("dk-{name}-{}", std::process::id()))
    }

    fn up(&self, topology: &str) {
        ask(&["up", topology, "--name", &self.0, "--timeout", "2m"]);
    }

    fn exec(&self, node: &str, argv: &[&str]) -> Output {
        faultlab(&[&["exec", &self.0, node, "--"], argv].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn say(&self, node: &str, argv: &[&str]) -> String {
        String::from_utf8(self.exec(node, argv).stdout).unwrap()
    }

    fn nodes(&self) -> BTreeMap<String, Value> {
        let found: Value = serde_json::from_str(&ask(&["inspect", &self.0, "--json"])).unwrap();
        let rows = found["nodes"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| (row["node"].as_str().unwrap().to_owned(), row))
            .collect()
    }

    fn state(&self, node: &str) -> String {
        self.nodes()[node]["state"].as_str().unwrap().to_owned()
    }

    fn container(&self, node: &str) -> String {
        format!("clab-{}-{node}", self.0)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !left_of(&self.0).is_empty() {
            let _ = faultlab(&["down", &self.0]).output();
        }
    }
}

#[test]
fn a_square_of_routers_converges_and_others_hands_on_it_are_noticed() {
    if !allowed() {
        return;
    }
    let before = veths();
    let lab = Lab::named("square");
    lab.up(SQUARE);
    until("left reaches right", || {
        lab.exec("left", &["ping", "-c1", "-W1", "192.0.2.130"])
            .status
            .success()
    });
    until("OSPF is full", || {
        lab.say("r1", &["vtysh", "-c", "show ip ospf neighbor"])
            .matches("Full")
            .count()
            == 2
    });
    assert_eq!(lab.exec("r1", &["no-such-program"]).status.code(), Some(127));
    assert_eq!(
        lab.exec("r1", &["sh", "-c", "kill -9 $$"]).status.code(),
        Some(137)
    );
    assert!(ask(&["logs", &lab.0, "r1", "zebra"]).contains("ZEBRA"));

    assert!(docker(&["pause", &lab.container("r3")]).status.success());
    assert_eq!(lab.state("r3"), "frozen");
    assert!(docker(&["unpause", &lab.container("r3")]).status.success());
    assert_eq!(lab.state("r3"), "running");

    assert!(docker(&["kill", &lab.container("r3")]).status.success());
    until("the kill is noticed", || lab.state("r3") == "off");
    let error = lab.nodes()["r3"]["error"].as_str().unwrap().to_owned();
    assert_eq!(error, "its container was killed from outside (exit code 137)");

    ask(&["down", &lab.0]);
    assert_eq!(left_of(&lab.0), [""; 0]);
    assert_eq!(processes_of(&lab.0), 0);
    assert_eq!(veths(), before, "interfaces of the host");
}

#[test]
fn a_faultlab_killed_while_it_brings_a_lab_up_leaves_nothing_after_recover() {
    if !allowed() {
        return;
    }
    let lab = Lab::named("killed");
    for containers in [1, 4, 9] {
        let mut child = faultlab(&["up", SQUARE, "--name", &lab.0])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("some of the lab is there", || {
            left_of(&lab.0).len() >= containers || child.try_wait().unwrap().is_some()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        ask(&["recover"]);
        assert_eq!(left_of(&lab.0), [""; 0], "killed at {containers} containers");
        assert_eq!(processes_of(&lab.0), 0);
    }
}

#[test]
fn a_lab_that_is_meant_to_stay_outlives_recover() {
    if !allowed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::named("stays");
    let file = folder.path().join("one.clab.yaml");
    std::fs::write(
        &file,
        "name: one\ntopology:\n  nodes:\n    a: {kind: linux, image: alpine:3, binds: [\"here:/etc/here\"]}\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("here"), "from the host\n").unwrap();
    lab.up(&Path::new(&file).display().to_string());
    ask(&["recover"]);
    assert_eq!(lab.say("a", &["cat", "/etc/here"]), "from the host\n");
    let again = faultlab(&["up", &file.display().to_string(), "--name", &lab.0])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(5), "the name is taken");
    assert_eq!(lab.state("a"), "running");
    ask(&["down", &lab.0]);
    assert_eq!(left_of(&lab.0), [""; 0]);
}

#[test]
fn the_same_packages_give_the_same_image() {
    if !allowed() {
        return;
    }
    let first = ask(&["image", "build"]);
    assert_eq!(ask(&["image", "build"]), first);
}
