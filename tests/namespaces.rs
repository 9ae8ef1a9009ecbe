//! The embedded runtime against the real kernel: what a lab is, what it keeps, and that nothing of it is left.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its lab has failed")]

mod lab_remains;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use faultlab::base::{LabName, NodeName};
use faultlab::nos::plan::{
    Container, NODE_PERSISTENT, NodeFile, NodePlan, Ready, Restart, Service, ServiceState,
};
use faultlab::runtime::namespaces::Namespaces;
use faultlab::runtime::{ExecOutput, ExecRequest, Lab, LabPlan, Lifetime, NodeState, Runtime, RuntimeError};
use lab_remains::{allowed, remains};

fn runtime() -> Namespaces {
    Namespaces::new(PathBuf::from(env!("CARGO_BIN_EXE_faultlab")))
}

fn node(name: &str) -> NodePlan {
    NodePlan {
        node: name.into(),
        hostname: name.into(),
        interfaces: Vec::new(),
        management: None,
        management_prefix: 24,
        files: Vec::new(),
        binds: Vec::new(),
        sysctls: BTreeMap::from([("net.ipv4.ip_forward".to_owned(), "1".to_owned())]),
        environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
        setup: Vec::new(),
        services: Vec::new(),
        exec: Vec::new(),
        boot_time: Duration::ZERO,
        container: Container::default(),
    }
}

fn shell(name: &str, script: &str) -> Service {
    Service {
        name: name.into(),
        argv: words(&["/bin/sh", "-c", script]),
        after: Vec::new(),
        ready: Ready::Started,
        restart: Restart::Never,
        restart_with: Vec::new(),
        alarm: false,
        description: format!("{name} of a test"),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn plan(name: &str, nodes: Vec<NodePlan>) -> LabPlan {
    LabPlan {
        name: unique(name),
        nodes,
        facts: serde_json::Value::Null,
    }
}

fn unique(name: &str) -> LabName {
    LabName::new(format!("test-{name}-{}", std::process::id()))
}

fn make(plan: &LabPlan) -> Box<dyn Lab> {
    runtime().create(plan, Lifetime::WithCaller).unwrap()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !condition() {
        assert!(Instant::now() < end, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn boot(lab: &dyn Lab, node: &NodeName) {
    lab.boot(node).unwrap();
    until("the node runs", || {
        let status = lab.status(node).unwrap();
        assert_ne!(status.state, NodeState::BootFailed, "{:?}", status.error);
        status.state == NodeState::Running
    });
}

fn sh(lab: &dyn Lab, node: &NodeName, script: &str) -> ExecOutput {
    let request = ExecRequest {
        argv: words(&["sh", "-c", script]),
        timeout: Some(Duration::from_secs(10)),
        ..ExecRequest::default()
    };
    lab.exec(node, &request).unwrap()
}

fn text(output: &ExecOutput) -> &str {
    std::str::from_utf8(&output.stdout).unwrap().trim()
}

#[test]
fn a_node_boots_runs_commands_and_leaves_nothing() {
    if !allowed() {
        return;
    }
    let mut plan = plan("boots", vec![node("a")]);
    plan.nodes[0].setup = vec![words(&["/bin/sh", "-c", "echo made > /run/setup"])];
    plan.nodes[0].services = vec![shell("toy", "echo toy says $GREETING; exec sleep 1000")];
    plan.nodes[0].exec = vec![words(&["/bin/sh", "-c", "echo late > /run/late"])];
    plan.nodes[0].files = vec![NodeFile {
        path: "/etc/toy/toy.conf".into(),
        content: "x\n".into(),
        mode: 0o640,
        owner: Some("daemon:adm".into()),
    }];
    let lab = make(&plan);
    let a = NodeName::from("a");
    boot(lab.as_ref(), &a);

    let script = "hostname; cat /run/setup; echo $GREETING; stat -c '%a %U:%G' /etc/toy/toy.conf; \
        cat /proc/sys/net/ipv4/ip_forward; echo oops >&2; exit 7";
    let output = sh(lab.as_ref(), &a, script);
    assert_eq!(text(&output), "a\nmade\nhello\n640 daemon:adm\n1");
    assert_eq!(output.stderr, b"oops\n");
    assert_eq!(output.code, 7);
    assert_eq!(sh(lab.as_ref(), &a, "kill -9 $$").code, 137);
    assert_eq!(
        sh(lab.as_ref(), &a, "touch /usr/local/forbidden").code,
        1,
        "the host's files are read-only"
    );
    until("the exec command ran", || {
        text(&sh(lab.as_ref(), &a, "cat /run/late")) == "late"
    });
    let logged = lab.logs(&a, Some(&"toy".into()), 10).unwrap();
    assert_eq!(logged[0].line, "toy says hello");

    lab.destroy().unwrap();
    assert_eq!(remains(plan.name.as_str()), Vec::<String>::new());
    lab.destroy().unwrap();
    assert!(matches!(lab.status(&a), Err(RuntimeError::LabGone(_))));
}

#[test]
fn two_labs_with_the_same_nodes_do_not_see_each_other() {
    if !allowed() {
        return;
    }
    let (one, two) = (plan("side1", vec![node("a")]), plan("side2", vec![node("a")]));
    let (lab1, lab2) = (make(&one), make(&two));
    let a = NodeName::from("a");
    boot(lab1.as_ref(), &a);
    boot(lab2.as_ref(), &a);
    sh(
        lab1.as_ref(),
        &a,
        "echo 1 > /etc/whose; ip link add name only1 type veth peer name only1p",
    );
    assert_eq!(
        text(&sh(lab2.as_ref(), &a, "cat /etc/whose 2>&1 || ls /sys/class/net")),
        "cat: /etc/whose: No such file or directory\nlo"
    );
    assert!(!std::path::Path::new("/etc/whose").exists());
    let again = runtime().create(&one, Lifetime::WithCaller);
    assert!(matches!(again, Err(RuntimeError::LabExists(_))));
    let listed = runtime().list().unwrap();
    assert!(listed.contains(&one.name) && listed.contains(&two.name));
    let opened = runtime().open(&one.name).unwrap();
    assert_eq!(opened.plan(), &one);
    assert_eq!(text(&sh(opened.as_ref(), &a, "cat /etc/whose")), "1");
    lab1.destroy().unwrap();
    assert!(matches!(
        runtime().open(&one.name),
        Err(RuntimeError::NoSuchLab { .. })
    ));
    assert_eq!(text(&sh(lab2.as_ref(), &a, "hostname")), "a");
    drop(lab2);
    assert_eq!(remains(two.name.as_str()), Vec::<String>::new());
}

#[test]
fn a_lab_that_stays_outlives_its_handle() {
    if !allowed() {
        return;
    }
    let plan = plan("stays", vec![node("a")]);
    drop(runtime().create(&plan, Lifetime::Stays).unwrap());
    let lab = runtime().open(&plan.name).unwrap();
    let a = NodeName::from("a");
    assert_eq!(lab.status(&a).unwrap().state, NodeState::Off);
    assert!(matches!(lab.node(&a), Err(RuntimeError::NodeOff(_))));
    assert!(matches!(
        lab.status(&"b".into()),
        Err(RuntimeError::NoSuchNode { .. })
    ));
    lab.destroy().unwrap();
    assert_eq!(remains(plan.name.as_str()), Vec::<String>::new());
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_children() {
    if !allowed() {
        return;
    }
    let plan = plan("timeout", vec![node("a")]);
    let lab = make(&plan);
    let a = NodeName::from("a");
    boot(lab.as_ref(), &a);
    let request = ExecRequest {
        argv: words(&["sh", "-c", "sleep 1000 & sleep 1000"]),
        timeout: Some(Duration::from_millis(100)),
        ..ExecRequest::default()
    };
    let begun = Instant::now();
    assert!(matches!(
        lab.exec(&a, &request),
        Err(RuntimeError::Deadline { .. })
    ));
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(text(&sh(lab.as_ref(), &a, "pgrep -c sleep")), "0");
    let request = ExecRequest {
        argv: words(&["cat"]),
        stdin: vec![b'x'; 300_000],
        ..ExecRequest::default()
    };
    assert_eq!(lab.exec(&a, &request).unwrap().stdout.len(), 300_000);
    let request = ExecRequest {
        argv: words(&["no-such-program"]),
        ..ExecRequest::default()
    };
    assert_eq!(lab.exec(&a, &request).unwrap().code, 127);
}

#[test]
fn a_frozen_node_stands_still_and_goes_on_where_it_was() {
    if !allowed() {
        return;
    }
    let mut plan = plan("freeze", vec![node("a")]);
    let count = "i=0; while :; do i=$((i+1)); echo $i > /run/count.new; mv /run/count.new /run/count; sleep 0.01; done";
    plan.nodes[0].services = vec![shell("counter", count), shell("stopped", "exec sleep 1000")];
    let lab = make(&plan);
    let a = NodeName::from("a");
    boot(lab.as_ref(), &a);
    let counter = lab.node(&a).unwrap().root().join("run/count");
    let read = || std::fs::read_to_string(&counter).unwrap_or_default();
    until("it counts", || read().as_str() > "3");
    lab.signal(&a, &"stopped".into(), nix::libc::SIGSTOP).unwrap();
    lab.freeze(&a).unwrap();
    lab.freeze(&a).unwrap();
    assert_eq!(lab.status(&a).unwrap().state, NodeState::Frozen);
    assert!(lab.signal(&a, &"stopped".into(), 9).is_err());
    let before = read();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(read(), before, "nothing may run in a frozen node");
    lab.thaw(&a).unwrap();
    until("it counts on", || read() != before);
    assert_eq!(lab.status(&a).unwrap().state, NodeState::Running);
    let state = sh(lab.as_ref(), &a, "ps -o stat= -p $(pgrep -f -x 'sleep 1000')");
    assert!(
        text(&state).starts_with('T'),
        "what was stopped before stays stopped: {state:?}"
    );
}

#[test]
fn a_power_cut_keeps_links_and_flash_and_loses_the_rest() {
    if !allowed() {
        return;
    }
    let mut plan = plan("power", vec![node("a"), node("b")]);
    plan.nodes[0].management = Some("172.20.0.5".parse().unwrap());
    let lab = make(&plan);
    let a = NodeName::from("a");
    boot(lab.as_ref(), &a);
    boot(lab.as_ref(), &"b".into());
    let b_pid = lab.node(&"b".into()).unwrap().pid();
    let script = format!(
        "ip link add eth0 type veth peer name eth9; ip link set eth0 up; ip addr add 192.0.2.1/24 dev eth0; \
         ip route add blackhole 198.51.100.0/24; ip link add br9 type bridge; \
         echo gone > /etc/gone; echo kept > {NODE_PERSISTENT}/kept"
    );
    assert_eq!(sh(lab.as_ref(), &a, &script).code, 0);
    let node = lab.node(&a).unwrap();
    let b = lab.netns(&"b".into()).unwrap();
    let far = format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        std::os::fd::AsRawFd::as_raw_fd(&b)
    );
    node.in_netns(|| {
        let moved = std::process::Command::new("ip")
            .args(["link", "set", "eth9", "netns", &far])
            .status();
        assert!(moved.unwrap().success());
    })
    .unwrap();
    assert_eq!(sh(lab.as_ref(), &"b".into(), "ip link set eth9 up").code, 0);
    let carrier = || text(&sh(lab.as_ref(), &"b".into(), "cat /sys/class/net/eth9/carrier")).to_owned();
    assert_eq!(carrier(), "1");

    let inode = |fd: std::os::fd::OwnedFd| {
        std::os::unix::fs::MetadataExt::ino(&std::fs::File::from(fd).metadata().unwrap())
    };
    let before = inode(lab.netns(&a).unwrap());
    lab.power_off(&a).unwrap();
    lab.power_off(&a).unwrap();
    assert_eq!(lab.status(&a).unwrap().state, NodeState::Off);
    assert_eq!(carrier(), "0", "the far end must see the power cut");
    boot(lab.as_ref(), &a);
    assert_eq!(inode(lab.netns(&a).unwrap()), before);
    assert_eq!(carrier(), "1");
    let left = sh(
        lab.as_ref(),
        &a,
        &format!(
            "cat {NODE_PERSISTENT}/kept /etc/gone; ls /sys/class/net; ip -4 addr show eth0; ip route show"
        ),
    );
    assert!(text(&left).starts_with("kept\neth0\nlo"), "{left:?}");
    assert!(
        !text(&left).contains("192.0.2.1") && !text(&left).contains("blackhole"),
        "{left:?}"
    );
    assert!(text(&left).contains("inet 172.20.0.5/24"), "{left:?}");
    assert_eq!(lab.node(&"b".into()).unwrap().pid(), b_pid);
}

#[test]
fn a_crashing_service_is_restarted_until_its_start_limit() {
    if !allowed() {
        return;
    }
    let mut plan = plan("limit", vec![node("a")]);
    let mut crashing = shell("l2ald", "sleep 0.02; kill -ABRT $$");
    crashing.restart = Restart::Always {
        delay: Duration::from_millis(10),
        burst: 4,
        window: Duration::from_secs(60),
    };
    plan.nodes[0].services = vec![crashing];
    let lab = make(&plan);
    let a = NodeName::from("a");
    boot(lab.as_ref(), &a);
    let service = || lab.status(&a).unwrap().services.remove(0);
    until("it has failed for good", || {
        service().state == ServiceState::Failed
    });
    assert_eq!(service().restarts, 3);
    assert_eq!(service().last_exit.as_deref(), Some("status=6/ABRT"));
    let log: Vec<String> = lab
        .logs(&a, Some(&"supervisor".into()), 3)
        .unwrap()
        .into_iter()
        .map(|line| line.line)
        .collect();
    assert!(
        log[1].ends_with("l2ald.service: Start request repeated too quickly."),
        "{log:?}"
    );
    lab.set_service(&a, &"l2ald".into(), true).unwrap();
    until("it is tried again", || {
        service().restarts == 6 && service().state == ServiceState::Failed
    });
}

#[test]
fn a_setup_command_that_fails_fails_the_boot_with_its_words() {
    if !allowed() {
        return;
    }
    let mut plan = plan("setup", vec![node("a")]);
    plan.nodes[0].setup = vec![words(&["/bin/sh", "-c", "echo this is why >&2; exit 3"])];
    let lab = make(&plan);
    let a = NodeName::from("a");
    lab.boot(&a).unwrap();
    until("it failed", || {
        lab.status(&a).unwrap().state == NodeState::BootFailed
    });
    let error = lab.status(&a).unwrap().error.unwrap();
    assert!(
        error.contains("exit code 3") && error.contains("this is why"),
        "{error}"
    );
}

#[test]
fn an_ordinary_user_can_do_the_same_in_a_user_namespace() {
    use std::os::unix::process::CommandExt;
    if !allowed() {
        return;
    }
    let lab = unique("rootless");
    // The build's own folder may be closed to other users.
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let binary = folder.path().join("faultlab");
    std::fs::copy(env!("CARGO_BIN_EXE_faultlab"), &binary).unwrap();
    let exercise = |verb: &[&str]| {
        std::process::Command::new(&binary)
            .args(["__lab-exercise", lab.as_str()])
            .args(verb)
            .env("FAULTLAB_LAB", lab.as_str())
            .uid(65534)
            .gid(65534)
            .output()
            .map(|output| String::from_utf8(output.stderr).unwrap())
    };
    match exercise(&[]) {
        Ok(said) if said.contains("a user namespace for an ordinary user") => {
            eprintln!("skipped: {said}");
            return;
        }
        said => assert_eq!(said.unwrap(), ""),
    }
    assert_eq!(
        exercise(&["up"]).unwrap(),
        "",
        "it stays after its maker has gone"
    );
    assert_eq!(
        exercise(&["down"]).unwrap(),
        "",
        "a later process finds and enters it"
    );
    assert_eq!(remains(lab.as_str()), Vec::<String>::new());
}

#[test]
fn what_this_machine_can_do_is_found_by_trying() {
    let found = faultlab::runtime::namespaces::probe::probe();
    let has = |name: &str| found.iter().find(|row| row.name == name).unwrap().present;
    assert_eq!(
        has("/dev/net/tun"),
        std::fs::File::options().write(true).open("/dev/net/tun").is_ok()
    );
    if allowed() {
        assert!(has("overlayfs") && has("veth"), "{found:#?}");
    }
}
