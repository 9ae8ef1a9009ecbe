//! Finds whatever the kernel still has of a lab: processes, namespaces, mounts, sockets, files.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by several test programs, each using a part"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Whether this machine lets us make labs. Says so when not; fails instead in CI.
pub fn allowed() -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(
        root || std::env::var_os("CI").is_none(),
        "CI must run these tests as root"
    );
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

fn processes() -> Vec<(i32, PathBuf)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect()
}

/// Which labs are meant by a name.
#[derive(Clone, Copy)]
enum Meant<'a> {
    /// The lab of that name.
    Exactly(&'a str),
    /// Labs whose name begins so: those of a run have the run's id and a number behind the design's name.
    Beginning(&'a str),
}

impl Meant<'_> {
    fn is(self, name: &[u8]) -> bool {
        match self {
            Self::Exactly(lab) => name == lab.as_bytes(),
            Self::Beginning(begin) => name.starts_with(begin.as_bytes()),
        }
    }
}

/// Processes that carry the lab's mark in their environment.
fn marked(lab: Meant<'_>) -> Vec<(i32, PathBuf)> {
    let is_marked = |path: &Path| {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .filter_map(|variable| variable.strip_prefix(b"FAULTLAB_LAB="))
            .any(|name| lab.is(name))
    };
    processes()
        .into_iter()
        .filter(|(_, path)| is_marked(path))
        .collect()
}

/// Network namespaces of a lab's processes, the host's excluded.
pub fn network_namespaces(lab: &str) -> BTreeSet<PathBuf> {
    namespaces_of(Meant::Exactly(lab))
}

/// As [`network_namespaces`], of all labs whose name begins so.
pub fn network_namespaces_with(begin: &str) -> BTreeSet<PathBuf> {
    namespaces_of(Meant::Beginning(begin))
}

fn namespaces_of(lab: Meant<'_>) -> BTreeSet<PathBuf> {
    let host = fs::read_link("/proc/self/ns/net").unwrap();
    let links = marked(lab)
        .into_iter()
        .filter_map(|(_, path)| fs::read_link(path.join("ns/net")).ok());
    links.filter(|link| *link != host).collect()
}

/// Processes that are in one of these namespaces or hold it open, whatever their mark.
pub fn still_used(namespaces: &BTreeSet<PathBuf>) -> Vec<String> {
    let mut found = Vec::new();
    for (pid, path) in processes() {
        let open = fs::read_dir(path.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        for link in open.chain([path.join("ns/net")]) {
            if let Ok(target) = fs::read_link(&link)
                && namespaces.contains(&target)
            {
                found.push(format!("process {pid} holds {}", target.display()));
            }
        }
    }
    found
}

/// The lab's init: the marked process that is first in a pid namespace directly below the host's.
pub fn lab_init(lab: &str) -> Option<i32> {
    let marked = marked(Meant::Exactly(lab));
    marked.into_iter().map(|(pid, _)| pid).find(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        ids.is_some_and(|ids| ids.split_whitespace().skip(1).eq(["1"]))
    })
}

/// Everything that is left of a lab, in words.
pub fn remains(lab: &str) -> Vec<String> {
    left_of(Meant::Exactly(lab))
}

/// As [`remains`], of all labs whose name begins so.
pub fn remains_with(begin: &str) -> Vec<String> {
    left_of(Meant::Beginning(begin))
}

fn left_of(meant: Meant<'_>) -> Vec<String> {
    let (Meant::Exactly(lab) | Meant::Beginning(lab)) = meant;
    let mut found = Vec::new();
    for (pid, path) in marked(meant) {
        let command = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        found.push(format!("process {pid}: {}", command.replace('\0', " ")));
    }
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let is_its = |line: &str| {
        let name = line
            .split_once("@faultlab/")
            .and_then(|(_, rest)| rest.split_once('/'));
        name.is_some_and(|(_, name)| meant.is(name.as_bytes()))
    };
    found.extend(
        table
            .lines()
            .filter(|line| is_its(line))
            .map(|line| format!("socket {line}")),
    );
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let ours = |line: &&str| line.contains(lab) || line.contains(" faultlab ");
    found.extend(mounts.lines().filter(ours).map(|line| format!("mount {line}")));
    for directory in [
        "/run",
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/run/netns",
        "/run/faultlab",
    ] {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let names = entries
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().contains(lab));
        found.extend(names.map(|path| format!("file {}", path.display())));
    }
    let interfaces = fs::read_dir("/sys/class/net")
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name());
    let toys = interfaces.filter(|name| name.to_string_lossy().starts_with("toy"));
    found.extend(toys.map(|name| format!("interface {}", name.to_string_lossy())));
    found
}
