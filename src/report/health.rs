//! What a piece of observed state means: good, worth a look, or bad; and how to say it in a few words.

use serde_json::Value;

use crate::record::StateKind;

/// How well something stands. The greater one is the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Health {
    Good,
    Warn,
    Bad,
}

impl Health {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// Kinds drawn as lanes, in the order of layers, with the lane's name.
pub(super) const LANES: [(StateKind, &str); 9] = [
    (StateKind::Node, "node"),
    (StateKind::Process, "processes"),
    (StateKind::Interface, "interfaces"),
    (StateKind::Lacp, "LACP"),
    (StateKind::Iccp, "ICCP"),
    (StateKind::Bfd, "BFD"),
    (StateKind::Ospf, "OSPF"),
    (StateKind::Bgp, "BGP"),
    (StateKind::Alarm, "alarms"),
];

/// Judges a value of a kind. `None` for kinds that are neither good nor bad by themselves.
pub(super) fn health(kind: StateKind, value: &Value) -> Option<Health> {
    if value.is_null() {
        // A session, port or daemon that is gone is bad; an alarm that is gone is good.
        return match kind {
            StateKind::Alarm => Some(Health::Good),
            StateKind::MacTable | StateKind::Fib | StateKind::Config => None,
            _ => Some(Health::Bad),
        };
    }
    let state = value["state"].as_str().unwrap_or_default();
    // For each kind: what is good, and what is neither good nor bad. All else is bad.
    let (good, between): (&[&str], &[&str]) = match kind {
        StateKind::Lacp => (
            &["collecting-distributing"],
            &["attached", "waiting", "collecting", "distributing"],
        ),
        StateKind::Iccp => (&["up"], &[]),
        StateKind::Bfd => (&["up"], &["admin-down", "init"]),
        StateKind::Bgp => (&["Established"], &[]),
        StateKind::Ospf => (&["Full", "2-Way"], &[]),
        StateKind::Process => (&["running"], &["restarting", "starting", "waiting"]),
        StateKind::Node => (&["running"], &["booting"]),
        StateKind::Alarm if value["color"] == "red" => return Some(Health::Bad),
        StateKind::Alarm => return Some(Health::Warn),
        StateKind::Interface if value["admin"] == "down" => return Some(Health::Warn),
        StateKind::Interface if value["carrier"] == Value::Bool(false) => return Some(Health::Bad),
        StateKind::Interface => return Some(Health::Good),
        StateKind::MacTable | StateKind::Fib | StateKind::Config => return None,
    };
    // OSPF adds the neighbour's role: `Full/DR`.
    let state = state.split('/').next().unwrap_or_default();
    Some(if good.contains(&state) {
        Health::Good
    } else if between.contains(&state) {
        Health::Warn
    } else {
        Health::Bad
    })
}

/// Says a value in a few words.
pub(super) fn words(kind: StateKind, value: &Value) -> String {
    if value.is_null() {
        return if kind == StateKind::Alarm {
            "cleared"
        } else {
            "gone"
        }
        .to_owned();
    }
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    match kind {
        StateKind::Lacp => text("state").to_uppercase().replace('-', "_"),
        StateKind::Alarm => format!("{} {}: {}", text("color"), text("class"), text("reason")),
        StateKind::Interface if text("admin") == "down" => "administratively down".to_owned(),
        StateKind::Interface if value["carrier"] == Value::Bool(false) => "no carrier".to_owned(),
        StateKind::Interface => "carrier up".to_owned(),
        StateKind::MacTable => match value["entries"].as_u64() {
            Some(0) => "empty".to_owned(),
            Some(entries) => format!("{entries} entries"),
            None => "unknown size".to_owned(),
        },
        StateKind::Config => format!("revision {}", value["revision"]),
        StateKind::Fib => match value["next_hops"].as_array() {
            Some(hops) if hops.is_empty() => "no next hop".to_owned(),
            Some(hops) => hops
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            None => format!("{} routes", value["routes"]),
        },
        StateKind::Bfd if !text("diagnostic").is_empty() => {
            format!("{} ({})", text("state"), text("diagnostic"))
        }
        _ => text("state").to_owned(),
    }
}

/// Names what a change of a kind is about, e.g. `LACP of eth1`.
pub(super) fn subject(kind: StateKind, keys: &[String]) -> String {
    let list = super::wording::some_of(keys, 4);
    match kind {
        StateKind::Interface | StateKind::Process => list,
        StateKind::Lacp => format!("LACP on {list}"),
        StateKind::Iccp => format!("ICCP to {list}"),
        StateKind::Bfd => format!("BFD session {list}"),
        StateKind::MacTable => "MAC table".to_owned(),
        StateKind::Bgp => format!("BGP to {list}"),
        StateKind::Ospf => format!("OSPF to {list}"),
        StateKind::Fib if keys == ["table"] => "FIB".to_owned(),
        StateKind::Fib => format!("FIB of {list}"),
        StateKind::Alarm => "alarm".to_owned(),
        StateKind::Config => "configuration".to_owned(),
        StateKind::Node => "node".to_owned(),
    }
}
