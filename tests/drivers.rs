//! The drivers against real peers: QEMU's monitor, and OpenSSH's server with a command line and a NETCONF subsystem whose
//! answers were written after vendors' manuals.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use faultlab::base::InterfaceName;
use faultlab::nos::Kinds;
use faultlab::nos::kinds::{Mapping, Netconf, SemanticFault, Step, mapping};
use faultlab::nos::netconf::Framing;
use faultlab::nos::queries::Parser;
use faultlab::runtime::DriverError;
use faultlab::runtime::drivers::{CommandLine, Driver, Login, Monitor, Secret, Session};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// Prints why a test is skipped; in CI that is a failure.
fn skipped(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &&&str| std::env::split_paths(&path).any(|folder| folder.join(tool).exists());
    let Some(missing) = tools.iter().find(|tool| !found(tool)) else {
        return false;
    };
    assert!(
        std::env::var_os("CI").is_none_or(|value| value != "true"),
        "{missing} is missing in CI"
    );
    eprintln!("skipped: {missing} is missing");
    true
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn until_listening(port: u16, peer: &mut Running) {
    let deadline = Instant::now() + PATIENCE;
    // /proc tells without connecting: a monitor serves one client, and a probe would be it.
    let wanted = format!(":{port:04X} 00000000:0000 0A");
    while !std::fs::read_to_string("/proc/net/tcp")
        .unwrap()
        .contains(&wanted)
    {
        assert_eq!(peer.0.try_wait().unwrap(), None, "the peer ended");
        assert!(Instant::now() < deadline, "nobody listens on {port}");
        std::thread::yield_now();
    }
}

fn machine() -> (Running, SocketAddr) {
    let port = free_port();
    let child = Command::new("qemu-system-x86_64")
        .args([
            "-machine", "q35", "-accel", "tcg", "-m", "32", "-display", "none", "-serial", "null", "-S",
        ])
        .args(["-monitor", &format!("tcp:127.0.0.1:{port},server,nowait")])
        .args([
            "-netdev",
            "user,id=p01",
            "-device",
            "virtio-net-pci,netdev=p01,romfile=",
        ])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut qemu = Running(child);
    until_listening(port, &mut qemu);
    (qemu, (Ipv4Addr::LOCALHOST, port).into())
}

#[test]
fn the_link_of_a_machine_goes_down_and_up_through_its_monitor() {
    if skipped(&["qemu-system-x86_64"]) {
        return;
    }
    let (_qemu, address) = machine();
    let mut monitor = Monitor::connect(address, PATIENCE).unwrap();
    assert!(monitor.ask("info network").unwrap().contains("p01"));

    let kinds = Kinds::embedded().unwrap();
    let down = |port: &str| {
        let fault = SemanticFault::LinkDown(InterfaceName::new(port));
        match mapping(kinds.get("vjunos-switch").unwrap(), &fault) {
            Mapping::Steps(steps) => steps,
            Mapping::Unsupported { reason } => panic!("{reason}"),
        }
    };
    let of_monitor = |steps: Vec<Step>| {
        steps
            .into_iter()
            .find(|step| matches!(step, Step::Monitor(_)))
            .unwrap()
    };
    monitor.carry_out(&of_monitor(down("ge-0/0/0").inject)).unwrap();
    monitor.carry_out(&of_monitor(down("ge-0/0/0").undo)).unwrap();

    let other = monitor
        .carry_out(&of_monitor(down("ge-0/0/6").inject))
        .unwrap_err();
    assert!(
        matches!(&other, DriverError::Refused { answer, .. } if answer.contains("p07")),
        "{other}"
    );
    let foreign = monitor
        .carry_out(&Step::Cli("show version".to_owned()))
        .unwrap_err();
    assert!(matches!(foreign, DriverError::Foreign { .. }));
}

#[test]
fn a_machine_is_frozen_thawed_and_reset_through_its_monitor() {
    if skipped(&["qemu-system-x86_64"]) {
        return;
    }
    let (qemu, address) = machine();
    let mut monitor = Monitor::connect(address, PATIENCE).unwrap();
    let status = |monitor: &mut Monitor| monitor.ask("info status").unwrap();
    assert!(status(&mut monitor).contains("paused"));
    monitor.act("cont").unwrap();
    assert!(status(&mut monitor).contains("running"));
    monitor.act("stop").unwrap();
    assert!(status(&mut monitor).contains("paused"));
    monitor.act("system_reset").unwrap();

    let wrong = monitor.act("set_lnk p01 off").unwrap_err();
    assert!(
        matches!(&wrong, DriverError::Refused { answer, .. } if answer.contains("set_lnk")),
        "{wrong}"
    );
    assert!(
        monitor.act("stop\nquit").is_err(),
        "a second command must not slip in"
    );
    assert!(status(&mut monitor).contains("paused"));

    drop(qemu);
    assert!(matches!(monitor.act("stop"), Err(DriverError::System { .. })));
}

/// An SSH server of the test's own, for the user that runs the test.
struct Server {
    folder: TempDir,
    port: u16,
    _sshd: Running,
}

impl Server {
    /// `netconf` is the port where somebody plays the NETCONF server.
    fn start(passphrase: &str, netconf: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        key(&path("host"), "");
        key(&path("user"), passphrase);
        std::fs::rename(path("user.pub"), path("authorized")).unwrap();
        let answers = format!("{}/src/nos/queries/testdata", env!("CARGO_MANIFEST_DIR"));
        let node = format!(
            "#!/bin/bash\ncase \"$SSH_ORIGINAL_COMMAND\" in\n\
             netconf-peer) exec 3<>/dev/tcp/127.0.0.1/{netconf} 4<&0; cat <&4 >&3 2>/dev/null & exec cat <&3;;\n\
             'show lacp interfaces | display json | no-more') cat {answers}/junos-lacp.json;;\n\
             'restart l2-learning immediately') echo 'Layer 2 address flooding and learning process started, pid 4711';;\n\
             silence) exec sleep 600;;\n\
             *) echo \"error: syntax error: $SSH_ORIGINAL_COMMAND\";;\nesac\n"
        );
        std::fs::write(path("node"), node).unwrap();
        std::fs::set_permissions(path("node"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let show = |name: &str| path(name).display().to_string();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin yes\nSubsystem netconf netconf-peer\nForceCommand {}\n",
            show("host"),
            show("authorized"),
            show("node"),
        );
        std::fs::write(path("sshd_config"), config).unwrap();
        let mut sshd = Running(sshd(&path("sshd_config")));
        until_listening(port, &mut sshd);
        Self {
            folder,
            port,
            _sshd: sshd,
        }
    }

    fn login(&self, secret: Option<Secret>) -> Login {
        Login {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: nix::unistd::User::from_uid(nix::unistd::geteuid())
                .unwrap()
                .unwrap()
                .name,
            identity: Some(self.folder.path().join("user")),
            secret,
            patience: PATIENCE,
        }
    }
}

fn key(path: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

/// Root's sshd wants /run/sshd, which gets a place in a mount namespace that dies with it.
fn sshd(config: &Path) -> Child {
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut unshare = Command::new("unshare");
        let script =
            "mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd -D -e -f \"$0\"";
        unshare.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        unshare
    } else {
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]);
        sshd
    };
    command
        .arg(config)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_command_line_is_asked_over_ssh_and_its_refusals_are_told() {
    if skipped(&["ssh", "sshd", "ssh-keygen", "bash", "unshare"]) {
        return;
    }
    let server = Server::start("", 9);
    let mut line = CommandLine(server.login(None));
    let answer = line.ask("show lacp interfaces | display json | no-more").unwrap();
    assert_eq!(
        Parser::JunosLacp.read(&answer).unwrap()["et-0/0/2"]["state"],
        "detached"
    );
    let said = line
        .carry_out(&Step::Cli("restart l2-learning immediately".to_owned()))
        .unwrap();
    assert!(said.contains("pid 4711"));

    let refused = line.ask("show nothing").unwrap_err();
    assert!(
        matches!(&refused, DriverError::Refused { answer, .. } if answer.contains("syntax error")),
        "{refused}"
    );
    line.0.patience = Duration::from_secs(3);
    assert!(matches!(line.ask("silence"), Err(DriverError::Late { .. })));
    line.0.identity = Some(PathBuf::from("/nonexistent"));
    let lost = line.ask("show version").unwrap_err();
    assert!(
        matches!(&lost, DriverError::Lost { said, .. } if said.contains("Permission denied")),
        "{lost}"
    );
}

#[test]
fn a_secret_reaches_ssh_through_faultlab_itself() {
    if skipped(&["ssh", "sshd", "ssh-keygen", "bash", "unshare"]) {
        return;
    }
    let server = Server::start("admin@123", 9);
    let ask = |answer: &str| {
        let secret = Secret {
            askpass: env!("CARGO_BIN_EXE_faultlab").into(),
            answer: answer.to_owned(),
        };
        CommandLine(server.login(Some(secret))).ask("restart l2-learning immediately")
    };
    assert!(ask("admin@123").is_ok());
    assert!(matches!(ask("wrong"), Err(DriverError::Lost { .. })));
}

/// Plays a NETCONF server for one session: after its hello it answers each request with the next of its replies, in
/// which `ID` stands for the request's number, and returns the requests.
fn netconf_server(capabilities: &'static str, replies: Vec<&'static str>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let chunked = capabilities.contains("base:1.1");
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hello = format!(
            "<hello><capabilities>{capabilities}</capabilities><session-id>42</session-id></hello>]]>]]>"
        );
        stream.write_all(hello.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        assert!(until_mark(&mut reader).contains("base:1.1"));
        let mut requests = Vec::new();
        for reply in replies {
            let request = if chunked {
                one_chunk(&mut reader)
            } else {
                until_mark(&mut reader)
            };
            let id = request
                .split("message-id=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            answer(&mut stream, &reply.replace("ID", id), chunked);
            requests.push(request);
        }
        requests
    };
    (port, std::thread::spawn(serve))
}

fn until_mark(reader: &mut impl BufRead) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"]]>]]>") {
        assert_ne!(reader.read_until(b'>', &mut bytes).unwrap(), 0, "the client left");
    }
    String::from_utf8(bytes).unwrap().replace("]]>]]>", "")
}

fn one_chunk(reader: &mut impl BufRead) -> String {
    let mut head = String::new();
    reader.read_line(&mut head).unwrap();
    head.clear();
    reader.read_line(&mut head).unwrap();
    let size: usize = head.trim().trim_start_matches('#').parse().unwrap();
    let mut message = vec![0; size + "\n##\n".len()];
    reader.read_exact(&mut message).unwrap();
    String::from_utf8(message)
        .unwrap()
        .strip_suffix("\n##\n")
        .unwrap()
        .to_owned()
}

/// In two chunks, so that a message is more than one.
fn answer(stream: &mut TcpStream, reply: &str, chunked: bool) {
    let framed = if chunked {
        let (a, b) = reply.split_at(reply.len() / 2);
        format!("\n#{}\n{a}\n#{}\n{b}\n##\n", a.len(), b.len())
    } else {
        format!("{reply}]]>]]>")
    };
    stream.write_all(framed.as_bytes()).unwrap();
}

const OK: &str = r#"<rpc-reply message-id="ID"><ok/></rpc-reply>"#;
const LOADED: &str = r#"<rpc-reply message-id="ID"><load-configuration-results><ok/></load-configuration-results></rpc-reply>"#;
const REFUSED: &str = r#"<rpc-reply message-id="ID"><commit-results><rpc-error><error-type>protocol</error-type>
<error-tag>operation-failed</error-tag><error-severity>error</error-severity>
<error-message>Missing mandatory statement: 'vlan-id'</error-message></rpc-error></commit-results></rpc-reply>"#;

#[test]
fn a_configuration_is_committed_confirmed_and_rolled_back_over_netconf() {
    if skipped(&["ssh", "sshd", "ssh-keygen", "bash", "unshare"]) {
        return;
    }
    let (port, peer) = netconf_server(
        "<capability>urn:ietf:params:netconf:base:1.0</capability><capability>urn:ietf:params:netconf:base:1.1</capability>",
        vec![LOADED, OK, LOADED, OK, LOADED, REFUSED, OK],
    );
    let server = Server::start("", port);
    let mut session = Session::open(&server.login(None)).unwrap();
    assert_eq!(session.framing(), Framing::Chunked);
    let kinds = Kinds::embedded().unwrap();
    let kind = kinds.get("vjunos-switch").unwrap();
    let Mapping::Steps(freeze) = mapping(kind, &SemanticFault::MacFreeze) else {
        panic!()
    };
    for step in freeze.inject.iter().chain(&freeze.undo) {
        session.carry_out(step).unwrap();
    }
    session
        .change(&Netconf::LoadSet("set vlans vlan-97".to_owned()))
        .unwrap();
    let refused = session.change(&Netconf::CommitConfirmed(300)).unwrap_err();
    assert_eq!(
        refused.to_string().split(" refused ").nth(1),
        Some("`commit`: Missing mandatory statement: 'vlan-id'")
    );
    session.change(&Netconf::Discard).unwrap();
    drop(session);
    insta::assert_snapshot!(peer.join().unwrap().join("\n"));
}

#[test]
fn an_old_server_is_spoken_to_with_end_marks() {
    if skipped(&["ssh", "sshd", "ssh-keygen", "bash", "unshare"]) {
        return;
    }
    let (port, peer) = netconf_server(
        "<capability>urn:ietf:params:netconf:base:1.0</capability>",
        vec![LOADED, OK],
    );
    let server = Server::start("", port);
    let mut session = Session::open(&server.login(None)).unwrap();
    assert_eq!(session.framing(), Framing::EndOfMessage);
    session.change(&Netconf::LoadRollback("1".to_owned())).unwrap();
    session.request("<get-configuration/>").unwrap();
    let requests = peer.join().unwrap();
    assert!(requests[0].contains("<load-configuration rollback=\"1\"/>"));
    // The server is gone now; the session says so instead of waiting.
    assert!(matches!(
        session.change(&Netconf::Commit),
        Err(DriverError::Lost { .. })
    ));
}
