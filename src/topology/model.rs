//! The checked graph: what the rest of the house knows of a topology file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::{EndpointName, NodeName};

/// Labels that faultlab reads. Everything it adds to the dialect travels in these, so that containerlab ignores it.
pub mod labels {
    /// What the node is for: `edge-router`, `aggregation`, `customer`, `internet`, ….
    pub const ROLE: &str = "faultlab.role";
    /// The site (PoP) it stands at.
    pub const SITE: &str = "faultlab.site";
    /// NOS flavour: `frr`, `mclag-switch`, `linux`. Default by kind and image.
    pub const NOS: &str = "faultlab.nos";
    /// Prefix of named timers: `faultlab.timer.mac-table-aging-time: 300s`.
    pub const TIMER: &str = "faultlab.timer.";
    /// Prefix of LACP bundles of a router or host: `faultlab.bundle.ae0: eth1 eth2`.
    pub const BUNDLE: &str = "faultlab.bundle.";
    /// Prefix of tagged units of a bundle or port: `faultlab.units.ae0: 10 97`. Without it the bundle is untagged.
    pub const UNITS: &str = "faultlab.units.";
    /// Prefix of templates: `faultlab.template.frr.conf: PATH`, relative to the topology file. The rendered text takes the
    /// place of the bind whose source has that file name.
    pub const TEMPLATE: &str = "faultlab.template.";
    /// Variables file for templates, relative to the topology file.
    pub const VARIABLES: &str = "faultlab.variables";
    /// Shared-risk group of a link (on links): fibres in one duct.
    pub const SRLG: &str = "faultlab.srlg";
}

/// A checked topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// Lab name from the file.
    pub name: String,
    /// `prefix` of container names; absent means `clab`, see [`Topology::container`].
    #[serde(default)]
    pub prefix: Option<String>,
    /// The file it was read from, as given.
    pub file: PathBuf,
    /// The folder relative paths start from, absolute.
    pub folder: PathBuf,
    /// Management network.
    pub management: Management,
    /// Nodes in file order, inheritance applied.
    pub nodes: IndexMap<NodeName, Node>,
    /// Cables between two nodes, in file order.
    pub links: Vec<Link>,
    /// Links with only one end in a node, in file order.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

/// `mgmt`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Management {
    /// Network name (`clab`).
    pub network: String,
    /// IPv4 subnet: address and prefix length (default 172.20.20.0/24).
    pub ipv4_subnet: Option<(IpAddr, u8)>,
    /// IPv6 subnet (default 3fff:172:20:20::/64).
    pub ipv6_subnet: Option<(IpAddr, u8)>,
    /// What the file says under `mgmt`, by containerlab's names.
    #[serde(default)]
    pub properties: Map<String, Value>,
}

/// A node after inheritance node → group → kind → defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Canonical kind, lower case.
    pub kind: String,
    /// `type`.
    pub node_type: String,
    /// `image`.
    pub image: String,
    /// `group`.
    pub group: String,
    /// `startup-config`, as written.
    pub startup_config: Option<String>,
    /// `binds`, sources resolved to absolute paths.
    pub binds: Vec<Bind>,
    /// `exec`.
    pub exec: Vec<String>,
    /// `cmd`.
    pub cmd: Option<String>,
    /// `env`.
    pub env: BTreeMap<String, String>,
    /// `labels`.
    pub labels: BTreeMap<String, String>,
    /// `sysctls`.
    pub sysctls: BTreeMap<String, String>,
    /// `mgmt-ipv4`, or the address given from the management subnet in file order.
    pub mgmt_ipv4: Option<IpAddr>,
    /// `mgmt-ipv6`.
    pub mgmt_ipv6: Option<IpAddr>,
    /// `startup-delay`.
    #[serde(with = "crate::base::duration::text", default)]
    pub startup_delay: Duration,
    /// Every property with a value after inheritance, by containerlab's names (but `kind` and `group`), in a fixed order.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// Line of the node's key in the file, for messages.
    pub line: usize,
}

impl Node {
    /// Returns a label's value.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Returns its role, or an empty text.
    #[must_use]
    pub fn role(&self) -> &str {
        self.label(labels::ROLE).unwrap_or_default()
    }

    /// Returns its site, or an empty text.
    #[must_use]
    pub fn site(&self) -> &str {
        self.label(labels::SITE).unwrap_or_default()
    }

    /// Returns its network operating system: the label, or else `frr` when a Linux node's image is one of FRR, or its kind.
    #[must_use]
    pub fn nos(&self) -> &str {
        match self.label(labels::NOS) {
            Some(nos) => nos,
            None if self.kind == "linux" && self.image_name().contains("frr") => "frr",
            None => &self.kind,
        }
    }

    /// Returns the last part of its image without tag and digest: `quay.io/frrouting/frr:8.4` → `frr`.
    #[must_use]
    pub fn image_name(&self) -> &str {
        let name = self.image.split('@').next().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        name.split(':').next().unwrap_or_default()
    }

    /// Returns a property that is text, by containerlab's name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name)?.as_str()
    }

    /// Returns the labels below a prefix, with the prefix removed, e.g. all named timers.
    pub fn labels_below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.labels
            .iter()
            .filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
    }
}

/// A bind mount of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Absolute path in the node.
    pub target: PathBuf,
    /// Mode text after the second colon, e.g. `ro`.
    pub mode: String,
}

/// A link's identity: its endpoints in file order, `mx1:eth1--ca1:eth3`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct LinkId(pub String);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How containerlab makes a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkType {
    /// A cable between two nodes.
    #[default]
    Veth,
    /// The same out of two cables joined in the middle.
    VethStitch,
    /// A cable to the bridge of the management network.
    MgmtNet,
    /// A sub-interface of an interface of this machine.
    Macvlan,
    /// A cable to this machine.
    Host,
    /// A VXLAN tunnel.
    Vxlan,
    /// A VXLAN tunnel joined to a cable.
    VxlanStitch,
    /// An interface without a far end.
    Dummy,
}

impl LinkType {
    /// Returns containerlab's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::VethStitch => "veth-stitch",
            Self::MgmtNet => "mgmt-net",
            Self::Macvlan => "macvlan",
            Self::Host => "host",
            Self::Vxlan => "vxlan",
            Self::VxlanStitch => "vxlan-stitch",
            Self::Dummy => "dummy",
        }
    }
}

/// What a file says of an end of a link beside its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndDetails {
    /// What the kind calls the interface, when that is not the Linux name, e.g. `ge-0/0/0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// `mac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// `ipv4`, with prefix length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<String>,
    /// `ipv6`, with prefix length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<String>,
    /// `vars`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
}

/// What a file says of a link beside its ends' names and its MTU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDetails {
    /// How it is made.
    #[serde(rename = "type")]
    pub link_type: LinkType,
    /// Its ends, in the link's order.
    pub ends: [EndDetails; 2],
    /// `vars`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
}

/// A link with one end in a node and the other elsewhere, or nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// How it is made.
    #[serde(rename = "type")]
    pub link_type: LinkType,
    /// The end in a node.
    pub end: EndpointName,
    /// What else is said of that end.
    pub details: EndDetails,
    /// MTU in bytes.
    pub mtu: u32,
    /// What the type wants to know, by containerlab's names: `host-interface`, `mode`, `remote`, `vni`, `dst-port`, ….
    pub parameters: Map<String, Value>,
    /// `labels`.
    pub labels: BTreeMap<String, String>,
    /// `vars`.
    pub vars: Map<String, Value>,
    /// Line in the file, for messages.
    pub line: usize,
}

/// A cable between two nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its identity.
    pub id: LinkId,
    /// One end.
    pub a: EndpointName,
    /// The other end.
    pub b: EndpointName,
    /// MTU in bytes (containerlab's default is 9500).
    pub mtu: u32,
    /// `labels`.
    pub labels: BTreeMap<String, String>,
    /// What else the file says of it.
    #[serde(default)]
    pub details: LinkDetails,
    /// Line in the file, for messages.
    pub line: usize,
}

impl Topology {
    /// Returns the name of a node's container: `<prefix>-<lab>-<node>`, `<node>` with an empty prefix, `<lab>-<node>` with
    /// `__lab-name`.
    #[must_use]
    pub fn container(&self, node: &NodeName) -> String {
        match self.prefix.as_deref() {
            Some("") => node.to_string(),
            Some("__lab-name") => format!("{}-{node}", self.name),
            prefix => format!("{}-{}-{node}", prefix.unwrap_or("clab"), self.name),
        }
    }

    /// Returns the links with an end at a node, in file order.
    pub fn links_of<'a>(&'a self, node: &'a NodeName) -> impl Iterator<Item = &'a Link> {
        self.links
            .iter()
            .filter(move |link| link.a.node == *node || link.b.node == *node)
    }

    /// Returns the link with this end.
    #[must_use]
    pub fn link_at(&self, endpoint: &EndpointName) -> Option<&Link> {
        self.links
            .iter()
            .find(|link| link.a == *endpoint || link.b == *endpoint)
    }

    /// Returns the links between two nodes, in file order.
    pub fn links_between<'a>(&'a self, a: &'a NodeName, b: &'a NodeName) -> impl Iterator<Item = &'a Link> {
        self.links_of(a)
            .filter(move |link| link.a.node == *b || link.b.node == *b)
    }
}

impl Link {
    /// Returns the end that is not at `node`, if one is.
    #[must_use]
    pub fn far_end(&self, node: &NodeName) -> Option<&EndpointName> {
        if self.a.node == *node {
            Some(&self.b)
        } else if self.b.node == *node {
            Some(&self.a)
        } else {
            None
        }
    }
}
