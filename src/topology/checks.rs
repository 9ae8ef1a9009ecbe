//! What a node's properties must look like beyond their shape, as containerlab or the container runtime would find out late.

use crate::base::document;

use super::definition::{Levels, Text, scalar};
use super::shape::Problems;
use super::values;

/// Checks the properties of a node, each where it is written.
pub(super) fn properties(levels: &Levels<'_>, problems: &mut Problems) {
    for text in levels.stacked("ports") {
        if !is_port(&text.value) {
            let message = format!(
                "`{}` is not a port (expected [address:][host-port:]port[/protocol])",
                text.value
            );
            problems.add(text.at, message, None);
        }
    }
    for text in levels.stacked("volumes") {
        check_volume(&text, problems);
    }
    for key in ["memory", "shm-size"] {
        if let Some(text) = levels.first(key).filter(|text| !is_size(&text.value)) {
            let message = format!(
                "`{key}` must be a size such as 512M or 1Gb, found `{}`",
                text.value
            );
            problems.add(text.at, message, None);
        }
    }
    if let Some(text) = levels.first("pid-mode") {
        let other = text
            .value
            .strip_prefix("container:")
            .is_some_and(|node| !node.is_empty());
        if text.value != "host" && !other {
            let message = format!(
                "`pid-mode` must be `host` or `container:NAME`, found `{}`",
                text.value
            );
            problems.add(text.at, message, None);
        }
    }
    for list in levels.nodes("components") {
        check_slots(list, problems);
    }
    if let Some(certificate) = levels.nodes("certificate").next() {
        check_duration(certificate, problems);
    }
}

/// docker's `-p`: `[address:][host-port[-last]:]port[-last][/protocol]`.
fn is_port(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !matches!(protocol.to_lowercase().as_str(), "tcp" | "udp" | "sctp") {
        return false;
    }
    let (address, ports) = match ports.strip_prefix('[') {
        Some(rest) => match rest.split_once("]:") {
            Some((address, ports)) => (address, ports),
            None => return false,
        },
        None => match ports.splitn(3, ':').collect::<Vec<_>>()[..] {
            [address, _, _] => (address, &ports[address.len() + 1..]),
            _ => ("", ports),
        },
    };
    if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
        return false;
    }
    let (host, inside) = ports.split_once(':').unwrap_or(("", ports));
    match (range(host), range(inside)) {
        (_, None) => false,
        (None, Some(_)) => host.is_empty(),
        (Some(host), Some(inside)) => host == inside || inside == 1,
    }
}

/// Returns how many ports a range has.
fn range(text: &str) -> Option<u32> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then(|| u32::from(last - first) + 1)
}

fn check_volume(text: &Text, problems: &mut Problems) {
    let parts: Vec<_> = text.value.split(':').collect();
    let (name, target, mode) = match parts[..] {
        [target] => ("", target, ""),
        [first, second] if second.starts_with('/') => (first, second, ""),
        [target, mode] => ("", target, mode),
        [name, target, mode] => (name, target, mode),
        _ => ("", "", ""),
    };
    if name.starts_with(['/', '.', '~']) {
        let message = format!("volume `{}` has a path of this machine as its source", text.value);
        problems.add(
            text.at,
            message,
            "files of this machine belong under `binds`".to_owned(),
        );
        return;
    }
    let modes = ["", "ro", "rw", "nocopy", "volume-nocopy"];
    if !target.starts_with('/') || !mode.split(',').all(|mode| modes.contains(&mode)) {
        let message = format!(
            "`{}` is not a volume (expected [name:]/path[:mode], mode one of ro, rw, nocopy)",
            text.value
        );
        problems.add(text.at, message, None);
    }
}

/// A number and a unit of bytes, in any case, with `i` for powers of two.
fn is_size(text: &str) -> bool {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .unwrap_or(text.len());
    let unit = text[end..].trim().to_lowercase();
    let scale = unit.strip_suffix('b').unwrap_or(&unit);
    let scale = scale.strip_suffix('i').unwrap_or(scale);
    text[..end].replace(',', "").parse::<f64>().is_ok()
        && matches!(scale, "" | "k" | "m" | "g" | "t" | "p" | "e")
}

fn check_slots(list: &document::Node, problems: &mut Problems) {
    let mut seen: Vec<String> = Vec::new();
    for component in list.as_sequence().unwrap_or_default() {
        let Some(slot) = component.get("slot").and_then(scalar) else {
            continue;
        };
        let name = slot.value.to_uppercase();
        if !matches!(name.as_str(), "A" | "B") && values::integer(&name).is_none() {
            let message = format!("slot `{}` must be a number, A or B", slot.value);
            problems.add(slot.at, message, None);
        } else if seen.contains(&name) {
            let message = format!("slot `{}` is given twice", slot.value);
            problems.add(slot.at, message, None);
        }
        seen.push(name);
    }
}

/// Go's durations: numbers with units, e.g. `1h30m`.
fn check_duration(certificate: &document::Node, problems: &mut Problems) {
    let Some(text) = certificate.get("validity-duration").and_then(scalar) else {
        return;
    };
    let mut rest = text.value.trim_start_matches(['+', '-']);
    let mut fits = !rest.is_empty();
    while fits && !rest.is_empty() && rest != "0" {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let units = ["ns", "us", "µs", "ms", "s", "m", "h"];
        let unit = units.iter().find_map(|unit| digits.strip_prefix(unit));
        fits = digits.len() < rest.len() && unit.is_some();
        rest = unit.unwrap_or_default();
    }
    if !fits {
        let message = format!("`{}` is not a duration (expected e.g. 8760h)", text.value);
        problems.add(text.at, message, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_of_docker() {
        for good in [
            "80",
            "8080:80",
            "127.0.0.1:8080:80/udp",
            "[::1]:80:80",
            "8000-8002:8000-8002",
            "10022:22/tcp",
            "127.0.0.1::80",
            "9000-9010:80",
        ] {
            assert!(is_port(good), "{good}");
        }
        for bad in [
            "", "x", "80:", "1:2:3", "80/http", "99999", "9-1:9-1", "1-2:3-5", "a:1:2",
        ] {
            assert!(!is_port(bad), "{bad}");
        }
    }

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        for good in ["1Gb", "1G", "512", "1.5 GiB", "100mb", "64k"] {
            assert!(is_size(good), "{good}");
        }
        for bad in ["", "lots", "1x", "G", "1Gbb"] {
            assert!(!is_size(bad), "{bad}");
        }
    }
}
