//! Where `show` gets the state of the other daemons from.

use serde_json::{Map, Value, json};

use super::super::SwitchError;

/// Readers of the switch's state. Each is called per question and may block briefly; shapes follow
/// `record::observation::StateKind`, as lists.
pub trait StateSource: Send + Sync {
    /// `[{"member", "bundle", "state", "actor": {"system_id", "key", "bits": […]}, "partner": {…}}]` (IEEE 802.1AX 6.4.6).
    fn lacp(&self) -> Result<Value, SwitchError>;

    /// `[{"peer", "state", "backup_liveness", "role"}]`.
    fn iccp(&self) -> Result<Value, SwitchError>;

    /// `[{"peer", "state", "diagnostic", "interval_ms", "multiplier"}]`; the last two optional (RFC 5880).
    fn bfd(&self) -> Result<Value, SwitchError>;

    /// `{"entries", "local", "remote", "list": [{"vlan", "mac", "interface", "age_s", "origin": "dynamic"|"peer"|"irb"}]}`.
    fn mac_table(&self) -> Result<Value, SwitchError>;

    /// `[{"name", "admin": "up"|"down", "carrier": bool, "description", "addresses": […]}]`; the last two optional.
    fn interfaces(&self) -> Result<Value, SwitchError>;
}

/// Turns a map of instances into the list that `show` answers: each one with its key in `field`, in the order of keys.
///
/// Anything but a map of maps stays what it is.
#[must_use]
pub fn listed(value: Value, field: &str) -> Value {
    match value {
        Value::Object(instances) if instances.values().all(Value::is_object) => instances
            .into_iter()
            .map(|(key, instance)| {
                let mut row = Map::from_iter([(field.to_owned(), Value::String(key))]);
                row.extend(instance.as_object().cloned().unwrap_or_default());
                Value::Object(row)
            })
            .collect(),
        other => other,
    }
}

/// A switch on which nothing has happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSource;

impl StateSource for NullSource {
    fn lacp(&self) -> Result<Value, SwitchError> {
        Ok(json!([]))
    }

    fn iccp(&self) -> Result<Value, SwitchError> {
        Ok(json!([]))
    }

    fn bfd(&self) -> Result<Value, SwitchError> {
        Ok(json!([]))
    }

    fn mac_table(&self) -> Result<Value, SwitchError> {
        Ok(json!({"entries": 0, "local": 0, "remote": 0, "list": []}))
    }

    fn interfaces(&self) -> Result<Value, SwitchError> {
        Ok(json!([]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_become_rows_with_their_key() {
        let map = json!({"eth1": {"bundle": "ae1"}, "eth2": {"bundle": "ae2"}});
        let rows = json!([{"member": "eth1", "bundle": "ae1"}, {"member": "eth2", "bundle": "ae2"}]);
        assert_eq!(listed(map, "member"), rows);
        assert_eq!(listed(rows.clone(), "member"), rows);
    }
}
