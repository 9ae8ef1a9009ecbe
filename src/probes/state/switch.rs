//! Answers of a node's supervisor and of a reference switch's management daemon in the house's shapes.
//!
//! Only the fields of the shape are kept: an age or counter among them would make every reading a change.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::changes::Readings;
use crate::nos::plan::{ServiceState, ServiceStatus};
use crate::record::keys;

/// Takes the result out of an answer line: `{"result": …}`, or the bare result.
pub(super) fn result(answer: &str) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_str(answer).map_err(|error| format!("not JSON: {error}"))?;
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        return Err(error.as_str().map_or_else(|| error.to_string(), str::to_owned));
    }
    match answer.get_mut("ok") {
        Some(result) => Ok(result.take()),
        None => Ok(answer),
    }
}

/// The supervisor's list of services. A service not ready yet after a start is `restarting`, one that waits `absent`.
pub(super) fn process(result: Value) -> Result<Readings, String> {
    let services = match result {
        Value::Object(mut fields) => fields.remove("services").unwrap_or_default(),
        list => list,
    };
    let services: Vec<ServiceStatus> =
        serde_json::from_value(services).map_err(|error| format!("not a list of services: {error}"))?;
    Ok(services.iter().map(service).collect())
}

fn service(status: &ServiceStatus) -> (String, Value) {
    let state = match status.state {
        ServiceState::Running => "running",
        ServiceState::Starting | ServiceState::Restarting => "restarting",
        ServiceState::Stopped => "stopped",
        ServiceState::Failed => "failed",
        ServiceState::Waiting => "absent",
    };
    let value = json!({"state": state, "restarts": status.restarts, "pid": status.pid});
    (status.name.to_string(), value)
}

/// Sessions with the peer switch.
pub(super) fn iccp(result: &Value) -> Readings {
    instances(
        result,
        &["peer", "address"],
        &["state", "backup_liveness", "role"],
    )
}

/// Alarms that are set, and how many: so that "no alarm" is something that was seen.
pub(super) fn alarm(result: &Value) -> Readings {
    let mut alarms = instances(result, &["id"], &["class", "color", "reason", "since"]);
    let count = json!({"entries": alarms.len()});
    alarms.insert(keys::TABLE.to_owned(), count);
    alarms
}

/// Size of the MAC table: totals as told, or counted from a list of entries.
pub(super) fn mac_table(result: &Value) -> Readings {
    let list = result
        .as_array()
        .or_else(|| result.get("entries").and_then(Value::as_array));
    let value = match list {
        Some(entries) => {
            let remote = entries.iter().filter(|entry| is_remote(entry)).count();
            json!({"entries": entries.len(), "local": entries.len() - remote, "remote": remote})
        }
        None => Value::Object(kept(result, &["entries", "local", "remote"])),
    };
    Readings::from([(keys::TABLE.to_owned(), value)])
}

fn is_remote(entry: &Value) -> bool {
    ["origin", "source", "flags", "type"]
        .iter()
        .filter_map(|field| entry.get(field).and_then(Value::as_str))
        .any(|text| text == "remote")
        || entry.get("remote").and_then(Value::as_bool).unwrap_or(false)
}

/// The committed configuration: its revision and a hash of its text.
pub(super) fn config(result: &Value) -> Readings {
    let hash = match result.get("hash").and_then(Value::as_str) {
        Some(hash) => hash.to_owned(),
        None => short_hash(result.get("config").unwrap_or(result).to_string().as_bytes()),
    };
    let revision = result.get("revision").cloned().unwrap_or_default();
    let value = json!({"revision": revision, "hash": hash});
    Readings::from([(keys::ACTIVE.to_owned(), value)])
}

/// Returns the first 16 hex digits of a SHA-256: enough to tell tables of one lab apart.
pub(super) fn short_hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let head = digest.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(head))
}

/// Reads one instance, a list of instances that name themselves, or a map by name.
fn instances(result: &Value, names: &[&str], fields: &[&str]) -> Readings {
    let name_of = |item: &Value| {
        let name = names
            .iter()
            .find_map(|name| item.get(name).and_then(Value::as_str));
        name.map(str::to_owned)
    };
    let one = |item: &Value| Some((name_of(item)?, Value::Object(kept(item, fields))));
    match result {
        Value::Array(items) => items.iter().filter_map(one).collect(),
        Value::Object(_) if name_of(result).is_some() => one(result).into_iter().collect(),
        Value::Object(map) => map
            .iter()
            .filter(|(_, item)| item.is_object())
            .map(|(name, item)| (name.clone(), Value::Object(kept(item, fields))))
            .collect(),
        _ => Readings::new(),
    }
}

fn kept(item: &Value, fields: &[&str]) -> Map<String, Value> {
    let kept = fields
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), item.get(field)?.clone())));
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(readings: &Readings) -> Value {
        serde_json::to_value(readings).unwrap()
    }

    #[test]
    fn an_answer_is_a_result_or_an_error() {
        assert_eq!(result(r#"{"ok":[1]}"#), Ok(json!([1])));
        assert_eq!(result("[1]"), Ok(json!([1])));
        assert_eq!(
            result(r#"{"error":"no such thing"}"#),
            Err("no such thing".into())
        );
        assert!(result("oops").unwrap_err().starts_with("not JSON"));
    }

    #[test]
    fn services_are_told_by_name_without_times() {
        let list = json!([
            {"name": "bgpd", "state": "running", "pid": 12, "restarts": 1, "last_exit": "status=9/KILL", "since": 77},
            {"name": "bfdd", "state": "waiting", "pid": null, "restarts": 0, "last_exit": null, "since": 7}]);
        let expected = json!({
            "bfdd": {"state": "absent", "restarts": 0, "pid": null},
            "bgpd": {"state": "running", "restarts": 1, "pid": 12}});
        assert_eq!(told(&process(list.clone()).unwrap()), expected);
        assert_eq!(told(&process(json!({"services": list})).unwrap()), expected);
    }

    #[test]
    fn instances_are_told_alike_from_a_list_a_map_and_a_single_one() {
        let peer = json!({"peer": "10.0.0.2", "state": "up", "role": "active", "uptime": 77});
        let expected = json!({"10.0.0.2": {"state": "up", "role": "active"}});
        assert_eq!(told(&iccp(&json!([peer]))), expected);
        assert_eq!(told(&iccp(&peer)), expected);
        assert_eq!(told(&iccp(&json!({"10.0.0.2": peer}))), expected);
        assert_eq!(told(&alarm(&json!({}))), json!({"table": {"entries": 0}}));
    }

    #[test]
    fn a_mac_table_is_told_by_its_size() {
        let expected = json!({"table": {"entries": 2, "local": 1, "remote": 1}});
        assert_eq!(
            told(&mac_table(
                &json!({"entries": 2, "local": 1, "remote": 1, "aging": 6})
            )),
            expected
        );
        let list = json!([{"mac": "02:00:00:00:00:01", "origin": "local"}, {"mac": "02:00:00:00:00:02", "origin": "remote"}]);
        assert_eq!(told(&mac_table(&list)), expected);
    }

    #[test]
    fn a_configuration_is_told_by_revision_and_hash() {
        let readings = config(&json!({"revision": 4, "config": {"host_name": "ca1"}}));
        let other = config(&json!({"revision": 4, "config": {"host_name": "ca2"}}));
        assert_eq!(readings["active"]["revision"], json!(4));
        assert_ne!(readings, other);
    }
}
