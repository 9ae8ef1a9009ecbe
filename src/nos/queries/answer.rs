//! Answers of a NOS → readings in the shape that histories hold, by the parser that a definition names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::NosError;
use super::{junos, state};

/// Instance → value, as [`crate::record::StateKind`] describes them.
pub type Readings = BTreeMap<String, Value>;

/// What reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parser {
    /// `show bgp … summary json`.
    FrrBgp,
    /// `show ip ospf neighbor json`.
    FrrOspf,
    /// `show bfd peers json`.
    FrrBfd,
    /// `show interface json`.
    FrrInterface,
    /// `show interfaces terse | display json`.
    JunosInterface,
    /// `show lacp interfaces | display json`.
    JunosLacp,
    /// `show iccp`: text, since its elements in JSON are in no manual that was read.
    JunosIccp,
    /// `show bfd session | display json`.
    JunosBfd,
    /// `show bgp summary | display json`.
    JunosBgp,
    /// `show ospf neighbor | display json`.
    JunosOspf,
    /// `show ethernet-switching table | display json` (ELS).
    JunosMacTable,
    /// `show chassis alarms | display json`.
    JunosAlarm,
}

impl Parser {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it does not have the expected shape; an answer that says nothing is no empty table.
    pub fn read(self, answer: &str) -> Result<Readings, NosError> {
        let unreadable = |problem: String| NosError::Unreadable {
            parser: self,
            problem,
        };
        if self == Self::JunosIccp {
            return junos::iccp(answer).map_err(unreadable);
        }
        let value: Value = serde_json::from_str(answer).map_err(|error| {
            let first = answer.trim().lines().next().unwrap_or_default();
            unreadable(format!("not JSON ({error}); it begins with `{first}`"))
        })?;
        let readings = match self {
            Self::FrrBgp => Ok(plain(state::parse_bgp(&value))),
            Self::FrrOspf => Ok(plain(state::parse_ospf(&value))),
            Self::FrrBfd => Ok(plain(state::parse_bfd(&value))),
            Self::FrrInterface => Ok(interfaces(state::parse_interfaces(&value))),
            Self::JunosInterface => junos::interface(&value),
            Self::JunosLacp => junos::lacp(&value),
            Self::JunosIccp => unreachable!("read as text above"),
            Self::JunosBfd => junos::bfd(&value),
            Self::JunosBgp => junos::bgp(&value),
            Self::JunosOspf => junos::ospf(&value),
            Self::JunosMacTable => junos::mac_table(&value),
            Self::JunosAlarm => junos::alarm(&value),
        };
        readings.map_err(unreadable)
    }
}

fn plain<T: Serialize>(table: BTreeMap<String, T>) -> Readings {
    table
        .into_iter()
        .map(|(key, value)| (key, json!(value)))
        .collect()
}

fn interfaces(table: BTreeMap<String, state::InterfaceState>) -> Readings {
    let value = |state: state::InterfaceState| json!({"admin": if state.admin_up { "up" } else { "down" }, "carrier": state.oper_up});
    table
        .into_iter()
        .map(|(name, state)| (name, value(state)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str) -> String {
        let path = format!("{}/src/nos/queries/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn answers_of_junos_become_readings() {
        for (parser, file) in [
            (Parser::JunosLacp, "junos-lacp.json"),
            (Parser::JunosIccp, "junos-iccp.txt"),
            (Parser::JunosMacTable, "junos-mac-table.json"),
            (Parser::JunosBgp, "junos-bgp.json"),
            (Parser::JunosBfd, "junos-bfd.json"),
            (Parser::JunosOspf, "junos-ospf.json"),
            (Parser::JunosInterface, "junos-interface.json"),
            (Parser::JunosAlarm, "junos-alarm.json"),
        ] {
            insta::with_settings!({description => file, omit_expression => true}, {
                let name = file.split('.').next().unwrap();
                insta::assert_json_snapshot!(name, parser.read(&answer(file)).unwrap());
            });
        }
    }

    #[test]
    fn answers_of_frr_become_readings_too() {
        let peers = Parser::FrrBgp.read(&answer("bgp.json")).unwrap();
        assert_eq!(peers["10.255.0.1"]["remote_as"], 58212);
        let interfaces = Parser::FrrInterface.read(&answer("interface.json")).unwrap();
        assert!(interfaces.values().all(|state| state["carrier"].is_boolean()));
    }

    #[test]
    fn an_answer_that_says_nothing_is_an_error_and_no_empty_table() {
        for answer in ["", "{}", "error: syntax error", r#"{"bgp-information": []}"#] {
            for parser in [
                Parser::JunosLacp,
                Parser::JunosBgp,
                Parser::JunosIccp,
                Parser::JunosMacTable,
            ] {
                assert!(parser.read(answer).is_err(), "{parser:?} {answer}");
            }
        }
        let refused =
            Parser::JunosLacp.read("warning: lacp subsystem not running - not needed by configuration");
        insta::assert_snapshot!(refused.unwrap_err());
    }
}
