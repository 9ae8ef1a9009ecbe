//! Links: the brief form and one table for each type of the long form.

use super::Shape::{Count, Free, Labels, Object, Objects, OneOf, Text, Texts};
use super::{Key, On, key};
use crate::topology::model::LinkType;

/// A type of the long form and its keys.
pub(in crate::topology) struct LinkForm {
    pub(in crate::topology) of: LinkType,
    pub(in crate::topology) keys: &'static [Key],
    pub(in crate::topology) required: &'static [&'static str],
}

impl LinkForm {
    /// All types, in the order messages list them.
    pub(in crate::topology) const ALL: &'static [Self] = &[
        form(LinkType::Veth, TWO_ENDS, &["endpoints"]),
        form(LinkType::VethStitch, TWO_ENDS, &["endpoints"]),
        form(LinkType::MgmtNet, ON_HOST, &["endpoint", "host-interface"]),
        form(LinkType::Macvlan, MACVLAN, &["endpoint", "host-interface"]),
        form(LinkType::Host, ON_HOST, &["endpoint", "host-interface"]),
        form(LinkType::Vxlan, VXLAN, &["endpoint", "remote", "vni"]),
        form(LinkType::VxlanStitch, VXLAN, &["endpoint", "remote", "vni"]),
        form(LinkType::Dummy, DUMMY, &["endpoint"]),
    ];
}

const fn form(of: LinkType, keys: &'static [Key], required: &'static [&'static str]) -> LinkForm {
    LinkForm { of, keys, required }
}

/// First parts of a brief endpoint that stand for another link type.
pub(in crate::topology) const SPECIAL_ENDPOINTS: [(&str, LinkType); 3] = [
    ("host", LinkType::Host),
    ("mgmt-net", LinkType::MgmtNet),
    ("macvlan", LinkType::Macvlan),
];

macro_rules! link_keys {
    ($($own:expr),* $(,)?) => {
        &[
            $($own,)*
            key("mtu", Count, "MTU in bytes (default 9500)."),
            key("labels", Labels(On::Link), "Labels of the link."),
            key("vars", Free, "Template variables of the link."),
            key("ipv4", Texts, "IPv4 addresses of the ends, in their order."),
            key("ipv6", Texts, "IPv6 addresses of the ends, in their order."),
        ]
    };
}

const TYPE: Key = key(
    "type",
    Text,
    "Type of the link; `veth` is a cable between two nodes.",
);
const END: Key = key("endpoint", Object(LINK_END), "The end in a node.");
const HOST_INTERFACE: Key = key("host-interface", Text, "The interface of this machine.");

/// Keys of a link written `endpoints: ["a:eth1", "b:eth1"]`.
pub(in crate::topology) static BRIEF_LINK: &[Key] = link_keys![
    key("type", Text, "`brief`, or nothing."),
    key("endpoints", Texts, "Both ends, each `node:interface`."),
];

static TWO_ENDS: &[Key] = link_keys![TYPE, key("endpoints", Objects(LINK_END), "Both ends.")];

static ON_HOST: &[Key] = link_keys![TYPE, END, HOST_INTERFACE];

static MACVLAN: &[Key] = link_keys![
    TYPE,
    END,
    HOST_INTERFACE,
    key(
        "mode",
        OneOf(&["private", "vepa", "bridge", "passthru", "source"]),
        "How macvlan interfaces of one parent see each other (default `bridge`).",
    ),
];

static VXLAN: &[Key] = link_keys![
    TYPE,
    END,
    key("remote", Text, "Address or name of the other VTEP."),
    key("vni", Count, "VXLAN network identifier."),
    key("dst-port", Count, "UDP port of the other VTEP (default 14789)."),
    key("src-port", Count, "UDP source port."),
    key("udp-port", Count, "Deprecated: see `dst-port`."),
    key(
        "parent-interface",
        Text,
        "Interface of this machine that carries the tunnel."
    ),
];

static DUMMY: &[Key] = link_keys![TYPE, END];

/// Keys of an end of a link in the long form.
pub(in crate::topology) static LINK_END: &[Key] = &[
    key("node", Text, "The node."),
    key(
        "interface",
        Text,
        "The interface in it: a Linux name, or what its kind calls it.",
    ),
    key("mac", Text, "MAC address."),
    key("ipv4", Text, "IPv4 address with prefix length."),
    key("ipv6", Text, "IPv6 address with prefix length."),
    key("vars", Free, "Template variables of this end."),
];
