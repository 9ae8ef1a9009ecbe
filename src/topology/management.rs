//! The management network: its subnets, fixed addresses, and addresses for all other nodes.
//!
//! Addresses are given in file order from the first free one after the gateway, so the same file always gets the same.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use crate::base::{Position, document};

use super::definition::{Text, scalar};
use super::dialect::MGMT;
use super::model::Management;
use super::shape::Problems;
use super::values;

/// containerlab's defaults.
const NETWORK: &str = "clab";
const IPV4: Subnet = Subnet {
    address: IpAddr::V4(Ipv4Addr::new(172, 20, 20, 0)),
    length: 24,
};
const IPV6: Subnet = Subnet {
    address: IpAddr::V6(Ipv6Addr::new(0x3fff, 0x172, 0x20, 0x20, 0, 0, 0, 0)),
    length: 64,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subnet {
    address: IpAddr,
    length: u8,
}

impl Subnet {
    fn parse(text: &str, family: Family) -> Result<Self, String> {
        let expected = || {
            let example = match family {
                Family::V4 => "172.20.20.0/24",
                Family::V6 => "3fff:172:20:20::/64",
            };
            format!("`{text}` is not an {family} subnet (expected e.g. {example})")
        };
        let (address, length) = text.split_once('/').ok_or_else(expected)?;
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let length: u8 = length.parse().map_err(|_| expected())?;
        if Family::of(address) != family || length > family.bits() {
            return Err(expected());
        }
        let subnet = Self { address, length };
        let base = family.address(bits(address) & subnet.mask());
        if base != address {
            return Err(format!(
                "`{text}` has host bits set (the subnet is {base}/{length})"
            ));
        }
        Ok(subnet)
    }

    fn family(self) -> Family {
        Family::of(self.address)
    }

    fn mask(self) -> u128 {
        let host_bits = u32::from(self.family().bits() - self.length);
        u128::MAX.checked_shl(host_bits).unwrap_or(0)
    }

    fn contains(self, address: IpAddr) -> bool {
        Family::of(address) == self.family() && bits(address) & self.mask() == bits(self.address)
    }

    fn last(self) -> u128 {
        let all = u128::MAX >> (128 - u32::from(self.family().bits()));
        (bits(self.address) | !self.mask()) & all
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    fn address(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default()).into(),
            Self::V6 => Ipv6Addr::from(bits).into(),
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The pool of one address family.
struct Pool {
    subnet: Subnet,
    gateway: Option<IpAddr>,
    range: Option<Subnet>,
    taken: BTreeMap<IpAddr, (String, usize)>,
    /// Where the next search for a free address begins.
    next: u128,
    at: Position,
}

/// The management network while nodes are being added.
pub(super) struct Plan {
    network: String,
    properties: Map<String, Value>,
    v4: Option<Pool>,
    v6: Option<Pool>,
    /// Whether a subnet was given that could not be read, so that what depends on it is not worth a message.
    broken: bool,
}

impl Plan {
    pub(super) fn read(mgmt: Option<&document::Node>, problems: &mut Problems) -> Self {
        let text = |keys: &[&str]| keys.iter().find_map(|key| scalar(mgmt?.get(key)?));
        let v4 = text(&["ipv4-subnet", "ipv4_subnet"]);
        let v6 = text(&["ipv6-subnet", "ipv6_subnet"]);
        let neither = v4.is_none() && v6.is_none();
        let mut pool = |subnet: Option<Text>, gateway: &str, range: &str, family: Family, default: Subnet| {
            let at = subnet.as_ref().map(|text| text.at);
            let subnet = match subnet {
                Some(text) if text.value != "auto" => checked_subnet(&text, family, problems)?,
                Some(_) => default,
                None if neither => default,
                None => return None,
            };
            let gateway =
                text(&[gateway]).and_then(|text| checked_address(&text, subnet, "gateway", problems));
            let range = text(&[range]).and_then(|text| {
                let range = checked_subnet(&text, family, problems)?;
                if !subnet.contains(range.address) || range.length < subnet.length {
                    let message = format!(
                        "range {} is not part of {}/{}",
                        text.value, subnet.address, subnet.length
                    );
                    problems.add(text.at, message, None);
                }
                Some(range)
            });
            Some(Pool::new(subnet, gateway, range, at))
        };
        let (asked_v4, asked_v6) = (v4.is_some() || neither, v6.is_some() || neither);
        let mut properties = Map::new();
        for key in MGMT {
            let name = key.name.replace('_', "-");
            if let Some(value) = mgmt
                .and_then(|mgmt| mgmt.get(key.name))
                .filter(|value| !value.is_null())
            {
                properties
                    .entry(name)
                    .or_insert_with(|| values::by_shape(value, &key.shape));
            }
        }
        let mut plan = Self {
            properties,
            network: text(&["network"]).map_or_else(|| NETWORK.to_owned(), |text| text.value),
            v4: pool(v4, "ipv4-gw", "ipv4-range", Family::V4, IPV4),
            v6: pool(v6, "ipv6-gw", "ipv6-range", Family::V6, IPV6),
            broken: false,
        };
        plan.broken = (asked_v4 && plan.v4.is_none()) || (asked_v6 && plan.v6.is_none());
        plan
    }

    pub(super) fn model(&self) -> Management {
        let subnet = |pool: &Option<Pool>| pool.as_ref().map(|p| (p.subnet.address, p.subnet.length));
        Management {
            network: self.network.clone(),
            ipv4_subnet: subnet(&self.v4),
            ipv6_subnet: subnet(&self.v6),
            properties: self.properties.clone(),
        }
    }

    /// Takes a fixed address of a node.
    pub(super) fn reserve(
        &mut self,
        node: &str,
        text: &Text,
        v6: bool,
        problems: &mut Problems,
    ) -> Option<IpAddr> {
        let (pool, family) = if v6 {
            (&mut self.v6, Family::V6)
        } else {
            (&mut self.v4, Family::V4)
        };
        address_of(text, family, problems)?;
        let Some(pool) = pool else {
            if self.broken {
                return None;
            }
            let message = format!(
                "{} is fixed, but the management network has no {family} subnet",
                text.value
            );
            problems.add(text.at, message, "add it under `mgmt`".to_owned());
            return None;
        };
        let address = checked_address(text, pool.subnet, "address", problems)?;
        if let Some((other, line)) = pool.taken.get(&address) {
            let message = format!("address {address} of node `{node}` is taken by node `{other}`");
            problems.add(text.at, message, format!("the first one is on line {line}"));
            return None;
        }
        pool.taken.insert(address, (node.to_owned(), text.at.line));
        Some(address)
    }

    /// Gives a node an address of each family it has none of.
    pub(super) fn assign(
        &mut self,
        node: &str,
        addresses: (&mut Option<IpAddr>, &mut Option<IpAddr>),
        problems: &mut Problems,
    ) {
        for (pool, address) in [(&mut self.v4, addresses.0), (&mut self.v6, addresses.1)] {
            if let (Some(pool), None) = (pool, &address) {
                *address = pool.give(node, problems);
            }
        }
    }
}

impl Pool {
    fn new(subnet: Subnet, gateway: Option<IpAddr>, range: Option<Subnet>, at: Option<Position>) -> Self {
        let first = bits(subnet.address) + 1;
        let start = range.map_or(first, |range| bits(range.address).max(first));
        Self {
            gateway: Some(gateway.unwrap_or_else(|| subnet.family().address(first))),
            subnet,
            range,
            taken: BTreeMap::new(),
            next: start,
            at: at.unwrap_or(Position { line: 1, column: 1 }),
        }
    }

    fn give(&mut self, node: &str, problems: &mut Problems) -> Option<IpAddr> {
        let family = self.subnet.family();
        let last = self.range.map_or(self.subnet.last(), Subnet::last);
        let first = bits(self.subnet.address) + 1;
        while self.next <= last {
            let address = family.address(self.next);
            // The first address is the bridge's even when the gateway is another.
            let reserved = self.next == first
                || Some(address) == self.gateway
                || (family == Family::V4 && self.next == self.subnet.last());
            self.next += 1;
            if !reserved && !self.taken.contains_key(&address) {
                self.taken.insert(address, (node.to_owned(), 0));
                return Some(address);
            }
        }
        let pool = self.range.unwrap_or(self.subnet);
        let message = format!(
            "no address is left for node `{node}` in {}/{}",
            pool.address, pool.length
        );
        problems.add(self.at, message, "give `mgmt` a larger subnet".to_owned());
        None
    }
}

fn checked_subnet(text: &Text, family: Family, problems: &mut Problems) -> Option<Subnet> {
    match Subnet::parse(&text.value, family) {
        Ok(subnet) => Some(subnet),
        Err(problem) => {
            problems.add(text.at, problem, None);
            None
        }
    }
}

/// Reads an address of a family, or says that it is none.
fn address_of(text: &Text, family: Family, problems: &mut Problems) -> Option<IpAddr> {
    let address = text
        .value
        .parse()
        .ok()
        .filter(|address| Family::of(*address) == family);
    if address.is_none() {
        let hint = text
            .value
            .contains('/')
            .then(|| "give it without a prefix length".to_owned());
        problems.add(
            text.at,
            format!("`{}` is not an {family} address", text.value),
            hint,
        );
    }
    address
}

fn checked_address(text: &Text, subnet: Subnet, what: &str, problems: &mut Problems) -> Option<IpAddr> {
    let network = format!("{}/{}", subnet.address, subnet.length);
    let address = address_of(text, subnet.family(), problems)?;
    if !subnet.contains(address) {
        let message = format!("{what} {address} lies outside the management subnet {network}");
        problems.add(text.at, message, None);
        return None;
    }
    let network_or_broadcast = bits(address) == bits(subnet.address)
        || (subnet.family() == Family::V4 && subnet.length < 31 && bits(address) == subnet.last());
    if network_or_broadcast {
        let message = format!("{what} {address} is no host address of {network}");
        problems.add(text.at, message, None);
        return None;
    }
    Some(address)
}
