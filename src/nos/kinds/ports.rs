//! Names of interfaces: what a NOS calls a port, and what its end of the cable is called in the container.

use serde::{Deserialize, Serialize};

/// How a NOS's ports are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Naming {
    /// Forms, tried in order; the first is used for going from the container's name to the NOS's.
    pub forms: Vec<Form>,
    /// Highest number of data ports, where there is a limit.
    #[serde(default)]
    pub most: Option<u32>,
}

/// One form of names: numbers stand where the braces are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Form {
    /// In the NOS, e.g. `ge-0/0/{port}`.
    pub nos: String,
    /// In the container, e.g. `eth{port}`.
    pub linux: String,
    /// The NOS's number of the first port.
    pub first_port: u32,
    /// The container's number of it.
    pub first_index: u32,
    /// By how much the NOS counts on from port to port.
    #[serde(default = "one")]
    pub step: u32,
}

fn one() -> u32 {
    1
}

impl Naming {
    /// Returns the container's name of a port, from either name. None: there is no such port.
    #[must_use]
    pub fn to_linux(&self, name: &str) -> Option<String> {
        self.forms.iter().find_map(|form| {
            let numbers = form.read(name)?;
            self.allows(&numbers)
                .then(|| form.fill(&form.linux, &numbers, Side::Linux))
        })
    }

    /// Returns the NOS's name of a port, from either name. None: there is no such port.
    #[must_use]
    pub fn to_nos(&self, name: &str) -> Option<String> {
        self.forms.iter().find_map(|form| {
            let numbers = form.read(name)?;
            self.allows(&numbers)
                .then(|| form.fill(&form.nos, &numbers, Side::Nos))
        })
    }

    /// Returns an example of each form, for messages.
    #[must_use]
    pub fn examples(&self) -> String {
        let first = |form: &Form| {
            let numbers: Vec<_> = holes(&form.nos)
                .map(|hole| (hole, u32::from(hole != "port")))
                .collect();
            form.fill(&form.nos, &numbers, Side::Nos)
        };
        self.forms.iter().map(first).collect::<Vec<_>>().join(", ")
    }

    fn allows(&self, numbers: &[(&str, u32)]) -> bool {
        let port = numbers.iter().find(|(hole, _)| *hole == "port");
        port.is_none_or(|(_, port)| self.most.is_none_or(|most| *port < most))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Nos,
    Linux,
}

impl Form {
    fn read(&self, name: &str) -> Option<Vec<(&str, u32)>> {
        self.numbers(name, &self.nos, Side::Nos)
            .or_else(|| self.numbers(name, &self.linux, Side::Linux))
    }

    /// Reads the numbers of a name; that of `port` counts from 0.
    fn numbers<'a>(&'a self, name: &str, pattern: &'a str, side: Side) -> Option<Vec<(&'a str, u32)>> {
        let mut rest = name;
        let mut found = Vec::new();
        let mut pattern = pattern;
        while let Some((fixed, tail)) = pattern.split_once('{') {
            let (hole, tail) = tail.split_once('}')?;
            rest = rest.strip_prefix(fixed)?;
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            if digits.len() > 1 && digits.starts_with('0') {
                return None;
            }
            let number: u32 = digits.parse().ok()?;
            found.push((
                hole,
                if hole == "port" {
                    self.ordinal(number, side)?
                } else {
                    number
                },
            ));
            rest = after;
            pattern = tail;
        }
        (rest == pattern).then_some(found)
    }

    fn ordinal(&self, number: u32, side: Side) -> Option<u32> {
        let (first, step) = match side {
            Side::Nos => (self.first_port, self.step),
            Side::Linux => (self.first_index, 1),
        };
        let beyond = number.checked_sub(first)?;
        (beyond.checked_rem(step)? == 0).then_some(beyond / step)
    }

    fn fill(&self, pattern: &str, numbers: &[(&str, u32)], side: Side) -> String {
        let mut text = pattern.to_owned();
        for (hole, number) in numbers {
            let number = match (*hole, side) {
                ("port", Side::Nos) => self.first_port + number * self.step,
                ("port", Side::Linux) => self.first_index + number,
                _ => *number,
            };
            text = text.replace(&format!("{{{hole}}}"), &number.to_string());
        }
        text
    }
}

fn holes(pattern: &str) -> impl Iterator<Item = &str> {
    pattern
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
}

#[cfg(test)]
mod tests {
    use super::super::Kinds;

    fn both(nos: &str, name: &str) -> Option<(String, String)> {
        let kinds = Kinds::embedded().unwrap();
        let naming = &kinds.get(nos).unwrap().interfaces;
        Some((naming.to_linux(name)?, naming.to_nos(name)?))
    }

    fn pair(linux: &str, nos: &str) -> Option<(String, String)> {
        Some((linux.to_owned(), nos.to_owned()))
    }

    #[test]
    fn a_port_is_found_by_either_of_its_names() {
        for (nos, linux, port) in [
            ("vjunos-switch", "eth1", "ge-0/0/0"),
            ("vjunos-switch", "eth11", "ge-0/0/10"),
            ("vjunos-evolved", "eth1", "et-0/0/0"),
            ("vmx", "eth3", "ge-0/0/2"),
            ("srlinux", "e1-1", "ethernet-1/1"),
            ("srlinux", "e2-31", "ethernet-2/31"),
            ("ceos", "eth2", "Ethernet2"),
            ("ceos", "eth3_1", "Ethernet3/1"),
            ("sonic-vs", "eth1", "Ethernet0"),
            ("sonic-vs", "eth3", "Ethernet8"),
            ("frr", "eth7", "eth7"),
        ] {
            assert_eq!(both(nos, port), pair(linux, port), "{nos} {port}");
            assert_eq!(both(nos, linux), pair(linux, port), "{nos} {linux}");
        }
    }

    #[test]
    fn a_port_that_there_cannot_be_has_no_name() {
        for (nos, name) in [
            ("vjunos-switch", "ge-0/0/x"),
            ("vjunos-switch", "ge-0/0/01"),
            ("vjunos-switch", "ge-0/0/56"),
            ("vjunos-switch", "eth0"),
            ("sonic-vs", "Ethernet1"),
            ("srlinux", "ethernet-1/0"),
            ("ceos", "Management0"),
        ] {
            assert_eq!(both(nos, name), None, "{nos} {name}");
        }
    }
}
