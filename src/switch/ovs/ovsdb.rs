//! The configuration database of Open vSwitch (RFC 7047): select and transact.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::jsonrpc::Connection;
use crate::switch::SwitchError;

const SOCKET: &str = "/run/openvswitch/db.sock";
const DATABASE: &str = "Open_vSwitch";

/// A connection to ovsdb-server that is opened when needed and again after a failure.
#[derive(Debug)]
pub struct Ovsdb {
    path: PathBuf,
    connection: Option<Connection>,
}

impl Ovsdb {
    /// Names the database of the node whose root directory is `root` (`/` inside the node).
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            path: super::below(root, SOCKET),
            connection: None,
        }
    }

    /// Carries out operations in one transaction (RFC 7047 section 4.1.3) and returns one result for each.
    pub fn transact(&mut self, operations: Vec<Value>) -> Result<Vec<Value>, SwitchError> {
        let mut params = vec![Value::from(DATABASE)];
        params.extend(operations);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(Connection::open(&self.path)?),
        };
        let result = match connection.call("transact", &Value::from(params)) {
            Ok(result) => result,
            Err(error) => {
                self.connection = None;
                return Err(error);
            }
        };
        let results = result.as_array().cloned().unwrap_or_default();
        match results
            .iter()
            .find_map(|result| result.get("error").map(|error| (error, result)))
        {
            Some((error, result)) => Err(SwitchError::Refused {
                operation: "change the Open vSwitch database".to_owned(),
                reason: format!("{error} {}", result.get("details").unwrap_or(&Value::Null)),
            }),
            None => Ok(results),
        }
    }

    /// Reads columns of all rows of a table.
    pub fn rows(&mut self, table: &str, columns: &[&str]) -> Result<Vec<Map<String, Value>>, SwitchError> {
        let select = json!({"op": "select", "table": table, "where": [], "columns": columns});
        let results = self.transact(vec![select])?;
        let rows = results.first().and_then(|result| result["rows"].as_array());
        Ok(rows
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .cloned()
            .collect())
    }
}

/// Reads `["map", [[k, v], …]]` (RFC 7047 section 5.1).
pub fn map(value: &Value) -> std::collections::BTreeMap<String, String> {
    let pairs = value.get(1).and_then(Value::as_array);
    pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| {
            Some((
                pair.get(0)?.as_str()?.to_owned(),
                pair.get(1)?.as_str()?.to_owned(),
            ))
        })
        .collect()
}

/// Writes a map in the form of RFC 7047 section 5.1.
#[must_use]
pub fn to_map(map: &std::collections::BTreeMap<String, String>) -> Value {
    json!([
        "map",
        map.iter()
            .map(|(key, value)| json!([key, value]))
            .collect::<Vec<_>>()
    ])
}

/// Reads a set of UUIDs, which is a bare UUID when it has one element.
pub fn uuids(value: &Value) -> Vec<String> {
    match value.get(0).and_then(Value::as_str) {
        Some("uuid") => value
            .get(1)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .into_iter()
            .collect(),
        Some("set") => value
            .get(1)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .flat_map(uuids)
            .collect(),
        _ => Vec::new(),
    }
}
