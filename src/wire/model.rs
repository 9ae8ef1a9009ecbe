//! Cables, what can be done to them and what they look like, as plain data.
//!
//! A direction is named by where a frame comes *from*: [`Direction::AToB`] is what end a sent.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::{EndpointName, InterfaceName, LabName, NodeName};
use crate::topology::model::LinkId;

/// The interface inside every node that the management network is plugged into.
pub const MANAGEMENT_INTERFACE: &str = "eth0";

/// Returns the name under which a node's management port can be cut and blocked like any wire: end a is the node, end b
/// the management network.
#[must_use]
pub fn management_wire(node: &NodeName) -> LinkId {
    LinkId(format!("{node}:{MANAGEMENT_INTERFACE}--mgmt"))
}

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Returns the address of an endpoint: the same in every run of a lab of that name, never multicast, and below the
    /// prefix `aa:c1:ab` as containerlab's are.
    ///
    /// Only 24 bits are free, so two endpoints of one lab may meet; raise `attempt` until they do not.
    #[must_use]
    pub fn of(lab: &LabName, endpoint: &EndpointName, attempt: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(format!("{lab}\0{endpoint}\0{attempt}"));
        let hash = hash.finalize();
        Self([0xaa, 0xc1, 0xab, hash[0], hash[1], hash[2]])
    }

    /// Returns an address for each endpoint, all different, in their order.
    #[must_use]
    pub fn of_all(lab: &LabName, endpoints: &[EndpointName]) -> Vec<Self> {
        let mut taken = std::collections::BTreeSet::new();
        let free = |endpoint| {
            (0..u32::MAX)
                .map(|attempt| Self::of(lab, endpoint, attempt))
                .find(|mac| taken.insert(*mac))
        };
        endpoints.iter().map_while(free).collect()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, rest @ ..] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}")?;
        rest.iter().try_for_each(|byte| write!(f, ":{byte:02x}"))
    }
}

impl FromStr for Mac {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Option<Vec<u8>> = text
            .split(':')
            .map(|part| u8::from_str_radix(part, 16).ok())
            .collect();
        parts
            .and_then(|parts| Some(Self(parts.try_into().ok()?)))
            .ok_or_else(|| format!("`{text}` is not an Ethernet address (expected e.g. aa:c1:ab:00:00:01)"))
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

/// A cable to connect.
#[derive(Clone, Debug)]
pub struct WireSpec<'fd> {
    /// Its name, by which it is cut, blocked and asked about.
    pub id: LinkId,
    /// One end.
    pub a: WireEnd<'fd>,
    /// The other end.
    pub b: WireEnd<'fd>,
    /// MTU in bytes, of the interfaces at both ends.
    pub mtu: u32,
}

/// One end of a cable to connect.
#[derive(Clone, Debug)]
pub struct WireEnd<'fd> {
    /// The node.
    pub node: NodeName,
    /// The interface that appears in the node.
    pub interface: InterfaceName,
    /// The node's network namespace.
    pub netns: BorrowedFd<'fd>,
    /// The interface's address; see [`Mac::of_all`].
    pub mac: Mac,
}

/// An address with its prefix length.
pub type Cidr = (IpAddr, u8);

/// A node's plug in the management network.
#[derive(Clone, Debug)]
pub struct ManagementPort<'fd> {
    /// The node.
    pub node: NodeName,
    /// Its network namespace.
    pub netns: BorrowedFd<'fd>,
    /// Its addresses on [`MANAGEMENT_INTERFACE`], IPv4 and perhaps IPv6.
    pub addresses: Vec<Cidr>,
    /// The interface's Ethernet address.
    pub mac: Mac,
}

/// Which frames a block is about, by who sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// What end a sends.
    AToB,
    /// What end b sends.
    BToA,
    /// What either end sends.
    Both,
}

/// What a block drops. All of it also inside one 802.1Q tag; not inside two.
///
/// IP packets with options and later fragments carry no recognisable port and pass blocks of ports; IPv6 packets with
/// extension headers likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// Every frame.
    All,
    /// Every frame but the slow protocols: the member of a bundle that lives for LACP alone.
    AllExceptLacp,
    /// LACP and the other slow protocols (EtherType 0x8809, IEEE 802.3 annex 57A).
    Lacp,
    /// BFD: UDP to 3784, 3785 (RFC 5881), 4784 (RFC 5883) and 6784 (RFC 7130).
    Bfd,
    /// ARP.
    Arp,
    /// ICMP, and ICMPv6 with neighbour discovery in it.
    Icmp,
    /// TCP from or to a port.
    Tcp {
        /// The port.
        port: u16,
    },
    /// UDP from or to a port.
    Udp {
        /// The port.
        port: u16,
    },
    /// ICCP: TCP from or to 33012 (RFC 7275).
    Iccp,
}

/// A block's number, unique in a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockId(pub u64);

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A capture's number, unique in a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaptureId(pub u64);

impl fmt::Display for CaptureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something done to a wire that the panel undoes by itself when nobody renews it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lease {
    /// A cut wire.
    Cut(LinkId),
    /// A block.
    Block(BlockId),
}

/// Frames that passed a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Frames.
    pub packets: u64,
    /// Bytes, without preamble and checksum.
    pub bytes: u64,
}

/// How a wire is now, read from the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a lamp of its own, in any combination"
)]
pub struct WireState {
    /// Whether the interface at end a is administratively up.
    pub a_inner_up: bool,
    /// Whether the interface at end b is administratively up; true for the management network.
    pub b_inner_up: bool,
    /// Whether end a sees a carrier.
    pub a_carrier: bool,
    /// Whether end b sees a carrier.
    pub b_carrier: bool,
    /// Whether the wire is cut.
    pub cut: bool,
    /// What is blocked on it, oldest first.
    pub blocks: Vec<BlockState>,
    /// What end a sent and the wire carried on.
    pub a_to_b: Passed,
    /// What end b sent and the wire carried on.
    pub b_to_a: Passed,
}

/// A block in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockState {
    /// Its number.
    pub id: BlockId,
    /// What it drops.
    pub traffic: Traffic,
    /// Whose frames.
    pub direction: Direction,
    /// Frames from end a that it dropped.
    pub dropped_a_to_b: u64,
    /// Frames from end b that it dropped.
    pub dropped_b_to_a: u64,
}

/// How a wire is configured in the kernel, without counters: equal before a fault and after its healing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireConfig {
    /// The wire.
    pub wire: LinkId,
    /// Its ends: two, or one for a management port.
    pub ends: Vec<EndConfig>,
}

/// How a wire's end is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndConfig {
    /// The end, as the topology names it.
    pub endpoint: EndpointName,
    /// Whether the node has its interface up.
    pub inner_up: bool,
    /// Whether the end in the patch namespace is up.
    pub outer_up: bool,
    /// MTU in bytes.
    pub mtu: u32,
    /// Every filter in the order in which the kernel tries them, one line each.
    pub filters: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_stable_distinct_and_never_multicast() {
        let lab = LabName::new("demo");
        let endpoints: Vec<EndpointName> = (0..5000)
            .map(|n| EndpointName {
                node: NodeName::new(format!("r{n}")),
                interface: InterfaceName::new("eth1"),
            })
            .collect();
        let macs = Mac::of_all(&lab, &endpoints);
        assert_eq!(macs, Mac::of_all(&lab, &endpoints));
        assert_eq!(macs.iter().collect::<std::collections::BTreeSet<_>>().len(), 5000);
        assert!(macs.iter().all(|mac| mac.0[..3] == [0xaa, 0xc1, 0xab]));
        assert_eq!(macs[0].0[0] & 1, 0);
        assert_eq!(macs[0].to_string().parse(), Ok(macs[0]));
    }
}
