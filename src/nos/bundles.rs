//! LACP bundles and tagged units of routers and hosts, from labels.
//!
//! The kernel may have neither bonding nor 802.1q, so Open vSwitch inside the node provides both: one bridge for each
//! bundle (two bundles may carry the same VLAN without being bridged together), one internal port for each unit.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::plan::Service;
use super::{NosError, open_vswitch};
use crate::base::{EndpointName, InterfaceName, NodeName, Seed};
use crate::topology::{Node, Topology, labels};

/// What a node's bundle labels add to its plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundles {
    /// Setup commands.
    pub setup: Vec<Vec<String>>,
    /// Services.
    pub services: Vec<Service>,
    /// Commands that bring the units up once they exist.
    pub up: Vec<Vec<String>>,
    /// Interfaces it makes, e.g. `ae0.10`.
    pub interfaces: Vec<InterfaceName>,
}

/// A bundle, or a single port that carries tagged units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its name: `ae0`, or the port's own.
    pub name: String,
    /// Member ports.
    pub members: Vec<String>,
    /// Whether LACP runs on it.
    pub lacp: bool,
    /// Tagged units; none: it is untagged.
    pub units: Vec<u16>,
    /// Bytes.
    pub mtu: u32,
}

impl Bundle {
    /// The interfaces that routing sees.
    #[must_use]
    pub fn interfaces(&self) -> Vec<String> {
        if self.units.is_empty() {
            vec![self.name.clone()]
        } else {
            self.units
                .iter()
                .map(|unit| format!("{}.{unit}", self.name))
                .collect()
        }
    }
}

/// LACP system priority of a bundle: better (lower) than any switch's default of 32768 or 127, so that this end's port
/// priorities decide which partner it keeps when it sees two (IEEE 802.1AX 6.4.14).
const SYSTEM_PRIORITY: &str = "100";
const PREFERRED_PORT: u16 = 100;
const OTHER_PORT: u16 = 200;

/// Reads a node's bundles from its labels, in order of name.
pub fn read(topology: &Topology, name: &NodeName, node: &Node) -> Result<Vec<Bundle>, NosError> {
    let wrong = |label: String, problem: String| NosError::Label {
        file: topology.file.display().to_string(),
        line: node.line,
        node: name.clone(),
        label,
        problem,
    };
    let mut bundles: Vec<Bundle> = Vec::new();
    for (bundle, members) in node.labels_below(labels::BUNDLE) {
        let label = format!("{}{bundle}", labels::BUNDLE);
        let members = words(members);
        if members.is_empty() {
            return Err(wrong(label, "a bundle needs members, e.g. `eth1 eth2`".into()));
        }
        for member in &members {
            if let Some(other) = bundles.iter().find(|other| other.members.contains(member)) {
                return Err(wrong(
                    label,
                    format!("port `{member}` is already a member of {}", other.name),
                ));
            }
        }
        let mtu = mtu(topology, name, &members).map_err(|problem| wrong(label.clone(), problem))?;
        bundles.push(Bundle {
            name: bundle.to_owned(),
            members,
            lacp: true,
            units: Vec::new(),
            mtu,
        });
    }
    for (port, units) in node.labels_below(labels::UNITS) {
        let label = format!("{}{port}", labels::UNITS);
        let units = parse_units(units).map_err(|problem| wrong(label.clone(), problem))?;
        if let Some(bundle) = bundles.iter_mut().find(|bundle| bundle.name == port) {
            bundle.units = units;
            continue;
        }
        let members = vec![port.to_owned()];
        let mtu = mtu(topology, name, &members).map_err(|problem| wrong(label, problem))?;
        bundles.push(Bundle {
            name: port.to_owned(),
            members,
            lacp: false,
            units,
            mtu,
        });
    }
    for bundle in &bundles {
        if let Some(long) = bundle
            .interfaces()
            .into_iter()
            .find(|interface| interface.len() > 12)
        {
            let problem =
                format!("`{long}` is longer than 12 characters, which leaves no room for its bridge's name");
            return Err(wrong(format!("{}{}", labels::BUNDLE, bundle.name), problem));
        }
    }
    Ok(bundles)
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ','])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn parse_units(text: &str) -> Result<Vec<u16>, String> {
    let units = words(text)
        .into_iter()
        .map(|word| match word.parse::<u16>() {
            Ok(unit) if (1..=4094).contains(&unit) => Ok(unit),
            _ => Err(format!("`{word}` is no VLAN ID (expected 1 to 4094)")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if units.is_empty() {
        return Err("expected VLAN IDs, e.g. `10 97`".into());
    }
    Ok(units)
}

fn mtu(topology: &Topology, node: &NodeName, members: &[String]) -> Result<u32, String> {
    let mut least = u32::MAX;
    for member in members {
        let endpoint = EndpointName {
            node: node.clone(),
            interface: InterfaceName::new(member),
        };
        let Some(link) = topology.link_at(&endpoint) else {
            let known: Vec<_> = topology
                .links_of(node)
                .flat_map(|link| [&link.a, &link.b])
                .filter(|end| end.node == *node)
                .map(|end| end.interface.as_str())
                .collect();
            return Err(format!(
                "no link ends at `{endpoint}` (this node's ports: {}); add the link or remove the port",
                known.join(", ")
            ));
        };
        least = least.min(link.mtu);
    }
    Ok(least)
}

/// Plans a node's bundles. The same seed makes each bundle prefer the same member, hence the same switch.
#[must_use]
pub fn plan(node: &NodeName, bundles: &[Bundle], seed: Seed) -> Bundles {
    let interfaces: Vec<String> = bundles.iter().flat_map(Bundle::interfaces).collect();
    let Some(last) = interfaces.last() else {
        return Bundles::default();
    };
    let mut transaction = vec!["init".to_owned()];
    for bundle in bundles {
        transaction.extend(commands(node, bundle, seed));
    }
    let mut setup = open_vswitch::setup();
    setup.push(open_vswitch::configure(&transaction));
    Bundles {
        setup,
        services: open_vswitch::services(Some(last)),
        up: interfaces
            .iter()
            .map(|name| super::service::argv(["ip", "link", "set", name, "up"]))
            .collect(),
        interfaces: interfaces.iter().map(InterfaceName::new).collect(),
    }
}

/// The member that a bundle prefers when its members see different partners.
#[must_use]
pub fn preferred_member(node: &NodeName, bundle: &Bundle, seed: Seed) -> usize {
    seed.choose(&["lacp", node.as_str(), &bundle.name], bundle.members.len())
}

fn commands(node: &NodeName, bundle: &Bundle, seed: Seed) -> Vec<String> {
    let mut words = Words::default();
    let bridge = format!("br-{}", bundle.name);
    words.command(&["add-br", &bridge]);
    let system = mac(node, &bundle.name, "system");
    words.command(&[
        "set",
        "bridge",
        &bridge,
        "datapath_type=netdev",
        "fail-mode=standalone",
    ]);
    words.word(&format!("other_config:hwaddr={system}"));
    let port = if bundle.lacp {
        let port = format!("bond-{}", bundle.name);
        words.command(&["add-bond", &bridge, &port]);
        bundle.members.iter().for_each(|member| words.word(member));
        // Layer 4 hashing, as routers do; never moved afterwards: a lab must not reshuffle flows by itself.
        words.command(&["set", "port", &port, "bond_mode=balance-tcp", "lacp=active"]);
        words.word("other_config:bond-rebalance-interval=0");
        words.word("other_config:lacp-time=fast");
        words.word(&format!("other_config:lacp-system-id={system}"));
        words.word(&format!("other_config:lacp-system-priority={SYSTEM_PRIORITY}"));
        let preferred = preferred_member(node, bundle, seed);
        for (index, member) in bundle.members.iter().enumerate() {
            let priority = if index == preferred {
                PREFERRED_PORT
            } else {
                OTHER_PORT
            };
            words.command(&["set", "interface", member]);
            words.word(&format!("other_config:lacp-port-id={}", index + 1));
            // Left to itself, Open vSwitch numbers keys by chance, and differently after each boot.
            words.word("other_config:lacp-aggregation-key=1");
            words.word(&format!("other_config:lacp-port-priority={priority}"));
        }
        port
    } else {
        words.command(&["add-port", &bridge, &bundle.name]);
        bundle.name.clone()
    };
    if !bundle.units.is_empty() {
        let trunks: Vec<_> = bundle.units.iter().map(u16::to_string).collect();
        words.command(&["set", "port", &port, "vlan_mode=trunk"]);
        words.word(&format!("trunks={}", trunks.join(",")));
    }
    let address = mac(node, &bundle.name, "units");
    for (index, interface) in bundle.interfaces().iter().enumerate() {
        words.command(&["add-port", &bridge, interface]);
        if let Some(tag) = bundle.units.get(index) {
            words.word(&format!("tag={tag}"));
        }
        words.command(&["set", "interface", interface, "type=internal"]);
        words.word(&format!("mac=\"{address}\""));
        words.word(&format!("mtu_request={}", bundle.mtu));
    }
    words.0
}

/// A list of words that grows command by command, separated by `--`.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn command(&mut self, words: &[&str]) {
        self.0.push("--".to_owned());
        self.0.extend(words.iter().map(|word| (*word).to_owned()));
    }

    fn word(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }
}

/// A locally administered address that is the same in every run, so that captures can be compared.
fn mac(node: &NodeName, bundle: &str, purpose: &str) -> String {
    let mut hash = Sha256::new();
    for part in [node.as_str(), bundle, purpose] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finalize();
    let mut text = "02".to_owned();
    for byte in hash.iter().take(5) {
        // Writing to a String cannot fail.
        let _ = write!(text, ":{byte:02x}");
    }
    text
}
