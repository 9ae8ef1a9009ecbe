//! The parts of a link beside its ends: MTU, addresses, labels, variables, and what each type wants to know.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::base::document;

use super::definition::{Text, pairs, scalar};
use super::dialect::LinkForm;
use super::model::LinkType;
use super::shape::Problems;
use super::values;

/// containerlab's default, in bytes.
const MTU: u32 = 9500;

/// containerlab's default, which is not IANA's.
const VXLAN_PORT: u64 = 14_789;

/// Longest list of names that helps anybody.
const MOST_NAMES: usize = 20;

/// Returns the first names of a list, for a hint.
pub(super) fn some_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.take(MOST_NAMES + 1).collect();
    if names.len() > MOST_NAMES {
        names[MOST_NAMES] = "…";
    }
    names.join(", ")
}

pub(super) fn labels(item: &document::Node) -> BTreeMap<String, String> {
    let labels = item.get("labels").map(pairs).unwrap_or_default();
    labels
        .into_iter()
        .map(|(name, text)| (name, text.value))
        .collect()
}

pub(super) fn vars(item: &document::Node) -> Map<String, Value> {
    match item.get("vars").map(values::free) {
        Some(Value::Object(vars)) => vars,
        _ => Map::new(),
    }
}

/// Returns an end's address out of the link's list; an empty one leaves the end out.
pub(super) fn listed(item: &document::Node, key: &str, index: usize) -> Option<String> {
    let list = item.get(key)?.as_sequence()?;
    let text = list.get(index)?.as_text()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Checks a link's lists of addresses.
pub(super) fn check_listed(item: &document::Node, problems: &mut Problems) {
    for key in ["ipv4", "ipv6"] {
        let Some(list) = item.get(key) else { continue };
        let items = list.as_sequence().unwrap_or_default();
        if items.len() > 2 {
            let message = format!("`{key}` has {} addresses for two ends", items.len());
            problems.add(list.position, message, None);
        }
        for text in items.iter().filter_map(scalar) {
            check_address(&text, key, problems);
        }
    }
}

/// Checks the addresses of an end in the long form.
pub(super) fn check_end(end: &document::Node, problems: &mut Problems) {
    for key in ["ipv4", "ipv6"] {
        if let Some(text) = end.get(key).and_then(scalar) {
            check_address(&text, key, problems);
        }
    }
    if let Some(text) = end
        .get("mac")
        .and_then(scalar)
        .filter(|text| !is_mac(&text.value))
    {
        let message = format!(
            "`{}` is not a MAC address (expected e.g. aa:c1:ab:00:00:01)",
            text.value
        );
        problems.add(text.at, message, None);
    }
}

fn check_address(text: &Text, key: &str, problems: &mut Problems) {
    if text.value.is_empty() {
        return;
    }
    let v6 = key == "ipv6";
    let fits = text.value.split_once('/').is_some_and(|(address, length)| {
        let family = address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_ipv6() == v6);
        let most = if v6 { 128 } else { 32 };
        family && length.parse::<u8>().is_ok_and(|length| length <= most)
    });
    if !fits {
        let (family, example) = if v6 {
            ("IPv6", "2001:db8::1/64")
        } else {
            ("IPv4", "192.0.2.1/24")
        };
        let message = format!(
            "`{}` is not an {family} address with prefix length (expected e.g. {example})",
            text.value
        );
        problems.add(text.at, message, None);
    }
}

/// Six octets behind colons or hyphens, or three groups behind dots.
fn is_mac(text: &str) -> bool {
    let groups = |separator: char, count: usize, digits: usize| {
        let parts: Vec<_> = text.split(separator).collect();
        let hex = |part: &&str| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        parts.len() == count && parts.iter().all(hex)
    };
    groups(':', 6, 2) || groups('-', 6, 2) || groups('.', 3, 4)
}

/// Returns a link's MTU; zero means unset.
pub(super) fn mtu(item: &document::Node, problems: &mut Problems) -> u32 {
    let Some(text) = item.get("mtu").and_then(scalar) else {
        return MTU;
    };
    match values::count(&text.value) {
        // What is no number was reported by the shape check.
        Some(0) | None => MTU,
        Some(mtu) if (68..=65_535).contains(&mtu) => u32::try_from(mtu).unwrap_or(MTU),
        Some(_) => {
            let message = format!("MTU {} is not possible (expected 68 to 65535)", text.value);
            problems.add(text.at, message, None);
            MTU
        }
    }
}

/// Returns what a type wants to know beside its end, defaults filled in.
pub(super) fn parameters(
    item: &document::Node,
    link_type: LinkType,
    problems: &mut Problems,
) -> Map<String, Value> {
    const SAID_ELSEWHERE: [&str; 9] = [
        "type",
        "endpoint",
        "mtu",
        "labels",
        "vars",
        "ipv4",
        "ipv6",
        "udp-port",
        "host-interface",
    ];
    let mut parameters = Map::new();
    let form = LinkForm::ALL.iter().find(|form| form.of == link_type);
    for key in form.into_iter().flat_map(|form| form.keys) {
        let written = item.get(key.name).filter(|value| !value.is_null());
        if let (Some(value), false) = (written, SAID_ELSEWHERE.contains(&key.name)) {
            parameters.insert(key.name.to_owned(), values::by_shape(value, &key.shape));
        }
    }
    match link_type {
        LinkType::Macvlan => {
            parameters.entry("mode").or_insert_with(|| "bridge".into());
        }
        LinkType::Vxlan | LinkType::VxlanStitch => {
            let old = item
                .get("udp-port")
                .and_then(values::plain)
                .and_then(values::count);
            parameters
                .entry("dst-port")
                .or_insert_with(|| old.unwrap_or(VXLAN_PORT).into());
            check_tunnel(item, problems);
        }
        _ => {}
    }
    parameters
}

fn check_tunnel(item: &document::Node, problems: &mut Problems) {
    for (key, lowest, highest) in [
        ("vni", 1, 16_777_215),
        ("dst-port", 1, 65_535),
        ("udp-port", 1, 65_535),
        ("src-port", 0, 65_535),
    ] {
        let Some(value) = item.get(key) else { continue };
        let number = values::plain(value).and_then(values::count);
        if let Some(number) = number.filter(|number| !(lowest..=highest).contains(number)) {
            let message = format!("`{key}` {number} is not possible (expected {lowest} to {highest})");
            problems.add(value.position, message, None);
        }
    }
}
