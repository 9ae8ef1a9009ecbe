//! What this machine can do, found by doing it in scratch namespaces that end with the asking.
//!
//! Nothing is read from version numbers or configuration files of the kernel: containers and hardened kernels lie.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::ForkResult;

use super::kernel;
use crate::record::Capability;

/// Longest time a probe may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a probe tries in a scratch network namespace: each line is a command, all must succeed.
const KERNEL: [(&str, &str, &[&str]); 7] = [
    (
        "veth",
        "cables between nodes",
        &["ip link add v1 type veth peer name v2"],
    ),
    (
        "clsact, u32, mirred",
        "joins cables in the kernel",
        &[
            "ip link add v1 type veth peer name v2",
            "tc qdisc add dev v1 clsact",
            "tc filter add dev v1 ingress prio 9 u32 match u32 0 0 action mirred egress redirect dev v2",
        ],
    ),
    (
        "bridge",
        "management network and bridges in nodes",
        &["ip link add b1 type bridge"],
    ),
    (
        "netem",
        "exact impairments; without it a user-space relay takes its place",
        &[
            "ip link add v1 type veth peer name v2",
            "tc qdisc add dev v1 root netem delay 1ms",
        ],
    ),
    (
        "bonding",
        "bundles in the kernel; without it Open vSwitch forms them",
        &["ip link add bond9 type bond"],
    ),
    (
        "8021q",
        "VLAN interfaces in the kernel; without it Open vSwitch tags",
        &[
            "ip link add v1 type veth peer name v2",
            "ip link add link v1 name v1.9 type vlan id 9",
        ],
    ),
    (
        "vrf",
        "routing instances in the kernel",
        &["ip link add vrf9 type vrf table 9"],
    ),
];

/// Programs that nodes are made of: name, where it may lie outside the PATH, how to ask its version, what it is for.
const PROGRAMS: [(&str, &str, &str); 12] = [
    ("zebra", "--version", "apt install frr"),
    ("ospfd", "--version", "apt install frr"),
    ("bgpd", "--version", "apt install frr"),
    ("bfdd", "--version", "apt install frr"),
    ("staticd", "--version", "apt install frr"),
    ("vtysh", "", "apt install frr"),
    ("ovs-vswitchd", "--version", "apt install openvswitch-switch"),
    ("ovsdb-server", "--version", "apt install openvswitch-switch"),
    ("ovs-vsctl", "--version", "apt install openvswitch-switch"),
    ("ip", "-Version", "apt install iproute2"),
    ("tc", "-Version", "apt install iproute2"),
    ("nft", "--version", "apt install nftables"),
];

const PROGRAM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/frr";

/// Tries everything and returns a row for each, present or not.
#[must_use]
pub fn probe() -> Vec<Capability> {
    let mut found = vec![
        row("namespaces", who(), scratch(spaces() | LAB_SPACES, || Ok(()))),
        row(
            "user namespaces",
            "labs of an ordinary user",
            scratch(CloneFlags::CLONE_NEWUSER, || Ok(())),
        ),
        row(
            "overlayfs",
            "private /etc and /var of nodes",
            scratch(spaces(), try_overlay),
        ),
        row("/dev/net/tun", "TAP devices, needed by Open vSwitch", try_tun()),
    ];
    for (name, purpose, commands) in KERNEL {
        found.push(row(
            name,
            purpose,
            scratch(spaces(), || commands.iter().try_for_each(|line| run(line))),
        ));
    }
    found.extend(PROGRAMS.iter().map(|(name, ask, hint)| program(name, ask, hint)));
    found
}

/// What a lab has beyond [`spaces`]. No probe runs a command in them: the first one would be init, and no second could start.
const LAB_SPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC);

/// In whose name labs are made, which decides what daemons may do.
fn who() -> &'static str {
    if super::rootless::is_needed() {
        "labs of an ordinary user, inside a user namespace"
    } else {
        "labs of root"
    }
}

fn spaces() -> CloneFlags {
    let mut spaces = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    if super::rootless::is_needed() {
        spaces |= CloneFlags::CLONE_NEWUSER;
    }
    spaces
}

fn row(name: &str, purpose: &str, outcome: Result<(), String>) -> Capability {
    let present = outcome.is_ok();
    let detail = match outcome {
        Ok(()) => purpose.to_owned(),
        Err(reason) => format!("{purpose} ({reason})"),
    };
    Capability {
        name: name.to_owned(),
        present,
        detail,
    }
}

/// Tries something in a child process with namespaces of its own, so that nothing can remain.
fn scratch(spaces: CloneFlags, attempt: impl Fn() -> io::Result<()>) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let (said, say) = io::pipe().map_err(text)?;
    // The C library's own fork, because the child goes on to allocate and the caller may have other threads.
    #[expect(unsafe_code, reason = "fork in a program that may have threads")]
    // SAFETY: the C library makes allocation work in the child; it only starts programs, mounts and exits.
    match unsafe { nix::unistd::fork() }.map_err(|error| error.to_string())? {
        ForkResult::Child => {
            drop(said);
            let ids = (nix::unistd::geteuid(), nix::unistd::getegid());
            let outcome = unshare(spaces).map_err(io::Error::from).and_then(|()| {
                if spaces.contains(CloneFlags::CLONE_NEWUSER) {
                    super::rootless::become_root(ids.0, ids.1)?;
                }
                if spaces.contains(CloneFlags::CLONE_NEWNS) {
                    let _ = mount(
                        None::<&str>,
                        "/",
                        None::<&str>,
                        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
                        None::<&str>,
                    );
                }
                attempt()
            });
            if let Err(error) = outcome {
                let _ = io::Write::write_all(&mut &say, error.to_string().as_bytes());
                kernel::exit_now(1)
            }
            kernel::exit_now(0)
        }
        ForkResult::Parent { child } => {
            drop(say);
            let pidfd = kernel::pidfd_open(child.as_raw()).map_err(text)?;
            if !kernel::wait_gone(pidfd.as_fd(), PATIENCE).map_err(text)? {
                let _ = kernel::pidfd_signal(pidfd.as_fd(), nix::libc::SIGKILL);
            }
            let status = nix::sys::wait::waitid(
                nix::sys::wait::Id::PIDFd(pidfd.as_fd()),
                nix::sys::wait::WaitPidFlag::WEXITED,
            );
            match status {
                Ok(nix::sys::wait::WaitStatus::Exited(_, 0)) => Ok(()),
                _ => Err(io::read_to_string(said).map_err(text)?),
            }
        }
    }
}

fn run(line: &str) -> io::Result<()> {
    let mut words = line.split(' ');
    let output = command(words.next().unwrap_or_default()).args(words).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(first_line(&output.stderr)))
}

fn try_overlay() -> io::Result<()> {
    mount(
        Some("probe"),
        "/tmp",
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    for directory in ["/tmp/upper", "/tmp/work"] {
        fs::create_dir(directory)?;
    }
    let options = "lowerdir=/etc,upperdir=/tmp/upper,workdir=/tmp/work";
    let overlay = |options: &str| {
        mount(
            Some("probe"),
            "/etc",
            Some("overlay"),
            MsFlags::empty(),
            Some(options),
        )
    };
    overlay(options).or_else(|_| overlay(&format!("{options},userxattr")))?;
    fs::write("/etc/faultlab-probe", "")
}

fn try_tun() -> Result<(), String> {
    let opened = fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    opened.map(drop).map_err(|error| error.to_string())
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", PROGRAM_PATH).stdin(Stdio::null());
    command
}

fn program(name: &str, ask: &str, hint: &str) -> Capability {
    let there = PROGRAM_PATH
        .split(':')
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists());
    let version = there.map(|path| {
        // One that cannot tell its version without a daemon to ask.
        if ask.is_empty() {
            return path.display().to_string();
        }
        let told = command(&path.to_string_lossy()).arg(ask).output();
        told.map_or_else(
            |error| error.to_string(),
            |Output { stdout, stderr, .. }| first_line(if stdout.is_empty() { &stderr } else { &stdout }),
        )
    });
    Capability {
        name: name.to_owned(),
        present: version.is_some(),
        detail: version.unwrap_or_else(|| hint.to_owned()),
    }
}

fn first_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
