//! What frames of each kind look like to a u32 filter.
//!
//! Offsets count from the network header. The kernel takes one 802.1Q tag off before filters run, so the EtherType in
//! the two bytes before the network header is the inner one, and one set of keys finds tagged and untagged frames.

use rtnetlink::packet_route::tc::TcU32Key;

use super::super::model::Traffic;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP_V6: u8 = 58;
const ICCP_PORT: u16 = 33012;
const BFD_PORTS: [u16; 4] = [3784, 3785, 4784, 6784];

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const SLOW: u16 = 0x8809;

/// One way in which a frame can belong to some traffic.
#[derive(Debug, PartialEq)]
pub(super) struct Match {
    /// All must be there.
    pub(super) keys: Vec<TcU32Key>,
    /// Whether such a frame is let through instead of dropped.
    pub(super) pass: bool,
}

fn drop(keys: Vec<TcU32Key>) -> Match {
    Match { keys, pass: false }
}

/// Returns the ways in which a frame can belong to `traffic`; the first that fits decides.
pub(super) fn of(traffic: Traffic) -> Vec<Match> {
    match traffic {
        Traffic::All => vec![drop(Vec::new())],
        Traffic::AllExceptLacp => {
            let pass = Match {
                keys: vec![ethertype(SLOW)],
                pass: true,
            };
            vec![pass, drop(Vec::new())]
        }
        Traffic::Lacp => vec![drop(vec![ethertype(SLOW)])],
        Traffic::Arp => vec![drop(vec![ethertype(ARP)])],
        Traffic::Icmp => vec![drop(ipv4(ICMP)), drop(ipv6(ICMP_V6))],
        Traffic::Bfd => BFD_PORTS
            .into_iter()
            .flat_map(|port| to_port(UDP, port))
            .collect(),
        Traffic::Tcp { port } => with_port(TCP, port),
        Traffic::Udp { port } => with_port(UDP, port),
        Traffic::Iccp => with_port(TCP, ICCP_PORT),
    }
}

/// Whether a block of this must be tried after those of single protocols.
pub(super) fn is_catch_all(traffic: Traffic) -> bool {
    matches!(traffic, Traffic::All | Traffic::AllExceptLacp)
}

fn key(off: i32, val: u32, mask: u32) -> TcU32Key {
    let mut key = TcU32Key::default();
    key.off = off;
    key.val = val;
    key.mask = mask;
    key
}

fn ethertype(value: u16) -> TcU32Key {
    key(-4, value.into(), 0xffff)
}

fn ipv4(protocol: u8) -> Vec<TcU32Key> {
    vec![ethertype(IPV4), key(8, u32::from(protocol) << 16, 0x00ff_0000)]
}

fn ipv6(protocol: u8) -> Vec<TcU32Key> {
    vec![ethertype(IPV6), key(4, u32::from(protocol) << 8, 0x0000_ff00)]
}

/// Ports stand at a known place only without options (header length 5 words) and in a first fragment.
fn ports_v4(protocol: u8, ports: TcU32Key) -> Vec<TcU32Key> {
    let mut keys = ipv4(protocol);
    keys.extend([key(0, 0x4500_0000, 0xff00_0000), key(4, 0, 0x1fff), ports]);
    keys
}

fn ports_v6(protocol: u8, ports: TcU32Key) -> Vec<TcU32Key> {
    let mut keys = ipv6(protocol);
    keys.push(ports);
    keys
}

fn to_port(protocol: u8, port: u16) -> [Match; 2] {
    let port = port.into();
    [
        drop(ports_v4(protocol, key(20, port, 0xffff))),
        drop(ports_v6(protocol, key(40, port, 0xffff))),
    ]
}

fn with_port(protocol: u8, port: u16) -> Vec<Match> {
    let from = u32::from(port) << 16;
    let mut matches = Vec::from(to_port(protocol, port));
    matches.push(drop(ports_v4(protocol, key(20, from, 0xffff_0000))));
    matches.push(drop(ports_v6(protocol, key(40, from, 0xffff_0000))));
    matches
}
