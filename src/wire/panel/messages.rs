//! rtnetlink requests for veths, bridges, addresses and filters.
//!
//! Outer ends get interface indices chosen here, so that a wire's links, qdiscs and filters fit in one batch without
//! asking the kernel in between.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{
    InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::tc::{
    TcAction, TcActionAttribute, TcActionMirror, TcActionMirrorOption, TcActionOption, TcActionType,
    TcAttribute, TcFilterU32, TcFilterU32Option, TcHandle, TcMessage, TcMirror, TcMirrorActionType, TcOption,
    TcU32Key, TcU32Selector, TcU32SelectorFlags,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::super::model::{Cidr, Mac};
use super::netlink::Asked;

/// Every EtherType, in network byte order as `tcm_info` wants it.
const ETH_P_ALL: u16 = 0x0003_u16.to_be();

/// Which hook of a clsact qdisc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hook {
    /// What comes from the node.
    Ingress,
    /// What goes to the node.
    Egress,
}

impl Hook {
    fn parent(self) -> TcHandle {
        TcHandle {
            major: u16::MAX,
            minor: match self {
                Self::Ingress => TcHandle::MIN_INGRESS,
                Self::Egress => TcHandle::MIN_EGRESS,
            },
        }
    }
}

/// A veth pair: its outer end stays here, its inner end goes to a node. Both are down: the kernel answers ENOTCONN to a
/// wish for more at birth.
pub(super) struct Pair<'a> {
    pub(super) outer: u32,
    pub(super) outer_name: &'a str,
    pub(super) alias: &'a str,
    pub(super) inner_name: &'a str,
    pub(super) inner_mac: Option<Mac>,
    pub(super) netns: BorrowedFd<'a>,
    pub(super) mtu: u32,
    pub(super) bridge: Option<u32>,
}

impl Pair<'_> {
    pub(super) fn create(&self) -> Asked {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(self.inner_name.to_owned()),
            LinkAttribute::Mtu(self.mtu),
            LinkAttribute::NetNsFd(self.netns.as_raw_fd()),
        ];
        if let Some(mac) = self.inner_mac {
            peer.attributes.push(LinkAttribute::Address(mac.0.to_vec()));
        }
        let mut link = LinkMessage::default();
        link.header.index = self.outer;
        // Outer ends speak no protocol of their own; without this they would answer ARP for the patch namespace.
        link.header.flags = LinkFlags::Noarp;
        link.header.change_mask = LinkFlags::Noarp;
        link.attributes = vec![
            LinkAttribute::IfName(self.outer_name.to_owned()),
            LinkAttribute::IfAlias(self.alias.to_owned()),
            LinkAttribute::Mtu(self.mtu),
        ];
        if let Some(bridge) = self.bridge {
            link.attributes.push(LinkAttribute::Controller(bridge));
        }
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        create(RouteNetlinkMessage::NewLink(link))
    }
}

fn create(message: RouteNetlinkMessage) -> Asked {
    (message, NLM_F_CREATE | NLM_F_EXCL)
}

pub(super) fn create_bridge(index: u32, name: &str) -> Asked {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::MulticastSnooping(false)])),
        ]),
    ];
    create(RouteNetlinkMessage::NewLink(link))
}

pub(super) fn set_up(index: u32, up: bool) -> Asked {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.change_mask = LinkFlags::Up;
    if up {
        link.header.flags = LinkFlags::Up;
    }
    (RouteNetlinkMessage::SetLink(link), 0)
}

pub(super) fn bring_up(name: &str) -> Asked {
    let (mut message, flags) = set_up(0, true);
    if let RouteNetlinkMessage::SetLink(link) = &mut message {
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    }
    (message, flags)
}

pub(super) fn delete_link(index: u32) -> Asked {
    let mut link = LinkMessage::default();
    link.header.index = index;
    (RouteNetlinkMessage::DelLink(link), 0)
}

pub(super) fn list_links() -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetLink(LinkMessage::default())
}

pub(super) fn add_address(index: u32, (address, prefix): Cidr) -> Asked {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = prefix;
    message.header.family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    if let IpAddr::V4(v4) = address {
        let host = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        let broadcast = std::net::Ipv4Addr::from_bits(v4.to_bits() | host);
        message.attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    // The node's own boot may have been faster.
    (
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

pub(super) fn add_clsact(index: u32) -> Asked {
    let mut message = tc(index);
    message.header.handle = TcHandle {
        major: u16::MAX,
        minor: 0,
    };
    message.header.parent = TcHandle::CLSACT;
    message.attributes = vec![TcAttribute::Kind("clsact".to_owned())];
    create(RouteNetlinkMessage::NewQueueDiscipline(message))
}

/// A filter: frames that have all keys go out of `target`, or on their way when there is none.
pub(super) fn add_filter(
    index: u32,
    hook: Hook,
    priority: u16,
    keys: &[TcU32Key],
    target: Option<u32>,
) -> Asked {
    let mut selector = TcU32Selector::default();
    selector.flags = TcU32SelectorFlags::Terminal;
    selector.keys = if keys.is_empty() {
        vec![TcU32Key::default()]
    } else {
        keys.to_vec()
    };
    selector.nkeys = u8::try_from(selector.keys.len()).expect("a filter has fewer than 256 keys");
    let mut options = vec![TcOption::U32(TcFilterU32Option::Selector(selector))];
    options.push(TcOption::U32(match target {
        Some(target) => TcFilterU32Option::Action(vec![redirect(target)]),
        None => TcFilterU32Option::ClassId(TcHandle { major: 1, minor: 1 }),
    }));
    let mut message = filter(index, hook, priority);
    message.attributes = vec![
        TcAttribute::Kind(TcFilterU32::KIND.to_owned()),
        TcAttribute::Options(options),
    ];
    create(RouteNetlinkMessage::NewTrafficFilter(message))
}

fn redirect(target: u32) -> TcAction {
    let mut mirror = TcMirror::default();
    mirror.generic.action = TcActionType::Stolen;
    mirror.eaction = TcMirrorActionType::EgressRedir;
    mirror.ifindex = target;
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind(TcActionMirror::KIND.to_owned()),
        TcActionAttribute::Options(vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(mirror))]),
    ];
    action
}

/// Removes all filters of one priority at once.
pub(super) fn delete_filters(index: u32, hook: Hook, priority: u16) -> Asked {
    let message = filter(index, hook, priority);
    (RouteNetlinkMessage::DelTrafficFilter(message), 0)
}

pub(super) fn list_filters(index: u32, hook: Hook) -> RouteNetlinkMessage {
    let mut message = tc(index);
    message.header.parent = hook.parent();
    RouteNetlinkMessage::GetTrafficFilter(message)
}

fn filter(index: u32, hook: Hook, priority: u16) -> TcMessage {
    let mut message = tc(index);
    message.header.parent = hook.parent();
    message.header.info = u32::from(priority) << 16 | u32::from(ETH_P_ALL);
    message
}

fn tc(index: u32) -> TcMessage {
    TcMessage::with_index(index.cast_signed())
}
