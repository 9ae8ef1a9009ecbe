//! The files' JSON schema, for editors: completion and red underlines before faultlab reads the file.
//!
//! It is written by hand beside the decoders, because they know more than a schema can say; a test holds their keys
//! together.

/// Returns the JSON schema (draft 2020-12) of experiment, contract and suite files.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    serde_json::from_str(include_str!("schema.json"))
        .expect("the embedded schema is JSON, which a test checks")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{contract, expectation, load, method, parts, predicate, single};
    use super::json_schema;

    #[test]
    fn the_schema_has_the_keys_that_the_decoders_have() {
        let schema = json_schema();
        let tables: [(&str, &[&str]); 16] = [
            ("experiment", &single::KEYS),
            ("contract", &contract::KEYS),
            ("suite", &load::SUITE_KEYS),
            ("row", &contract::ROW_KEYS),
            ("cell", &contract::CELL_KEYS),
            ("time", &parts::TIME_KEYS),
            ("traffic-group", &parts::TRAFFIC_KEYS),
            ("steady-state", &parts::STEADY_KEYS),
            ("step", &method::KEYS),
            ("injection", &method::INJECT_KEYS),
            ("commit", &method::COMMIT_KEYS),
            ("expectation", &expectation::KEYS),
            ("state-predicate", &predicate::STATE_KEYS),
            ("traffic-predicate", &predicate::TRAFFIC_KEYS),
            ("log-predicate", &predicate::LOG_KEYS),
            ("incident-row", &single::INCIDENT_KEYS),
        ];
        for (name, keys) in tables {
            let properties = schema["$defs"][name]["properties"].as_object().unwrap();
            let written: BTreeSet<_> = properties.keys().map(String::as_str).collect();
            assert_eq!(written, keys.iter().copied().collect(), "{name}");
            assert_eq!(schema["$defs"][name]["additionalProperties"], false, "{name}");
        }
        let states: Vec<_> = predicate::STATES.iter().map(|(name, _)| *name).collect();
        let property = &schema["$defs"]["state-predicate"]["properties"]["state"]["enum"];
        assert_eq!(*property, serde_json::json!(states));
    }
}
