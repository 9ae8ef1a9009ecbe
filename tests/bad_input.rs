//! What a first user does wrong, or their machine: each has its exit code, and words that lead on.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its scene has failed"
)]

mod lab_remains;
mod quick_lab;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lab_remains::{allowed, remains_with};
use quick_lab::{EXPERIMENT, TOPOLOGY, faultlab};
use tempfile::TempDir;

/// A scene: a folder with files, and a name for labs that no other test has.
struct Scene {
    folder: TempDir,
    lab: String,
}

impl Scene {
    fn new(name: &str) -> Self {
        // Of one width, so that columns after it are the same in every run.
        let lab = format!("{name}-{:07}", std::process::id());
        let folder = TempDir::new().unwrap();
        quick_lab::write(folder.path(), &lab);
        Self { folder, lab }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        faultlab(self.path(), args).output().unwrap()
    }

    /// What a person sees of a command.
    fn told(&self, args: &[&str]) -> String {
        self.words(args, &self.run(args))
    }

    fn words(&self, args: &[&str], output: &Output) -> String {
        let text = format!(
            "$ faultlab {}\n{}{}exit code {}\n",
            args.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            output.status.code().unwrap_or(-1)
        );
        text.replace(self.path().to_str().unwrap(), "[folder]")
            .replace(&self.lab, "[lab]")
    }

    /// Runs faultlab after shell commands in a mount namespace of its own.
    fn after(&self, preparation: &str, launcher: &str, args: &[&str]) -> Output {
        let script = format!("set -e; {preparation}\nexec {launcher} \"$0\" \"$@\"");
        Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .arg(env!("CARGO_BIN_EXE_faultlab"))
            .args(args)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .output()
            .unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Only there when a test has failed half-way.
        let _ = faultlab(Path::new("/"), &["down", &self.lab]).output();
    }
}

#[test]
fn every_mistake_of_a_topology_is_told_with_its_place() {
    let scene = Scene::new("mistakes");
    scene.file(
        "bad.clab.yaml",
        "name: bad
topology:
  nodes:
    r1:
      kind: linux
      image: alpine:3
      binds: [configs/r1/frr.conf:/etc/frr/frr.conf]
      memry: 3
    r2: {kind: linux, image: alpine:3}
  links:
    - endpoints: [\"r1:eth1\", \"r9:eth1\"]
    - endpoints: [\"r1:eth1\"]
",
    );
    scene.file("syntax.clab.yaml", "name: x\ntopology:\n  nodes: [a, b\n");
    insta::assert_snapshot!(
        [
            scene.told(&["validate", "bad.clab.yaml"]),
            scene.told(&["up", "bad.clab.yaml"]),
            scene.told(&["validate", "syntax.clab.yaml"]),
            scene.told(&["validate", "host.clab.yaml"]),
            scene.told(&["up", "nowhere/lab.clab.yaml"]),
        ]
        .join("\n")
    );
}

#[test]
fn every_mistake_of_an_experiment_is_told_before_anything_is_created() {
    let scene = Scene::new("experiment");
    let good = fs::read_to_string(scene.path().join(EXPERIMENT)).unwrap();
    scene.file(
        "fault.yaml",
        &good.replace("link.silent-drop", "link.silent-dorp"),
    );
    scene.file("selector.yaml", &good.replace("from: a,", "from: role:hots,"));
    scene.file("node.yaml", &good.replace("between: [a, b]", "between: [a, c]"));
    scene.file(
        "words.yaml",
        &good
            .replace("expect: loses", "expect: breaks")
            .replace("hold: 300ms", "hold: 300"),
    );
    scene.file("topology.yaml", &good.replace(TOPOLOGY, "host.clab.yaml"));
    let out = ["--out", "run"];
    insta::assert_snapshot!(
        [
            "fault.yaml",
            "selector.yaml",
            "node.yaml",
            "words.yaml",
            "topology.yaml"
        ]
        .map(|file| scene.told(&["run", file, out[0], out[1]]))
        .join("\n")
    );
    assert!(
        !scene.path().join("run").exists(),
        "nothing was run, yet there is a run's folder"
    );
}

#[test]
fn what_matches_nothing_tells_what_there_is() {
    let scene = Scene::new("nothing");
    insta::assert_snapshot!(
        [
            scene.told(&["run", EXPERIMENT, "--only", "netem"]),
            scene.told(&["run", "quikc.yaml"]),
            scene.told(&["faults", "show", "link.cutt"]),
            scene.told(&["analyze", "runs"]),
        ]
        .join("\n")
    );
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    let scene = Scene::new("usage");
    insta::assert_snapshot!(
        [
            scene.told(&["runn", EXPERIMENT]),
            scene.told(&["run"]),
            scene.told(&["up", TOPOLOGY, "--timeout", "5"]),
            scene.told(&["up", TOPOLOGY, "--scale", "0.5"]),
            scene.told(&["exec", "lab", "node"]),
        ]
        .join("\n")
    );
}

#[test]
fn a_name_that_is_almost_right_is_guessed() {
    if !allowed() {
        return;
    }
    let scene = Scene::new("names");
    let lab = scene.lab.as_str();
    assert_eq!(scene.run(&["up", TOPOLOGY]).status.code(), Some(0));
    let typo = lab.replacen("names", "nams", 1);
    let words = [
        scene.told(&["up", TOPOLOGY]),
        scene.told(&["exec", lab, "aa", "--", "true"]),
        scene.told(&["exec", lab, "a", "--", "nosuch", "--flag"]),
        scene.told(&["exec", lab, "a", "--", "/etc/passwd"]),
        scene.told(&["exec", lab, "a", "--", "sh", "-c", "exit 3"]),
        scene.told(&["logs", lab, "a", "zebra"]),
        scene.told(&["down", &typo]).replace(&typo, "[typo]"),
        scene.told(&["inspect", &typo]).replace(&typo, "[typo]"),
    ];
    let down = scene.told(&["down", TOPOLOGY]);
    insta::assert_snapshot!(words.join("\n") + "\n" + &down);
    assert_eq!(remains_with(lab), Vec::<String>::new());
}

/// A lab with a node that needs Open vSwitch.
fn with_a_switch(scene: &Scene) {
    let switch = "    s:
      kind: linux
      image: alpine:3
      labels: {faultlab.nos: mclag-switch}
      binds: [switch.conf:/config/switch.conf]
  links:";
    let topology = quick_lab::topology(&scene.lab).replace("  links:", switch);
    scene.file(TOPOLOGY, &topology);
    scene.file("switch.conf", "");
}

#[test]
fn a_missing_program_is_found_before_anything_is_created() {
    if !allowed() {
        return;
    }
    let scene = Scene::new("program");
    with_a_switch(&scene);
    let without = "mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work
        mount -t overlay none -o lowerdir=/usr/sbin,upperdir=/mnt/upper,workdir=/mnt/work /usr/sbin
        rm -f /usr/sbin/ovs-vswitchd";
    let words: Vec<String> = [&["up", TOPOLOGY][..], &["run", EXPERIMENT, "--out", "run"]]
        .iter()
        .map(|args| scene.words(args, &scene.after(without, "", args)))
        .collect();
    insta::assert_snapshot!(words.join("\n"));
    assert!(!scene.path().join("run").exists());
    assert_eq!(remains_with(&scene.lab), Vec::<String>::new());
}

/// The binary where user 65534 may execute it: build folders are often closed to others.
fn open_to_all(scene: &Scene) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(scene.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_faultlab"), scene.path().join("faultlab")).unwrap();
}

/// faultlab as an ordinary user.
fn as_nobody(scene: &Scene, args: &[&str]) -> Output {
    let mut command = Command::new(scene.path().join("faultlab"));
    command
        .args(args)
        .current_dir(scene.path())
        .env("NO_COLOR", "1")
        .uid(65534)
        .gid(65534);
    command.output().unwrap()
}

#[test]
fn an_ordinary_user_makes_and_uses_labs_of_their_own() {
    if !allowed() {
        return;
    }
    let scene = Scene::new("ordinary");
    open_to_all(&scene);
    let lab = scene.lab.as_str();
    let doctor = as_nobody(&scene, &["doctor"]);
    if doctor.status.code() == Some(4) && std::env::var_os("CI").is_none() {
        eprintln!(
            "skipped: no labs for ordinary users here\n{}",
            String::from_utf8_lossy(&doctor.stdout)
        );
        return;
    }
    let code = |args: &[&str]| {
        let output = as_nobody(&scene, args);
        (output.status.code().unwrap_or(-1), scene.words(args, &output))
    };
    for (args, expected) in [
        (&["up", TOPOLOGY][..], 0),
        (&["up", TOPOLOGY], 5),
        (&["exec", lab, "a", "--", "sh", "-c", "exit $(id -u)"], 0),
        (
            &["exec", lab, "b", "--", "ip", "-brief", "address", "show", "eth1"],
            0,
        ),
        (&["exec", lab, "a", "--", "nosuch"], 127),
        (&["logs", lab, "a"], 0),
        (&["inspect", lab], 0),
    ] {
        let (code, words) = code(args);
        assert_eq!(code, expected, "{words}");
    }
    assert!(code(&["list"]).1.contains("[lab]"));
    let root_sees = String::from_utf8(scene.run(&["list"]).stdout).unwrap();
    assert!(!root_sees.contains(lab), "labs are their user's:\n{root_sees}");
    assert_eq!(code(&["down", lab]).0, 0);
    let (exit, words) = code(&["run", EXPERIMENT, "--out", "run"]);
    assert_eq!(exit, 0, "{words}");
    assert_eq!(remains_with(lab), Vec::<String>::new());
}

#[test]
fn no_privilege_at_all_is_said_before_anything_is_created() {
    if !allowed() {
        return;
    }
    let scene = Scene::new("privilege");
    open_to_all(&scene);
    // The kernel gives no user namespace to a process whose root directory is not its mount namespace's.
    let folder = scene.path().display();
    let prison = "mkdir -p prison; mount --rbind / prison";
    let chroot = format!("chroot --userspec=65534:65534 prison env -C {folder} ./faultlab");
    let no_admin = "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin";
    let args = ["up", TOPOLOGY];
    let imprisoned = |args: &[&str]| {
        let script = format!("{prison}\nexec {chroot} {}", args.join(" "));
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", &script])
            .current_dir(scene.path());
        scene.words(args, &command.output().unwrap())
    };
    insta::assert_snapshot!(
        [
            imprisoned(&args),
            imprisoned(&["run", EXPERIMENT, "--out", "run"]),
            scene.words(&args, &scene.after("true", no_admin, &args)),
        ]
        .join("\n")
    );
    assert_eq!(remains_with(&scene.lab), Vec::<String>::new());
}

#[test]
fn a_full_disk_is_said_and_the_lab_is_gone() {
    if !allowed() {
        return;
    }
    let scene = Scene::new("full");
    fs::create_dir(scene.path().join("run")).unwrap();
    std::os::unix::fs::symlink("/dev/full", scene.path().join("run/run.jsonl")).unwrap();
    let args = ["run", EXPERIMENT, "--out", "run"];
    insta::assert_snapshot!("full_from_the_beginning", scene.told(&args));
    // Room for the first entries only: the disk fills while a lab is up.
    let small = "mount -t tmpfs -o size=8k none run";
    let output = scene.after(small, "", &args);
    let words = scene.words(&args, &output);
    assert_eq!(output.status.code(), Some(5), "{words}");
    assert!(
        words.contains("write history run/run.jsonl\n  caused by:\n  - No space left on device"),
        "{words}"
    );
    assert!(
        words.contains("hint: choose another folder with --out"),
        "{words}"
    );
    let output = faultlab(scene.path(), &["schema", "history"])
        .stdout(fs::File::create("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(5),
        "half of the data must not look like all of it"
    );
    assert_eq!(remains_with(&scene.lab), Vec::<String>::new());
}

#[test]
fn two_runs_go_side_by_side_but_not_into_one_folder() {
    if !allowed() {
        return;
    }
    let scene = Scene::new("two");
    let start = |out: &str| {
        faultlab(scene.path(), &["run", EXPERIMENT, "--out", out])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut first, mut second) = (start("one"), start("two"));
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(second.wait().unwrap().code(), Some(0));
    // A run that still writes holds its history locked.
    let history = fs::File::open(scene.path().join("one/run.jsonl")).unwrap();
    history.lock().unwrap();
    let before = history.metadata().unwrap().len();
    insta::assert_snapshot!(scene.told(&["run", EXPERIMENT, "--out", "one"]));
    assert_eq!(
        history.metadata().unwrap().len(),
        before,
        "the other run's history was touched"
    );
    assert_eq!(remains_with(&scene.lab), Vec::<String>::new());
}

/// A pipe that nobody reads.
fn deaf() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let scene = Scene::new("deaf");
    let code = |args: &[&str]| {
        let output = faultlab(scene.path(), args)
            .stdout(deaf())
            .stderr(deaf())
            .output();
        output.unwrap().status.code()
    };
    assert_eq!(code(&["schema", "history"]), Some(0));
    assert_eq!(code(&["faults", "list"]), Some(0));
    assert_eq!(code(&["validate", TOPOLOGY]), Some(0));
    assert_eq!(code(&["validate", "nothing.yaml"]), Some(3));
    assert_eq!(code(&["runn"]), Some(2));
    if allowed() {
        assert_eq!(code(&["run", EXPERIMENT, "--out", "run", "-v"]), Some(0));
        for file in ["run.jsonl", "junit.xml", "report.html", "summary.json"] {
            assert!(scene.path().join("run").join(file).exists(), "{file} is missing");
        }
        assert_eq!(remains_with(&scene.lab), Vec::<String>::new());
    }
}

#[test]
fn a_lab_that_does_not_come_up_is_not_kept_but_its_words_are() {
    if !allowed() {
        return;
    }
    let scene = Scene::new("boot");
    let lab = quick_lab::topology(&scene.lab);
    scene.file(
        TOPOLOGY,
        &lab.replace("ip addr replace 10.0.0.1/24 dev eth1", "sleep 1000"),
    );
    let words = scene.told(&["up", TOPOLOGY, "--timeout", "1s"]);
    // The log has the time of day.
    let (before, rest) = words.split_once("a exec: ").unwrap();
    let (_, after) = rest.split_once(" a $").unwrap();
    insta::assert_snapshot!(format!("{before}a exec: [time] a ${after}"));
    assert_eq!(remains_with(&scene.lab), Vec::<String>::new());
}
