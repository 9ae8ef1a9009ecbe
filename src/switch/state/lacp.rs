//! LACP as ovs-vswitchd sees it (`lacp/show` of Open vSwitch 3.1), in the words of IEEE 802.1AX.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::switch::SwitchError;
use crate::switch::ovs::Vswitchd;

/// One end's view (IEEE 802.1AX 6.4.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LacpInfo {
    /// System ID, a MAC address.
    pub system_id: String,
    /// System priority; smaller wins.
    pub system_priority: u16,
    /// Port number.
    pub port_id: u16,
    /// Operational key.
    pub key: u16,
    /// `activity`, `timeout`, `aggregation`, `sync`, `collecting`, `distributing`, `defaulted`, `expired`.
    pub bits: Vec<String>,
}

/// A member port of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LacpMember {
    /// The bundle, e.g. `ae10`.
    pub bundle: String,
    /// `collecting-distributing`, `attached`, `detached`, `defaulted` or `expired`.
    pub state: String,
    /// Whether it carries traffic.
    #[serde(skip)]
    pub carries: bool,
    /// This end.
    pub actor: LacpInfo,
    /// The other end as last heard.
    pub partner: LacpInfo,
}

/// Reads all member ports, by interface name.
pub fn lacp(root: &Path) -> Result<BTreeMap<String, LacpMember>, SwitchError> {
    Ok(parse_lacp(&Vswitchd::at(root).command("lacp/show", &[])?))
}

/// Parses `lacp/show`.
#[must_use]
pub fn parse_lacp(text: &str) -> BTreeMap<String, LacpMember> {
    let mut found: BTreeMap<String, LacpMember> = BTreeMap::new();
    let mut bundle = String::new();
    let mut member: Option<(String, LacpMember, String)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" ----"))
        {
            finish(&mut found, member.take());
            name.clone_into(&mut bundle);
        } else if let Some(rest) = line.strip_prefix("member: ") {
            finish(&mut found, member.take());
            let (name, status) = rest.split_once(": ").unwrap_or((rest, ""));
            let fresh = LacpMember {
                bundle: bundle.clone(),
                ..LacpMember::default()
            };
            member = Some((name.to_owned(), fresh, status.to_owned()));
        } else if let (Some((_, member, _)), Some((key, value))) = (&mut member, line.split_once(": ")) {
            read_field(member, key, value);
        }
    }
    finish(&mut found, member);
    found
}

fn read_field(member: &mut LacpMember, key: &str, value: &str) {
    if key == "may_enable" {
        member.carries = value == "true";
        return;
    }
    let (end, field) = match key.split_once(' ') {
        Some(("actor", field)) => (&mut member.actor, field),
        Some(("partner", field)) => (&mut member.partner, field),
        _ => return,
    };
    match field {
        "sys_id" => value.clone_into(&mut end.system_id),
        "sys_priority" => end.system_priority = value.parse().unwrap_or_default(),
        "port_id" => end.port_id = value.parse().unwrap_or_default(),
        "key" => end.key = value.parse().unwrap_or_default(),
        "state" => {
            let words = value.split_whitespace();
            end.bits = words
                .map(|word| if word == "synchronized" { "sync" } else { word }.to_owned())
                .collect();
        }
        _ => {}
    }
}

fn finish(found: &mut BTreeMap<String, LacpMember>, member: Option<(String, LacpMember, String)>) {
    let Some((name, mut member, status)) = member else {
        return;
    };
    let partner_in_sync = has(&member.partner, "sync");
    let state = match status.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["current", "attached"] if member.carries && partner_in_sync => "collecting-distributing",
        ["current", "attached"] => "attached",
        ["defaulted", ..] => "defaulted",
        ["expired", ..] => "expired",
        _ => "detached",
    };
    state.clone_into(&mut member.state);
    found.insert(name, member);
}

fn has(info: &LacpInfo, bit: &str) -> bool {
    info.bits.iter().any(|known| known == bit)
}

/// A change of a member as the real box logs it, or none when its state is the same.
#[must_use]
pub fn mux_line(port: &str, before: Option<&LacpMember>, after: Option<&LacpMember>) -> Option<String> {
    let word = |member: Option<&LacpMember>| member.map_or("DETACHED", |member| mux_state(&member.state));
    let (from, to) = (word(before), word(after));
    let shown = after.or(before)?;
    (from != to).then(|| {
        format!(
            "LACP_INTF_MUX_STATE_CHANGED: {}: {port}: Lacp state changed from {from} to {to}, actor port state : {}, \
             partner port state : {}",
            shown.bundle,
            bits(&shown.actor),
            bits(&shown.partner)
        )
    })
}

fn mux_state(state: &str) -> &'static str {
    match state {
        "collecting-distributing" => "COLLECTING_DISTRIBUTING",
        "attached" => "ATTACHED",
        _ => "DETACHED",
    }
}

fn bits(info: &LacpInfo) -> String {
    let pick = |bit, set, unset| if has(info, bit) { set } else { unset };
    [
        pick("expired", "EXP", "-"),
        pick("defaulted", "DEF", "-"),
        pick("distributing", "DIS", "-"),
        pick("collecting", "COL", "-"),
        pick("sync", "IN_SYNC", "OUT_OF_SYNC"),
        pick("aggregation", "AGG", "IND"),
        pick("timeout", "SHORT", "LONG"),
        pick("activity", "ACT", "PAS"),
    ]
    .iter()
    .fold(String::from("|"), |text, word| text + word + "|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOW: &str = include_str!("testdata/lacp-show.txt");

    #[test]
    fn members_are_read_with_both_ends() {
        let members = parse_lacp(SHOW);
        insta::assert_json_snapshot!(members);
    }

    #[test]
    fn a_change_is_logged_like_the_real_box_does() {
        let members = parse_lacp(SHOW);
        let mut detached = members["eth1"].clone();
        detached.state = "detached".into();
        detached.actor.bits = vec!["activity".into(), "timeout".into(), "aggregation".into()];
        let line = mux_line("eth1", members.get("eth1"), Some(&detached));
        insta::assert_snapshot!(line.unwrap_or_default());
        assert_eq!(mux_line("eth1", members.get("eth1"), members.get("eth1")), None);
    }
}
