//! The kernel's own tables of a node: interfaces and forwarding, by rtnetlink from inside its network namespace.
//!
//! The kernel tells of changes, so nothing is polled; but it says nothing of the IPv4 routes it drops when an interface goes
//! down. So any message only means "look again", and the whole table is read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteNextHopFlags, RouteProtocol, RouteType,
    RouteVia,
};
use rtnetlink::{Handle, MulticastGroup, RouteMessageBuilder, new_multicast_connection};
use serde_json::{Value, json};

use super::Books;
use super::changes::Readings;
use super::switch::short_hash;
use crate::base::{MonoTime, NodeName};
use crate::probes::sockets::in_namespace;
use crate::record::{StateKind, keys};

/// Prefixes told one by one, at most.
const MOST_PREFIXES: usize = 200;
/// How long messages are gathered before the tables are read.
const GATHERING: Duration = Duration::from_millis(20);
/// How often the tables are read although nothing was told, in case a message was lost.
const REREAD: Duration = Duration::from_secs(5);
/// How long one reading of the tables may take.
const DEADLINE: Duration = Duration::from_secs(2);

const GROUPS: [MulticastGroup; 4] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Nexthop,
];

/// What is read of a node's kernel.
#[derive(Clone, Debug)]
pub(super) struct KernelWatch {
    pub(super) node: NodeName,
    pub(super) netns: Arc<OwnedFd>,
    pub(super) interfaces: bool,
    pub(super) fib: bool,
}

impl KernelWatch {
    /// Follows the kernel's tables until the task is dropped.
    pub(super) async fn run(self, books: Arc<Books>, interval: Duration) {
        loop {
            let Err(why) = self.follow(&books, interval).await else {
                return;
            };
            self.fail(&books, &why);
            tokio::time::sleep(interval).await;
        }
    }

    fn fail(&self, books: &Books, why: &str) {
        for kind in self.kinds() {
            books.failed(&self.node, kind, why);
        }
    }

    fn kinds(&self) -> impl Iterator<Item = StateKind> {
        let interfaces = self.interfaces.then_some(StateKind::Interface);
        interfaces.into_iter().chain(self.fib.then_some(StateKind::Fib))
    }

    async fn follow(&self, books: &Books, interval: Duration) -> Result<(), String> {
        let runtime = tokio::runtime::Handle::current();
        let opened = in_namespace(&self.node, &self.netns, || {
            let _reactor = runtime.enter();
            new_multicast_connection(&GROUPS)
        });
        let (connection, handle, mut messages) = opened
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("open a netlink socket: {error}"))?;
        let connection = AbortOnDrop(tokio::spawn(connection));
        let mut read_at = self.read(books, &handle).await?;
        loop {
            match tokio::time::timeout(interval, messages.next()).await {
                Ok(Some(_)) => {
                    tokio::time::sleep(GATHERING).await;
                    while messages.try_recv().is_ok() {}
                    read_at = self.read(books, &handle).await?;
                }
                Ok(None) => break,
                Err(_) if read_at.elapsed() > REREAD => read_at = self.read(books, &handle).await?,
                Err(_) => {
                    let now = MonoTime::now();
                    self.kinds()
                        .for_each(|kind| books.unchanged(&self.node, kind, now));
                }
            }
        }
        drop(connection);
        Err("the netlink socket was closed".into())
    }

    async fn read(&self, books: &Books, handle: &Handle) -> Result<tokio::time::Instant, String> {
        let asked = MonoTime::now();
        let tables = async {
            let links = links(handle).await?;
            let routes = if self.fib {
                routes(handle, &links).await?
            } else {
                Vec::new()
            };
            Ok::<_, rtnetlink::Error>((links, routes))
        };
        let (links, routes) = tokio::time::timeout(DEADLINE, tables)
            .await
            .map_err(|_| "the kernel did not answer".to_owned())?
            .map_err(|error| error.to_string())?;
        if self.interfaces {
            books.seen(
                &self.node,
                StateKind::Interface,
                asked,
                interface_readings(&links),
            );
        }
        if self.fib {
            books.seen(&self.node, StateKind::Fib, asked, fib_readings(&routes));
        }
        Ok(tokio::time::Instant::now())
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An interface: its name, whether it is administratively up, and whether it has carrier.
type Link = (String, bool, bool);

async fn links(handle: &Handle) -> Result<BTreeMap<u32, Link>, rtnetlink::Error> {
    let mut links = BTreeMap::new();
    let mut dump = handle.link().get().execute();
    while let Some(message) = dump.next().await {
        let message = message?;
        let name = message.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        });
        let flags = message.header.flags;
        let up = flags.contains(LinkFlags::Up);
        let carrier = flags.contains(LinkFlags::LowerUp);
        links.insert(message.header.index, (name.unwrap_or_default(), up, carrier));
    }
    Ok(links)
}

fn interface_readings(links: &BTreeMap<u32, Link>) -> Readings {
    let links = links.values().filter(|(name, ..)| name != "lo");
    links
        .map(|(name, up, carrier)| {
            let admin = if *up { "up" } else { "down" };
            (name.clone(), json!({"admin": admin, "carrier": carrier}))
        })
        .collect()
}

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    prefix: String,
    metric: u32,
    next_hops: Vec<String>,
    selected: bool,
}

async fn routes(handle: &Handle, links: &BTreeMap<u32, Link>) -> Result<Vec<Route>, rtnetlink::Error> {
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut query = RouteMessageBuilder::<IpAddr>::new().build();
        query.header.address_family = family;
        let mut dump = std::pin::pin!(handle.route().get(query).execute());
        while let Some(message) = dump.next().await {
            routes.extend(route(&message?, links));
        }
    }
    routes.sort();
    Ok(routes)
}

fn route(message: &RouteMessage, links: &BTreeMap<u32, Link>) -> Option<Route> {
    let header = &message.header;
    let table = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    let v6 = header.address_family == AddressFamily::Inet6;
    let told = matches!(
        header.kind,
        RouteType::Unicast | RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit
    );
    if table.unwrap_or_else(|| u32::from(header.table)) != u32::from(RouteHeader::RT_TABLE_MAIN) || !told {
        return None;
    }
    let unspecified = if v6 { "::" } else { "0.0.0.0" };
    let mut prefix = format!("{unspecified}/{}", header.destination_prefix_length);
    let (mut metric, mut hop, mut next_hops) = (0, NextHop::default(), Vec::new());
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                prefix = format!("{}/{}", address_text(address), header.destination_prefix_length);
            }
            RouteAttribute::Priority(priority) => metric = *priority,
            RouteAttribute::MultiPath(hops) => {
                let alive = hops
                    .iter()
                    .filter(|hop| !hop.flags.contains(RouteNextHopFlags::Dead));
                next_hops.extend(alive.map(|hop| {
                    let mut read = NextHop {
                        interface: Some(hop.interface_index),
                        ..NextHop::default()
                    };
                    hop.attributes.iter().for_each(|attribute| read.add(attribute));
                    read.text(links)
                }));
            }
            other => hop.add(other),
        }
    }
    // Every interface has these; they come and go with it and forward nothing.
    if v6 && (prefix.starts_with("fe80::") || prefix.starts_with("ff00::")) {
        return None;
    }
    if header.kind != RouteType::Unicast {
        next_hops.push(format!("{:?}", header.kind).to_lowercase());
    } else if next_hops.is_empty() {
        next_hops.push(hop.text(links));
    }
    next_hops.sort();
    let selected = header.destination_prefix_length == 0 || header.protocol == RouteProtocol::Bgp;
    Some(Route {
        prefix,
        metric,
        next_hops,
        selected,
    })
}

#[derive(Default)]
struct NextHop {
    gateway: Option<String>,
    interface: Option<u32>,
}

impl NextHop {
    fn add(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Gateway(address) => self.gateway = Some(address_text(address)),
            RouteAttribute::Via(RouteVia::Inet6(address)) => self.gateway = Some(address.to_string()),
            RouteAttribute::Oif(index) => self.interface = Some(*index),
            _ => {}
        }
    }

    fn text(&self, links: &BTreeMap<u32, Link>) -> String {
        let interface = self.interface.map(|index| match links.get(&index) {
            Some((name, ..)) => name.clone(),
            None => format!("#{index}"),
        });
        let gateway = self.gateway.as_deref().unwrap_or("direct");
        format!("{gateway}@{}", interface.unwrap_or_default())
    }
}

fn address_text(address: &RouteAddress) -> String {
    match address {
        RouteAddress::Inet(address) => address.to_string(),
        RouteAddress::Inet6(address) => address.to_string(),
        other => format!("{other:?}"),
    }
}

/// The table as a whole, and the default and BGP routes one by one; of several metrics the best.
fn fib_readings(routes: &[Route]) -> Readings {
    let lines: Vec<String> = routes
        .iter()
        .map(|route| format!("{} {} {}", route.prefix, route.metric, route.next_hops.join(" ")))
        .collect();
    let hash = short_hash(lines.join("\n").as_bytes());
    let table = json!({"routes": routes.len(), "hash": hash});
    let mut readings: BTreeMap<String, Value> = BTreeMap::new();
    for route in routes.iter().filter(|route| route.selected) {
        if readings.len() == MOST_PREFIXES {
            break;
        }
        let hops = json!({"next_hops": route.next_hops});
        readings.entry(route.prefix.clone()).or_insert(hops);
    }
    readings.insert(keys::TABLE.to_owned(), table);
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: &str, metric: u32, hop: &str, selected: bool) -> Route {
        Route {
            prefix: prefix.into(),
            metric,
            next_hops: vec![hop.into()],
            selected,
        }
    }

    #[test]
    fn the_table_is_told_as_a_whole_and_selected_prefixes_by_their_best_route() {
        let routes = [
            route("0.0.0.0/0", 20, "10.0.0.1@eth1", true),
            route("0.0.0.0/0", 200, "10.0.0.9@eth9", true),
            route("10.0.0.0/24", 0, "direct@eth1", false),
        ];
        let readings = fib_readings(&routes);
        assert_eq!(readings["0.0.0.0/0"], json!({"next_hops": ["10.0.0.1@eth1"]}));
        assert_eq!(readings["table"]["routes"], json!(3));
        assert_eq!(readings.len(), 2);
        assert_ne!(
            fib_readings(&routes[..2])["table"]["hash"],
            readings["table"]["hash"]
        );
    }

    #[test]
    fn a_large_table_tells_a_bounded_number_of_prefixes() {
        let routes: Vec<Route> = (0..500)
            .map(|n| {
                route(
                    &format!("10.{}.{}.0/24", n / 250, n % 250),
                    20,
                    "10.0.0.1@eth1",
                    true,
                )
            })
            .collect();
        assert_eq!(fib_readings(&routes).len(), MOST_PREFIXES + 1);
    }

    #[test]
    fn loopback_is_no_interface_worth_telling() {
        let links = BTreeMap::from([
            (1, ("lo".to_owned(), true, true)),
            (2, ("eth1".to_owned(), true, false)),
        ]);
        let expected = Readings::from([("eth1".to_owned(), json!({"admin": "up", "carrier": false}))]);
        assert_eq!(interface_readings(&links), expected);
    }
}
