//! The house rules that a compiler does not check: a room imports only rooms above it, files stay readable, and a crate
//! that belongs to one room is named only there.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its own source tree has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms from top to bottom; a room may import itself and what stands before it. README.md carries the same table.
const ROOMS: [&str; 14] = [
    "base",
    "record",
    "topology",
    "nos",
    "runtime",
    "wire",
    "switch",
    "faults",
    "probes",
    "assertions",
    "experiment",
    "engine",
    "report",
    "cli",
];

/// Crates that only certain places may name.
const OWNERS: [(&str, &[&str]); 10] = [
    ("clap", &["src/cli/"]),
    ("clap_complete", &["src/cli/"]),
    ("indicatif", &["src/cli/"]),
    ("tracing_subscriber", &["src/cli/"]),
    (
        "rtnetlink",
        &["src/runtime/namespaces/", "src/wire/", "src/probes/"],
    ),
    ("saphyr_parser", &["src/base/document.rs"]),
    ("quick_junit", &["src/report/"]),
    ("comfy_table", &["src/report/", "src/cli/"]),
    ("bollard", &["src/runtime/docker/"]),
    ("kube", &["src/runtime/kubernetes/"]),
];

const MOST_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

fn room_of(file: &str) -> Option<usize> {
    let room = file
        .strip_prefix("src/")?
        .split('/')
        .next()?
        .trim_end_matches(".rs");
    ROOMS.iter().position(|name| *name == room)
}

/// Rooms that a line of code names as `crate::room`, also in a `use crate::{a, b::c}` group.
fn imports(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for room in ROOMS {
            if code.contains(&format!("crate::{room}::")) || code.contains(&format!("crate::{room};")) {
                found.push((number + 1, room));
            }
        }
        assert!(
            !code.contains("crate::{"),
            "line {}: write one `use crate::room::…` per room",
            number + 1
        );
    }
    found
}

#[test]
fn every_room_imports_only_rooms_above_it() {
    let mut wrong = Vec::new();
    for path in rust_files(&root().join("src")) {
        let file = relative(&path);
        let Some(own) = room_of(&file) else { continue };
        for (line, room) in imports(&fs::read_to_string(&path).unwrap()) {
            let other = ROOMS.iter().position(|name| *name == room).unwrap();
            if other > own {
                wrong.push(format!(
                    "{file}:{line}: {} must not import {room}, which stands below it",
                    ROOMS[own]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_of_the_library_is_a_room_of_the_table() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let file = relative(&path);
            assert!(
                room_of(&file).is_some(),
                "{file} is no room: add it to tests/rooms.rs and to the README's table"
            );
        }
    }
}

#[test]
fn no_file_is_longer_than_a_person_wants_to_read() {
    let mut long = Vec::new();
    for folder in ["src", "tests"] {
        for path in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > MOST_LINES {
                long.push(format!(
                    "{}: {lines} lines (at most {MOST_LINES})",
                    relative(&path)
                ));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_opens_by_saying_what_it_is_responsible_for() {
    for path in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} has no //! at its top",
            relative(&path)
        );
    }
}

#[test]
fn no_room_or_file_is_a_drawer_for_everything() {
    const BANNED: [&str; 6] = ["utils", "util", "helpers", "common", "core", "manager"];
    for path in rust_files(&root().join("src")) {
        let file = relative(&path);
        for part in file.trim_end_matches(".rs").split('/') {
            assert!(
                !BANNED.contains(&part),
                "{file}: name its subject instead of `{part}`"
            );
        }
    }
}

#[test]
fn a_crate_with_an_owner_is_named_only_there() {
    let mut wrong = Vec::new();
    for path in rust_files(&root().join("src")) {
        let file = relative(&path);
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (name, owners) in OWNERS {
                let named = code
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|word| word == name)
                    && (code.contains(&format!("{name}::")) || code.contains(&format!("use {name}")));
                if named && !owners.iter().any(|owner| file.starts_with(owner)) {
                    wrong.push(format!(
                        "{file}:{}: {name} may only be named in {}",
                        number + 1,
                        owners.join(", ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
