//! State as tables for people. What is missing is shown as `-`, never left out: a column that shifts misleads.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::mgd::protocol::What;

/// Renders the answer to a `show`.
pub(super) fn render(what: What, value: &Value) -> String {
    match what {
        What::Lacp => lacp(value),
        What::Iccp => plain(
            value,
            "No ICCP peer is configured",
            &[
                ("Peer", "peer"),
                ("State", "state"),
                ("Backup liveness", "backup_liveness"),
                ("Role", "role"),
            ],
        ),
        What::Bfd => plain(
            value,
            "No BFD session is configured",
            &[
                ("Address", "peer"),
                ("State", "state"),
                ("Interval (ms)", "interval_ms"),
                ("Multiplier", "multiplier"),
                ("Diagnostic", "diagnostic"),
            ],
        ),
        What::MacTable => mac_table(value),
        What::Interfaces => interfaces(value),
        What::Alarms => alarms(value),
        What::Processes => plain(
            value,
            "The supervisor runs nothing",
            &[
                ("Process", "name"),
                ("State", "state"),
                ("PID", "pid"),
                ("Restarts", "restarts"),
                ("Last exit", "last_exit"),
            ],
        ),
        What::Commits => plain(
            value,
            "Nothing was committed",
            &[
                ("", "n"),
                ("Revision", "revision"),
                ("At", "at"),
                ("By", "user"),
                ("Comment", "comment"),
            ],
        ),
        What::Version | What::All => fields(value),
    }
}

/// Text of a field; `-` for what is not there.
fn cell(value: &Value, field: &str) -> String {
    match field.split('.').try_fold(value, |value, name| value.get(name)) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => {
            let texts: Vec<_> = items
                .iter()
                .map(|item| item.as_str().map_or(item.to_string(), str::to_owned))
                .collect();
            texts.join(" ")
        }
        Some(other) => other.to_string(),
    }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn plain(value: &Value, nothing: &str, columns: &[(&str, &str)]) -> String {
    let cells = rows(value)
        .iter()
        .map(|row| columns.iter().map(|(_, field)| cell(row, field)).collect());
    let head: Vec<_> = columns.iter().map(|(title, _)| *title).collect();
    table(&head, &cells.collect::<Vec<_>>(), nothing)
}

/// Aligns columns by their widest cell; the last one is not padded.
fn table(head: &[&str], rows: &[Vec<String>], nothing: &str) -> String {
    if rows.is_empty() {
        return format!("{nothing}\n");
    }
    let head: Vec<String> = head.iter().map(|title| (*title).to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head)
            .chain(rows)
            .filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let line = row
            .iter()
            .zip(&widths)
            .fold(String::new(), |line, (cell, width)| {
                line + &format!("{cell:width$}  ")
            });
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn flag(value: Option<bool>, set: &str, clear: &str) -> String {
    value
        .map_or("-", |value| if value { set } else { clear })
        .to_owned()
}

fn lacp(value: &Value) -> String {
    const BITS: [&str; 7] = [
        "expired",
        "defaulted",
        "distributing",
        "collecting",
        "sync",
        "aggregation",
        "timeout",
    ];
    let head = [
        "Bundle",
        "Port",
        "Role",
        "System ID",
        "Key",
        "Exp",
        "Def",
        "Dist",
        "Col",
        "Syn",
        "Aggr",
        "Timeout",
        "Activity",
        "Mux state",
    ];
    let mut lines = Vec::new();
    for row in rows(value) {
        for role in ["actor", "partner"] {
            let bits = row.get(role).and_then(|end| end.get("bits")).map(rows);
            let has = |bit: &str| bits.map(|bits| bits.iter().any(|set| set == bit));
            let mut line = vec![cell(row, "bundle"), cell(row, "member"), role.to_owned()];
            line.push(cell(row, &format!("{role}.system_id")));
            line.push(cell(row, &format!("{role}.key")));
            for bit in BITS {
                let (set, clear) = if bit == "timeout" {
                    ("fast", "slow")
                } else {
                    ("yes", "no")
                };
                line.push(flag(has(bit), set, clear));
            }
            line.push(flag(has("activity"), "active", "passive"));
            line.push(if role == "actor" {
                cell(row, "state")
            } else {
                String::new()
            });
            lines.push(line);
        }
    }
    table(&head, &lines, "LACP runs on no interface")
}

fn mac_table(value: &Value) -> String {
    let count = |field: &str| value.get(field).and_then(Value::as_u64).unwrap_or_default();
    let mut text = format!(
        "{} entries, {} learned here, {} from the peer\n",
        count("entries"),
        count("local"),
        count("remote")
    );
    let list = value.get("list").map(rows).unwrap_or_default();
    if list.is_empty() {
        return text;
    }
    let cells: Vec<_> = list
        .iter()
        .map(|row| {
            let mut line: Vec<_> = ["vlan", "mac", "interface", "origin"]
                .iter()
                .map(|field| cell(row, field))
                .collect();
            let age = row.get("age_s").and_then(Value::as_f64);
            line.push(age.map_or("-".to_owned(), |age| format!("{age:.0} s")));
            line
        })
        .collect();
    text.push_str(&table(
        &["VLAN", "MAC address", "Interface", "Origin", "Age"],
        &cells,
        "",
    ));
    text
}

fn interfaces(value: &Value) -> String {
    let cells: Vec<_> = rows(value)
        .iter()
        .map(|row| {
            let link = flag(row.get("carrier").and_then(Value::as_bool), "up", "down");
            vec![
                cell(row, "name"),
                cell(row, "admin"),
                link,
                cell(row, "addresses"),
                cell(row, "description"),
            ]
        })
        .collect();
    table(
        &["Interface", "Admin", "Link", "Addresses", "Description"],
        &cells,
        "There are no interfaces",
    )
}

fn alarms(value: &Value) -> String {
    let count = rows(value).len();
    if count == 0 {
        return "No alarms currently active\n".to_owned();
    }
    let columns = [
        ("Alarm time", "since"),
        ("Class", "class"),
        ("Color", "color"),
        ("Description", "reason"),
    ];
    let plural = if count == 1 { "alarm" } else { "alarms" };
    format!(
        "{count} {plural} currently active\n{}",
        plain(value, "", &columns)
    )
}

fn fields(value: &Value) -> String {
    let Some(fields) = value.as_object() else {
        return format!("{value:#}\n");
    };
    let mut text = String::new();
    for (name, value) in fields {
        let name = name.replace('_', "-");
        match value {
            Value::String(plain) => {
                let _ = writeln!(text, "{name}: {plain}");
            }
            other => {
                let _ = writeln!(text, "{name}: {other:#}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lacp_shows_both_ends_of_each_member() {
        let up = [
            "activity",
            "timeout",
            "aggregation",
            "sync",
            "collecting",
            "distributing",
        ];
        insta::assert_snapshot!(render(
            What::Lacp,
            &json!([
                {"member": "eth1", "bundle": "ae1", "state": "collecting-distributing",
                 "actor": {"system_id": "00:00:00:00:00:10", "key": 1, "bits": up},
                 "partner": {"system_id": "02:00:00:00:00:31", "key": 7, "bits": up}},
                {"member": "eth12", "bundle": "ae10", "state": "defaulted",
                 "actor": {"system_id": "02:ca:01:00:00:0a", "key": 10, "bits": ["activity", "aggregation", "defaulted"]},
                 "partner": {}}
            ])
        ));
    }

    #[test]
    fn the_mac_table_says_who_learned_an_address() {
        insta::assert_snapshot!(render(
            What::MacTable,
            &json!({"entries": 3, "local": 1, "remote": 1, "list": [
                {"vlan": "vlan-10", "mac": "02:00:00:00:00:01", "interface": "ae1", "age_s": 3.4, "origin": "dynamic"},
                {"vlan": "vlan-10", "mac": "02:00:00:00:00:02", "interface": "ae10", "age_s": 12, "origin": "peer"},
                {"vlan": "vlan-97", "mac": "02:00:00:00:00:03", "interface": "irb.97", "age_s": null, "origin": "irb"}
            ]})
        ));
    }

    #[test]
    fn the_other_tables_are_aligned_and_say_when_there_is_nothing() {
        let mut text = String::new();
        let shown = [
            (
                What::Iccp,
                json!([{"peer": "10.50.1.2", "state": "up", "backup_liveness": "down", "role": "active"}]),
            ),
            (
                What::Bfd,
                json!([{"peer": "10.50.1.2", "state": "down", "diagnostic": "control detection time expired"}]),
            ),
            (
                What::Interfaces,
                json!([
                    {"name": "eth1", "admin": "up", "carrier": true, "description": "to mx1"},
                    {"name": "irb.97", "admin": "up", "carrier": false, "addresses": ["10.97.2.2/29", "2001:db8::2/64"]}
                ]),
            ),
            (
                What::Alarms,
                json!([{"id": "app-fail-l2ald", "class": "chassis", "color": "red",
                "reason": "Application l2ald fail on node Re0", "since": "2025-10-23T11:27:45.003Z"}]),
            ),
            (
                What::Processes,
                json!([
                    {"name": "mgd", "state": "running", "pid": 12, "restarts": 0, "last_exit": null},
                    {"name": "l2ald", "state": "failed", "pid": null, "restarts": 3, "last_exit": "status=6/ABRT"}
                ]),
            ),
            (
                What::Commits,
                json!([{"n": 0, "revision": 2, "at": "2025-10-23T11:26:05.000Z", "user": "root", "comment": "irb.97"}]),
            ),
            (
                What::Version,
                json!({"host_name": "ca1", "model": "faultlab reference switch", "version": "0.1.0", "revision": 2}),
            ),
        ];
        for (what, value) in shown {
            let _ = writeln!(text, "== {}\n{}", what.name(), render(what, &value));
        }
        for what in What::EACH {
            let _ = writeln!(text, "== no {}\n{}", what.name(), render(what, &json!([])));
        }
        insta::assert_snapshot!(text);
    }
}
