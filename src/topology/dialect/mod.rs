//! The dialect as data: every key, its shape and what it means.
//!
//! One table serves three readers: the check for unknown keys and wrong shapes, the decoder, and the JSON Schema.

mod link;
mod node;

use super::model::labels;

pub(super) use link::{BRIEF_LINK, LINK_END, LinkForm, SPECIAL_ENDPOINTS};
pub(super) use node::NODE;

/// A key of a mapping.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) merge: Merge,
    pub(super) about: &'static str,
}

impl Key {
    /// Gives it another rule than "the first level that says something wins".
    const fn by(self, merge: Merge) -> Self {
        Self { merge, ..self }
    }
}

/// How the levels node → group → kind → defaults make one value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// The most specific level that says something wins; empty text, zero and an empty list say nothing.
    First,
    /// Maps are merged key by key, the more specific level wins; maps below are merged alike.
    Deep,
    /// Lists are joined, the least specific level first; of equal items the first is kept.
    Join,
    /// Like [`Merge::Join`], keyed by the path in the node: the most specific level wins; sorted by that path.
    ByTarget,
    /// Each field is inherited on its own.
    Fields,
    /// Only the node itself can say it.
    Own,
    /// The most specific level with a user or password wins as a whole; the key file is inherited on its own.
    Credentials,
    /// For each stage, lists are joined, the least specific level first.
    Stages,
}

/// What may stand behind a key. Any of them may be null, which means absent.
pub(super) enum Shape {
    /// Any scalar, taken as text.
    Text,
    /// A boolean in any of YAML 1.1's spellings.
    Switch,
    /// A whole number from 0.
    Count,
    /// A number.
    Number,
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A list of scalars.
    Texts,
    /// A mapping from names to scalars.
    Pairs,
    /// A mapping from names to scalars that may carry faultlab's labels.
    Labels(On),
    /// A mapping with these keys.
    Object(&'static [Key]),
    /// A list of mappings with these keys.
    Objects(&'static [Key]),
    /// A mapping from node names, kinds or groups to node properties.
    Nodes(Named),
    /// The list of links, which has rules of its own.
    Links,
    /// A mapping whose content is nobody's business here.
    Free,
}

/// What the keys of a [`Shape::Nodes`] are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Node,
    Kind,
    Group,
}

/// What a faultlab label may stand on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Node,
    Link,
}

/// A label of faultlab's.
pub(super) struct Label {
    /// Its name, or the beginning of its name when it ends in a dot.
    pub(super) name: &'static str,
    pub(super) on: On,
    pub(super) about: &'static str,
}

pub(super) const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    let merge = match shape {
        Shape::Pairs | Shape::Labels(_) => Merge::Deep,
        _ => Merge::First,
    };
    Key {
        name,
        shape,
        merge,
        about,
    }
}

use Shape::{Count, Free, Links, Nodes, Object, Switch, Text};

/// Keys of the file.
pub(super) static FILE: &[Key] = &[
    key(
        "name",
        Text,
        "Name of the lab; letters, digits, `-`, `.` and `_`.",
    ),
    key(
        "prefix",
        Text,
        "Prefix of container names. Ignored where no containers are made.",
    ),
    key(
        "mgmt",
        Object(MGMT),
        "The management network that every node's eth0 is attached to.",
    ),
    key("settings", Object(SETTINGS), "Lab-wide settings of containerlab."),
    key(
        "topology",
        Object(TOPOLOGY),
        "Nodes, links and what nodes inherit.",
    ),
    key("debug", Switch, "containerlab's debug logging."),
];

/// Keys of `topology`.
pub(super) static TOPOLOGY: &[Key] = &[
    key("nodes", Nodes(Named::Node), "The nodes, by name."),
    key("links", Links, "The cables between nodes."),
    key(
        "kinds",
        Nodes(Named::Kind),
        "Properties that all nodes of a kind inherit.",
    ),
    key(
        "groups",
        Nodes(Named::Group),
        "Properties that all nodes of a group inherit.",
    ),
    key("defaults", Object(NODE), "Properties that all nodes inherit."),
];

static SETTINGS: &[Key] = &[key(
    "certificate-authority",
    Object(AUTHORITY),
    "The lab's certificate authority.",
)];

static AUTHORITY: &[Key] = &[
    key("cert", Text, "CA certificate file."),
    key("key", Text, "CA key file."),
    key("key-size", Count, "Size of the generated key in bits."),
    key(
        "validity-duration",
        Text,
        "Validity of the generated certificate.",
    ),
];

/// Keys of `mgmt`.
pub(super) static MGMT: &[Key] = &[
    key(
        "network",
        Text,
        "Name of the management network (default `clab`).",
    ),
    key("bridge", Text, "Name of the bridge."),
    key(
        "ipv4-subnet",
        Text,
        "IPv4 subnet (default 172.20.20.0/24), or `auto`.",
    ),
    key(
        "ipv6-subnet",
        Text,
        "IPv6 subnet (default 3fff:172:20:20::/64), or `auto`.",
    ),
    key("ipv4_subnet", Text, "Deprecated spelling of `ipv4-subnet`."),
    key("ipv6_subnet", Text, "Deprecated spelling of `ipv6-subnet`."),
    key(
        "ipv4-gw",
        Text,
        "IPv4 gateway; the first address of the subnet when absent.",
    ),
    key(
        "ipv6-gw",
        Text,
        "IPv6 gateway; the first address of the subnet when absent.",
    ),
    key(
        "ipv4-range",
        Text,
        "Part of the IPv4 subnet that addresses are given from.",
    ),
    key(
        "ipv6-range",
        Text,
        "Part of the IPv6 subnet that addresses are given from.",
    ),
    key("mtu", Count, "MTU of the management network in bytes."),
    key(
        "external-access",
        Switch,
        "Whether hosts outside may reach the nodes.",
    ),
    key(
        "skip-when-unused",
        Switch,
        "Whether to make no network when no node uses it.",
    ),
    key("driver-opts", Free, "Options of the network driver."),
];

/// Every label that faultlab reads.
pub(super) static LABELS: &[Label] = &[
    label(
        labels::ROLE,
        On::Node,
        "What the node is for: edge-router, aggregation, customer, internet, …. Selectors say role:NAME.",
    ),
    label(
        labels::SITE,
        On::Node,
        "The site (PoP) it stands at. Selectors say site:NAME.",
    ),
    label(
        labels::NOS,
        On::Node,
        "Network operating system: frr, mclag-switch, linux. Default by kind and image.",
    ),
    label(
        labels::TIMER,
        On::Node,
        "A named timer with a duration, e.g. faultlab.timer.mac-table-aging-time: 300s. Experiments may scale it.",
    ),
    label(
        labels::BUNDLE,
        On::Node,
        "Member interfaces of a LACP bundle, e.g. faultlab.bundle.ae0: eth1 eth2.",
    ),
    label(
        labels::UNITS,
        On::Node,
        "VLAN IDs of the tagged units of a bundle or port, e.g. faultlab.units.ae0: 10 97.",
    ),
    label(
        labels::TEMPLATE,
        On::Node,
        "Template whose rendered text replaces the bind with that file name, e.g. faultlab.template.frr.conf: templates/frr.conf.tera.",
    ),
    label(
        labels::VARIABLES,
        On::Node,
        "Variables file for templates, relative to this file.",
    ),
    label(
        labels::SRLG,
        On::Link,
        "Shared-risk group: fibres in one duct fail together.",
    ),
];

const fn label(name: &'static str, on: On, about: &'static str) -> Label {
    Label { name, on, about }
}

/// Returns the names of a table, for suggestions.
pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}
