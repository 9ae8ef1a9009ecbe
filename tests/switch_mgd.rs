//! The management plane as a process on a scratch root: what survives, what is refused, what is said.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use faultlab::switch::SwitchError;
use faultlab::switch::client::MgdClient;
use faultlab::switch::mgd::protocol::{Format, What};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const FACTORY: &str = "\
set system host-name ca2
set vlans vlan-10 vlan-id 10
set interfaces eth1 unit 0 family ethernet-switching interface-mode access
set interfaces eth1 unit 0 family ethernet-switching vlan members vlan-10
";

/// A root directory with a running `mgd`.
struct Switch {
    root: tempfile::TempDir,
    mgd: Option<Child>,
}

impl Switch {
    fn new(factory: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/faultlab")).unwrap();
        fs::write(root.path().join("etc/faultlab/switch.conf"), factory).unwrap();
        Self { root, mgd: None }
    }

    fn running(factory: &str) -> Self {
        let mut switch = Self::new(factory);
        switch.boot();
        switch
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn boot(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("mgd.log"))
            .unwrap();

        let child = Command::new(env!("CARGO_BIN_EXE_faultlab"))
            .args(["__mgd", "--root"])
            .arg(self.root.path())
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .unwrap();
        self.mgd = Some(child);
        until("mgd answers", || {
            MgdClient::open(self.root.path())
                .and_then(|mut c| c.show(What::Version))
                .is_ok()
        });
    }

    fn kill(&mut self) {
        if let Some(mut mgd) = self.mgd.take() {
            mgd.kill().unwrap();
            mgd.wait().unwrap();
        }
    }

    fn client(&self) -> MgdClient {
        MgdClient::open(self.root.path()).unwrap()
    }

    fn active(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("run/faultlab/active.json")).unwrap()).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("mgd.log")).unwrap()
    }

    /// The log without what differs from run to run: date, process id, root.
    fn events(&self) -> String {
        let log = self.log().replace(&*self.root.path().to_string_lossy(), "ROOT");
        let lines = log.lines().map(|line| {
            let (_, rest) = line.split_at("Oct 23 13:27:45.003 ".len());
            let (host, rest) = rest.split_once(' ').unwrap();
            let (process, text) = rest.split_once("]: ").unwrap();
            format!("{host} {}: {text}\n", process.split('[').next().unwrap())
        });
        lines.collect()
    }

    fn cli(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_faultlab"))
            .args(["__cli", "--root"])
            .arg(self.root.path())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.kill();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn vlan(n: u16) -> Vec<String> {
    vec![format!("set vlans vlan-{n} vlan-id {n}")]
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

#[test]
fn a_new_switch_publishes_the_factory_configuration() {
    let switch = Switch::running(FACTORY);
    let active = switch.active();
    assert_eq!(active["revision"], 1);
    assert_eq!(active["config"]["host_name"], "ca2");
    assert_eq!(active["config"]["mac_table_aging_ms"], 300_000);
}

#[test]
fn a_commit_is_published_and_a_rollback_needs_one_too() {
    let switch = Switch::running(FACTORY);
    let mut client = switch.client();
    assert_eq!(client.edit(&vlan(97), "root").unwrap(), Vec::<String>::new());
    assert_eq!(
        client.compare(0).unwrap(),
        "[edit vlans]\n+ set vlans vlan-97 vlan-id 97\n"
    );
    assert_eq!(switch.active()["revision"], 1);
    assert_eq!(client.commit("irb.97 on vlan-97", "root").unwrap().revision, 2);
    assert_eq!(switch.active()["config"]["vlans"]["vlan-97"]["vlan_id"], 97);

    client.rollback(1, "root").unwrap();
    assert_eq!(switch.active()["revision"], 2);
    assert_eq!(client.commit("", "root").unwrap().revision, 3);
    assert_eq!(switch.active()["config"]["vlans"]["vlan-97"], Value::Null);

    let refused = client.rollback(7, "root").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "rollback 7: there are 0 to 2 (at most 50 are kept)"
    );
    insta::assert_snapshot!(switch.events());
}

#[test]
fn what_was_committed_survives_the_death_of_the_daemon_and_what_was_not_does_not() {
    let mut switch = Switch::running(FACTORY);
    let mut client = switch.client();
    client.edit(&vlan(97), "root").unwrap();
    client.commit("", "root").unwrap();
    client.edit(&vlan(98), "root").unwrap();
    let before = switch.active();
    switch.kill();
    fs::remove_file(switch.path("run/faultlab/active.json")).unwrap();
    switch.boot();
    assert_eq!(switch.active(), before);
    assert_eq!(switch.client().compare(0).unwrap(), "");
}

#[test]
fn a_commit_with_problems_changes_nothing_and_keeps_the_candidate() {
    let switch = Switch::running(FACTORY);
    let mut client = switch.client();
    let line = "set interfaces eth2 unit 0 family ethernet-switching vlan members vlan-1O";
    client.edit(&[line.to_owned()], "root").unwrap();
    let before = switch.active();
    let Err(SwitchError::Config(problems)) = client.commit("", "root") else {
        panic!("the VLAN does not exist");
    };
    assert!(
        problems.to_string().contains("did you mean `vlan-10`?"),
        "{problems}"
    );
    assert_eq!(switch.active(), before);
    assert_eq!(client.show_config(Format::Set, 0).unwrap(), FACTORY);
    assert!(client.compare(0).unwrap().contains("+ set interfaces eth2"));
    client.discard().unwrap();
    assert_eq!(client.compare(0).unwrap(), "");
}

#[test]
fn kill_9_in_the_middle_of_commits_leaves_the_old_or_the_new_configuration() {
    let mut switch = Switch::running(FACTORY);
    let mut next = 100;
    for round in 0..12 {
        let root = switch.root.path().to_owned();
        let first = next;
        let done = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&done);
        let writer = std::thread::spawn(move || commit_until_dead(&root, first, &counter));
        until("commits are in flight", || done.load(Ordering::SeqCst) > 0);
        // Where in a commit it strikes is chance on purpose; any instant must do.
        std::thread::sleep(Duration::from_micros(round * 300));
        switch.kill();
        next = writer.join().unwrap();
        let acknowledged = done.load(Ordering::SeqCst);
        switch.boot();
        let active = switch.active();
        let found = active["revision"].as_u64().unwrap();
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "acknowledged {acknowledged}, found {found}"
        );
        let commits = switch.client().show(What::Commits).unwrap();
        let revisions: Vec<_> = commits
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["revision"].as_u64().unwrap())
            .collect();
        let expected: Vec<_> = (found.saturating_sub(49).max(1)..=found).rev().collect();
        assert_eq!(revisions, expected);
    }
}

/// Counts the last acknowledged revision in `done`; returns the next unused VLAN.
fn commit_until_dead(root: &Path, first: u16, done: &AtomicU64) -> u16 {
    let Ok(mut client) = MgdClient::open(root) else {
        return first;
    };
    for n in first.. {
        let commit = client
            .edit(&vlan(n), "root")
            .and_then(|_| client.commit("", "root"));
        match commit {
            Ok(commit) => done.store(commit.revision, Ordering::SeqCst),
            Err(_) => return n + 1,
        }
    }
    first
}

#[test]
fn two_clients_at_once_lose_nothing() {
    let switch = Switch::running(FACTORY);
    std::thread::scope(|scope| {
        for start in [200, 300] {
            let mut client = switch.client();
            scope.spawn(move || {
                for n in start..start + 20 {
                    client.edit(&vlan(n), "root").unwrap();
                    client.commit("", "root").unwrap();
                }
            });
        }
    });
    assert_eq!(switch.active()["revision"], 41);
    assert_eq!(switch.active()["config"]["vlans"].as_object().unwrap().len(), 41);
}

#[test]
fn a_stopped_daemon_is_a_deadline_and_not_a_hang() {
    let switch = Switch::running(FACTORY);
    let mut client = MgdClient::open_within(switch.root.path(), Duration::from_millis(200)).unwrap();
    let pid = Pid::from_raw(i32::try_from(switch.mgd.as_ref().unwrap().id()).unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    until("every thread has stopped", || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        tasks.flatten().all(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.contains(") T ") || stat.is_empty()
        })
    });
    let error = client.show(What::Version).unwrap_err();
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!(error.to_string(), "hear from mgd within 200 ms");
}

#[test]
fn a_broken_factory_configuration_is_said_line_by_line() {
    let switch = Switch::new("set system host-name ca2\nset vlans vlan-10 vlan-id 5000\n");
    let output = Command::new(env!("CARGO_BIN_EXE_faultlab"))
        .args(["__mgd", "--root"])
        .arg(switch.root.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("etc/faultlab/switch.conf:2:27"), "{said}");
    assert!(said.contains("expected a VLAN ID from 1 to 4094"), "{said}");
    assert!(!switch.path("run/faultlab/active.json").exists());
}

/// Answers every line with the state it was told.
fn supervisor(socket: &Path, state: &Arc<Mutex<&'static str>>) {
    let listener = UnixListener::bind(socket).unwrap();
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let state = *state.lock().unwrap();
            let services = json!([
                {"name": "mgd", "state": "running", "pid": 1, "restarts": 0, "last_exit": null, "since": 1},
                {"name": "l2ald", "state": state, "pid": null, "restarts": 3, "last_exit": "status=6/ABRT", "since": 1}
            ]);
            let _ = writeln!(
                stream,
                "{}",
                json!({"status": {"state": "running", "error": null, "services": services}})
            );
        }
    });
}

#[test]
fn a_failed_daemon_is_a_red_alarm_until_it_runs_again() {
    let switch = Switch::running(FACTORY);
    let state = Arc::new(Mutex::new("running"));
    supervisor(&switch.path("run/faultlab/supervisor.sock"), &state);
    let mut client = switch.client();
    until("the supervisor is heard", || client.show(What::Processes).is_ok());
    assert_eq!(client.show(What::Alarms).unwrap(), json!([]));

    *state.lock().unwrap() = "failed";
    until("the alarm is set", || {
        client.show(What::Alarms).unwrap() != json!([])
    });
    let alarms = client.show(What::Alarms).unwrap();
    assert_eq!(alarms[0]["id"], "app-fail-l2ald");
    assert_eq!(alarms[0]["reason"], "Application l2ald fail on node Re0");

    *state.lock().unwrap() = "running";
    until("the alarm is cleared", || {
        client.show(What::Alarms).unwrap() == json!([])
    });
    let events = switch.events();
    let of_alarms: Vec<_> = events.lines().filter(|line| !line.contains("UI_")).collect();
    assert_eq!(
        of_alarms,
        [
            "ca2 sysman: SYSTEM_APP_FAILED_EVENT: App has failed re0-l2ald",
            "ca2 emfd-fpa: EMF_EVO_ALARM_SET: Alarm set: APP color=red, class=chassis, reason=Application l2ald fail on node Re0",
            "ca2 emfd-fpa: EMF_EVO_ALARM_CLEAR: Alarm cleared: APP color=red, class=chassis, reason=Application l2ald fail on node Re0",
        ]
    );
}

#[test]
fn people_change_and_read_a_switch_on_its_command_line() {
    let switch = Switch::running(FACTORY);
    let mut session = String::new();
    for args in [
        &["show", "configuration"][..],
        &["edit", "set vlans vlan-97 vlan-id 97", "delete vlans vlan-99"],
        &["show", "system", "rollback", "compare"],
        &["commit", "check"],
        &["commit", "add vlan-97"],
        &["show configuration | display set"],
        &["set", "interfaces", "eth1", "description", "to mx1"],
        &["set", "vlans", "vlan-98", "vlanid", "98"],
        &["-c", "rollback 1; commit"],
        &["rollback", "9"],
        &["show", "chassis", "alarms"],
        &["show", "lcap"],
        &["--json", "show", "version"],
    ] {
        let output = switch.cli(args);
        writeln!(session, "$ cli {}", args.join(" ")).unwrap();
        session += &text(&output.stdout);
        session += &text(&output.stderr);
        if !output.status.success() {
            writeln!(session, "(exit {})", output.status.code().unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!(session);
}

#[test]
fn a_script_on_standard_input_ends_at_its_first_error() {
    let switch = Switch::running(FACTORY);
    let mut cli = Command::new(env!("CARGO_BIN_EXE_faultlab"))
        .args(["__cli", "--root"])
        .arg(switch.root.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let script = "configure\n# a comment\nset vlans vlan-97 vlan-id 97\ncommit\nrollback 9\nset vlans vlan-98 vlan-id 98\ncommit\n";
    cli.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = cli.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "commit complete (revision 2)\n");
    assert_eq!(switch.active()["config"]["vlans"]["vlan-98"], Value::Null);
}

#[test]
fn without_a_daemon_the_command_line_says_so() {
    let switch = Switch::new(FACTORY);
    let output = switch.cli(&["show", "version"]);
    assert_eq!(output.status.code(), Some(4));
    let said = text(&output.stderr);
    assert!(said.contains("failed to connect to mgd at"), "{said}");
}
