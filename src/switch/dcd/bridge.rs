//! Brings the Open vSwitch database to a plan, changing nothing that is right already.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::plan::{PortPlan, SYSTEM_PRIORITY};
use crate::switch::SwitchError;
use crate::switch::ovs::{self, BRIDGE, Ovsdb};

type Row = Map<String, Value>;

/// Applies a plan in one transaction. `chassis_mac` becomes the bridge's own address.
pub(super) fn apply(
    database: &mut Ovsdb,
    chassis_mac: &str,
    plan: &BTreeMap<String, PortPlan>,
) -> Result<(), SwitchError> {
    ensure_bridge(database, chassis_mac)?;
    let ports = database.rows("Port", &["_uuid", "name", "interfaces", "lacp", "other_config"])?;
    let interfaces = database.rows("Interface", &["_uuid", "name", "other_config"])?;
    let interfaces: BTreeMap<String, Row> = interfaces
        .into_iter()
        .filter_map(|row| Some((uuid(&row)?, row)))
        .collect();
    let mut operations = Vec::new();
    let mut kept = BTreeSet::new();
    for port in &ports {
        let name = text(port, "name");
        if name == BRIDGE {
            continue;
        }
        let members: BTreeMap<&str, &Row> = ovs::uuids(&port["interfaces"])
            .iter()
            .filter_map(|uuid| interfaces.get(uuid))
            .map(|row| (text(row, "name"), row))
            .collect();
        match plan.get(name) {
            Some(planned)
                if planned
                    .interfaces
                    .keys()
                    .map(String::as_str)
                    .eq(members.keys().copied()) =>
            {
                kept.insert(name.to_owned());
                operations.extend(updates(port, &members, planned));
            }
            // A changed set of members makes a new bundle: LACP starts over, as it would on the real box.
            _ => operations.push(change_ports("delete", &port["_uuid"])),
        }
    }
    for (name, planned) in plan.iter().filter(|(name, _)| !kept.contains(*name)) {
        operations.extend(insertion(name, planned));
    }
    if !operations.is_empty() {
        database.transact(operations)?;
    }
    Ok(())
}

fn ensure_bridge(database: &mut Ovsdb, chassis_mac: &str) -> Result<(), SwitchError> {
    let bridges = database.rows("Bridge", &["name"])?;
    if bridges.iter().any(|row| text(row, "name") == BRIDGE) {
        return Ok(());
    }
    let mut operations = Vec::new();
    if database.rows("Open_vSwitch", &["_uuid"])?.is_empty() {
        operations.push(json!({"op": "insert", "table": "Open_vSwitch", "row": {}}));
    }
    // A lab's machine has few cores and many switches: one thread of each kind is enough.
    let threads = json!([
        "map",
        [["n-handler-threads", "1"], ["n-revalidator-threads", "1"]]
    ]);
    operations.extend([
        json!({"op": "insert", "table": "Interface", "uuid-name": "bridge_interface",
               "row": {"name": BRIDGE, "type": "internal"}}),
        json!({"op": "insert", "table": "Port", "uuid-name": "bridge_port",
               "row": {"name": BRIDGE, "interfaces": ["named-uuid", "bridge_interface"]}}),
        json!({"op": "insert", "table": "Bridge", "uuid-name": "bridge",
               "row": {"name": BRIDGE, "datapath_type": "netdev", "fail_mode": "secure",
                       "ports": ["named-uuid", "bridge_port"],
                       "other_config": ["map", [["hwaddr", chassis_mac]]]}}),
        json!({"op": "mutate", "table": "Open_vSwitch", "where": [],
               "mutations": [["other_config", "insert", threads]]}),
        json!({"op": "mutate", "table": "Open_vSwitch", "where": [],
               "mutations": [["bridges", "insert", ["named-uuid", "bridge"]],
                             ["next_cfg", "+=", 1]]}),
    ]);
    database.transact(operations).map(drop)
}

fn updates(port: &Row, members: &BTreeMap<&str, &Row>, planned: &PortPlan) -> Vec<Value> {
    let mut operations = Vec::new();
    let lacp = lacp_column(planned);
    let options = port_options(planned);
    if port["lacp"] != lacp || ovs::map(&port["other_config"]) != options {
        operations.push(
            json!({"op": "update", "table": "Port", "where": [["_uuid", "==", port["_uuid"]]],
            "row": {"lacp": lacp, "other_config": ovs::to_map(&options)}}),
        );
    }
    for (name, row) in members {
        let options = interface_options(planned, name);
        if ovs::map(&row["other_config"]) != options {
            operations.push(
                json!({"op": "update", "table": "Interface", "where": [["_uuid", "==", row["_uuid"]]],
                "row": {"other_config": ovs::to_map(&options)}}),
            );
        }
    }
    operations
}

fn insertion(name: &str, planned: &PortPlan) -> Vec<Value> {
    let mut operations = Vec::new();
    let mut references = Vec::new();
    for (interface, details) in &planned.interfaces {
        let reference = format!("i{}", details.number);
        let mut row = json!({"name": interface, "ofport_request": details.number,
            "other_config": ovs::to_map(&interface_options(planned, interface))});
        if let Some(mac) = &details.internal {
            row["type"] = json!("internal");
            row["mac"] = json!(mac);
        }
        operations.push(json!({"op": "insert", "table": "Interface", "uuid-name": reference, "row": row}));
        references.push(json!(["named-uuid", reference]));
    }
    let reference = format!(
        "p{}",
        planned.interfaces.values().next().map_or(0, |first| first.number)
    );
    let mut row = json!({"name": name, "interfaces": ["set", references], "lacp": lacp_column(planned),
        "other_config": ovs::to_map(&port_options(planned))});
    if references.len() > 1 {
        row["bond_mode"] = json!("balance-tcp");
    }
    operations.push(json!({"op": "insert", "table": "Port", "uuid-name": reference, "row": row}));
    operations.push(change_ports("insert", &json!(["named-uuid", reference])));
    operations
}

fn change_ports(how: &str, port: &Value) -> Value {
    json!({"op": "mutate", "table": "Bridge", "where": [["name", "==", BRIDGE]],
        "mutations": [["ports", how, ["set", [port]]]]})
}

fn lacp_column(planned: &PortPlan) -> Value {
    if planned.lacp.is_some() {
        json!("active")
    } else {
        json!(["set", []])
    }
}

fn port_options(planned: &PortPlan) -> BTreeMap<String, String> {
    let Some(lacp) = &planned.lacp else {
        return BTreeMap::new();
    };
    let time = if lacp.fast { "fast" } else { "slow" };
    [
        ("lacp-time", time.to_owned()),
        ("lacp-system-id", lacp.system_id.clone()),
        ("lacp-system-priority", SYSTEM_PRIORITY.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn interface_options(planned: &PortPlan, name: &str) -> BTreeMap<String, String> {
    let lacp = planned.interfaces.get(name).and_then(|interface| interface.lacp);
    let Some((key, port)) = lacp else {
        return BTreeMap::new();
    };
    BTreeMap::from([
        ("lacp-aggregation-key".to_owned(), key.to_string()),
        ("lacp-port-id".to_owned(), port.to_string()),
    ])
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

fn uuid(row: &Row) -> Option<String> {
    row.get("_uuid")?.get(1)?.as_str().map(str::to_owned)
}
