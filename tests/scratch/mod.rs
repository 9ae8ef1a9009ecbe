//! A panel in network namespaces of the test's own: they vanish with the last descriptor, so nothing needs cleaning up.

use std::io::Read as _;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use faultlab::base::{EndpointName, InterfaceName, LabName, NodeName};
use faultlab::topology::model::LinkId;
use faultlab::wire::{Mac, Panel, WireEnd, WireSpec};
use nix::libc;
use nix::net::if_::InterfaceFlags;
use nix::sched::{CloneFlags, setns, unshare};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Every EtherType, `linux/if_ether.h`.
const ETH_P_ALL: u16 = 3;

/// A node: nothing but a network namespace.
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) netns: OwnedFd,
}

/// Makes an empty network namespace.
pub(crate) fn namespace() -> nix::Result<OwnedFd> {
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        // Nodes that say nothing by themselves make counters exact.
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        let netns = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
        Ok(netns.into())
    })
    .join()
    .unwrap()
}

/// Runs something in a namespace, on a thread of its own.
pub(crate) fn inside<T: Send>(netns: &OwnedFd, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            })
            .join()
            .unwrap()
    })
}

impl Node {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            netns: namespace().unwrap(),
        }
    }

    pub(crate) fn end(&self, interface: &str) -> WireEnd<'_> {
        let interface = InterfaceName::new(interface);
        let endpoint = EndpointName {
            node: self.name.clone(),
            interface: interface.clone(),
        };
        WireEnd {
            node: self.name.clone(),
            interface,
            netns: self.netns.as_fd(),
            mac: Mac::of(&LabName::new("scratch"), &endpoint, 0),
        }
    }

    /// Runs `ip` in the node.
    pub(crate) fn ip(&self, args: &str) {
        let status = inside(&self.netns, || Command::new("ip").args(args.split(' ')).status());
        assert!(status.unwrap().success(), "ip {args}");
    }

    /// Whether an interface is administratively up, and whether it is running (up and with carrier).
    pub(crate) fn flags(&self, interface: &str) -> (bool, bool) {
        inside(&self.netns, || {
            let mut all = nix::ifaddrs::getifaddrs().unwrap();
            let found = all.find(|one| one.interface_name == interface).unwrap();
            (
                found.flags.contains(InterfaceFlags::IFF_UP),
                found.flags.contains(InterfaceFlags::IFF_RUNNING),
            )
        })
    }

    /// Opens a UDP socket in the node.
    pub(crate) fn udp(&self, address: &str) -> UdpSocket {
        let socket = inside(&self.netns, || UdpSocket::bind(address)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(250))).unwrap();
        socket
    }

    /// Opens a raw socket on an interface.
    pub(crate) fn port(&self, interface: &str) -> Port {
        inside(&self.netns, || {
            let all = Protocol::from(i32::from(ETH_P_ALL.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all)).unwrap();
            let index = nix::net::if_::if_nametoindex(interface).unwrap();
            socket.bind(&packet_address(index)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(250))).unwrap();
            socket.set_recv_buffer_size(8 << 20).unwrap();
            Port { socket }
        })
    }
}

fn packet_address(index: u32) -> SockAddr {
    // SAFETY: a sockaddr_ll fits in the storage, and its true length is returned.
    #[expect(unsafe_code, reason = "socket2 knows no AF_PACKET addresses")]
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET.try_into().unwrap();
            (*link).sll_protocol = ETH_P_ALL.to_be();
            (*link).sll_ifindex = index.cast_signed();
            *length = size_of::<libc::sockaddr_ll>().try_into().unwrap();
            Ok(())
        })
    }
    .unwrap();
    address
}

/// A raw socket on an interface.
pub(crate) struct Port {
    socket: Socket,
}

impl Port {
    /// Sends a frame; the kernel must take it.
    pub(crate) fn send(&self, frame: &[u8]) {
        assert_eq!(self.socket.send(frame).unwrap(), frame.len());
    }

    /// Returns all frames that arrive until it is quiet.
    pub(crate) fn frames(&self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut buffer = [0; 10_000];
        while let Ok(length) = (&self.socket).read(&mut buffer) {
            frames.push(buffer[..length].to_vec());
        }
        frames
    }

    /// Returns the labels (see [`frame`]) of all frames that arrive until it is quiet.
    pub(crate) fn labels(&self) -> Vec<String> {
        let label = |frame: Vec<u8>| {
            let text = String::from_utf8_lossy(&frame);
            let (_, rest) = text.split_once('<')?;
            Some(rest.split_once('>')?.0.to_owned())
        };
        self.frames().into_iter().filter_map(label).collect()
    }
}

/// Builds a frame that carries a label.
pub(crate) fn frame(ethertype: u16, tag: Option<u16>, head: &[u8], label: &str) -> Vec<u8> {
    let mut frame = vec![0xaa, 0xc1, 0xab, 9, 9, 9, 0xaa, 0xc1, 0xab, 8, 8, 8];
    if let Some(tag) = tag {
        frame.extend(0x8100_u16.to_be_bytes());
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(head);
    frame.extend(format!("<{label}>").bytes());
    frame.resize(frame.len().max(80), 0);
    frame
}

/// Builds the IPv4 or IPv6 header and ports of a packet.
pub(crate) fn ip_head(version: u8, protocol: u8, from: u16, to: u16) -> (u16, Vec<u8>) {
    let (ethertype, mut head) = if version == 4 {
        let mut head = vec![0x45, 0, 0, 70, 0, 0, 0, 0, 64, protocol, 0, 0];
        head.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        (0x0800, head)
    } else {
        let mut head = vec![0x60, 0, 0, 0, 0, 40, protocol, 64];
        head.extend([0xfd; 32]);
        (0x86dd, head)
    };
    head.extend(from.to_be_bytes());
    head.extend(to.to_be_bytes());
    (ethertype, head)
}

/// A panel in its own patch namespace.
pub(crate) struct Lab {
    pub(crate) panel: Panel,
    process: Child,
    socket: PathBuf,
    folder: tempfile::TempDir,
}

impl Lab {
    /// Starts a panel; none, with the reason printed, when this user may not.
    pub(crate) fn start() -> Option<Self> {
        let patch = match namespace() {
            Ok(patch) => patch,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{error}");
                println!("skipped: no network namespace: {error}");
                return None;
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("panel.sock");
        let process = inside(&patch, || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_faultlab"));
            command.arg("__wire-panel").arg(&socket).spawn().unwrap()
        });
        let panel = until("the panel accepts connections", || {
            Panel::connect_to(&socket).ok()
        });
        Some(Self {
            panel,
            process,
            socket,
            folder,
        })
    }

    /// Starts a panel with two nodes and a wire `a--b` between their `eth1`.
    pub(crate) fn with_a_wire() -> Option<(Self, Node, Node, LinkId)> {
        let lab = Self::start()?;
        let (a, b) = (Node::new("a"), Node::new("b"));
        let wire = LinkId("a:eth1--b:eth1".into());
        lab.panel
            .connect(&[spec(&wire.0, a.end("eth1"), b.end("eth1"))])
            .unwrap();
        Some((lab, a, b, wire))
    }

    /// A folder that goes away with this.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A second client.
    pub(crate) fn another_client(&self) -> Panel {
        Panel::connect_to(&self.socket).unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

pub(crate) fn spec<'fd>(id: &str, a: WireEnd<'fd>, b: WireEnd<'fd>) -> WireSpec<'fd> {
    WireSpec {
        id: LinkId(id.into()),
        a,
        b,
        mtu: 9500,
    }
}

/// Waits until something is there.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not in 10 s: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
