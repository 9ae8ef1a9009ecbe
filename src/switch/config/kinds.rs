//! The kinds of values in statements: what is accepted, what to say when it is not, and reading them.
//!
//! Times are in the unit Junos uses when written as bare numbers; fractions and units (`4s`, `4000ms`) are ours, because
//! a lab scales the timers of real life down.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use crate::base::duration;

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    HostName,
    Text,
    VlanName,
    VlanId,
    IrbReference,
    Port,
    Aggregate,
    Interface,
    UnitZero,
    Unit,
    Mode,
    Periodic,
    ActiveActive,
    Control,
    ChassisId,
    Number,
    Multiplier,
    Mac,
    Ipv4,
    Prefix4,
    Prefix6,
    Seconds,
    Milliseconds,
    Aborts,
}

impl Kind {
    /// The kind a pattern of the statement table names.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "host-name" => Self::HostName,
            "text" => Self::Text,
            "vlan" => Self::VlanName,
            "vlan-id" => Self::VlanId,
            "irb.unit" => Self::IrbReference,
            "port" => Self::Port,
            "aggregate" => Self::Aggregate,
            "interface" => Self::Interface,
            "0" => Self::UnitZero,
            "unit" => Self::Unit,
            "trunk|access" => Self::Mode,
            "fast|slow" => Self::Periodic,
            "active-active" => Self::ActiveActive,
            "active|standby" => Self::Control,
            "0|1" => Self::ChassisId,
            "number" => Self::Number,
            "multiplier" => Self::Multiplier,
            "mac" => Self::Mac,
            "ipv4" => Self::Ipv4,
            "ipv4/length" => Self::Prefix4,
            "ipv6/length" => Self::Prefix6,
            "seconds" => Self::Seconds,
            "milliseconds" => Self::Milliseconds,
            "aborts" => Self::Aborts,
            _ => return None,
        })
    }

    /// What is expected, to follow "expected".
    pub(super) fn expectation(self) -> &'static str {
        match self {
            Self::HostName => "a host name (letters, digits, `-`, `.`)",
            Self::Text => "a text",
            Self::VlanName => "a VLAN name (letters, digits, `-`, `_`, beginning with a letter)",
            Self::VlanId => "a VLAN ID from 1 to 4094",
            Self::IrbReference => "an IRB interface, e.g. irb.97",
            Self::Port => "a port (eth1, eth2, …; eth0 is the management port)",
            Self::Aggregate => "an aggregate (ae0, ae1, …)",
            Self::Interface => "a port (eth1, …) or an aggregate (ae0, …)",
            Self::UnitZero => "unit 0, the only unit of a switched interface",
            Self::Unit => "a unit number from 0 to 16385",
            Self::Mode => "`trunk` or `access`",
            Self::Periodic => "`fast` or `slow`",
            Self::ActiveActive => "`active-active`, the only mode of this switch",
            Self::Control => "`active` or `standby`",
            Self::ChassisId => "0 or 1",
            Self::Number => "a number from 1 to 65535",
            Self::Multiplier => "a number from 1 to 255",
            Self::Mac => "a unicast MAC address, e.g. 00:00:00:00:00:10",
            Self::Ipv4 => "an IPv4 address, e.g. 10.50.1.1",
            Self::Prefix4 => "an IPv4 address with prefix length, e.g. 10.97.2.2/29",
            Self::Prefix6 => "an IPv6 address with prefix length, e.g. 2001:db8::2/64",
            Self::Seconds => "seconds above 0 (240, 0.5) or a duration (4s, 4000ms)",
            Self::Milliseconds => "milliseconds above 0 (1000) or a duration (50ms, 1s)",
            Self::Aborts => "how many aborts it takes until it recovers (1, 2, …), or `never`",
        }
    }

    /// Words that are accepted, for suggestions.
    pub(super) fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Mode => &["trunk", "access"],
            Self::Periodic => &["fast", "slow"],
            Self::ActiveActive => &["active-active"],
            Self::Control => &["active", "standby"],
            _ => &[],
        }
    }

    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::HostName => {
                !text.is_empty()
                    && text
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            }
            Self::Text => true,
            Self::VlanName => {
                text.starts_with(|c: char| c.is_ascii_alphabetic())
                    && text
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            }
            Self::VlanId => within(text, 1, 4094),
            Self::IrbReference => irb_unit(text).is_some(),
            Self::Port => text != "eth0" && numbered(text, "eth"),
            Self::Aggregate => numbered(text, "ae"),
            Self::Interface => Self::Port.accepts(text) || Self::Aggregate.accepts(text),
            Self::Unit => within(text, 0, 16385),
            Self::Number => within(text, 1, 65535),
            Self::Multiplier => within(text, 1, 255),
            Self::Mac => mac(text).is_some(),
            Self::Ipv4 => Ipv4Addr::from_str(text).is_ok_and(|address| !address.is_unspecified()),
            Self::Prefix4 => prefix(text).is_some_and(|(address, _)| address.is_ipv4()),
            Self::Prefix6 => prefix(text).is_some_and(|(address, _)| address.is_ipv6()),
            Self::Seconds => seconds_ms(text).is_some(),
            Self::Milliseconds => milliseconds(text).is_some(),
            Self::Aborts => text == "never" || within(text, 1, u32::MAX),
            Self::UnitZero => text == "0",
            Self::ChassisId => matches!(text, "0" | "1"),
            Self::Mode | Self::Periodic | Self::ActiveActive | Self::Control => {
                self.choices().contains(&text)
            }
        }
    }
}

fn within(text: &str, least: u32, most: u32) -> bool {
    // "+5" parses as a number in Rust; on a switch it is a slip.
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.parse::<u32>().is_ok_and(|n| (least..=most).contains(&n))
}

fn numbered(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|number| within(number, 0, 4095) && (number == "0" || !number.starts_with('0')))
}

/// `irb.97` → 97.
pub(super) fn irb_unit(text: &str) -> Option<u16> {
    let unit = text.strip_prefix("irb.")?;
    Kind::Unit.accepts(unit).then(|| unit.parse().ok())?
}

/// Reads a unicast MAC address and writes it in lower case with two digits per byte.
pub(super) fn mac(text: &str) -> Option<String> {
    let bytes: Vec<u8> = text
        .split(':')
        .map(|byte| {
            let hex = (1..=2).contains(&byte.len()) && byte.chars().all(|c| c.is_ascii_hexdigit());
            hex.then(|| u8::from_str_radix(byte, 16).ok())?
        })
        .collect::<Option<_>>()?;
    let unicast = bytes.len() == 6 && bytes[0] & 1 == 0 && bytes.iter().any(|byte| *byte != 0);
    unicast.then(|| {
        let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(":")
    })
}

/// `10.97.2.2/29` → address and length.
pub(super) fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = within(length, 1, most).then(|| length.parse().ok())??;
    (!address.is_unspecified() && !address.is_multicast()).then_some((address, length))
}

/// A time written in seconds, in milliseconds.
pub(super) fn seconds_ms(text: &str) -> Option<u64> {
    let text = if text.ends_with(|c: char| c.is_ascii_digit()) {
        format!("{text}s")
    } else {
        text.to_owned()
    };
    positive_ms(&text)
}

/// A time written in milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<u32> {
    let text = if text.ends_with(|c: char| c.is_ascii_digit()) {
        format!("{text}ms")
    } else {
        text.to_owned()
    };
    u32::try_from(positive_ms(&text)?).ok()
}

fn positive_ms(text: &str) -> Option<u64> {
    let ms = u64::try_from(duration::parse(text).ok()?.as_millis()).ok()?;
    (1..=86_400_000).contains(&ms).then_some(ms)
}
