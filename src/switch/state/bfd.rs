//! BFD sessions as FRR's bfdd sees them (RFC 5880).

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Vty;
use crate::switch::SwitchError;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdPeer {
    /// `up`, `down`, `init` or `admin-down`.
    pub state: String,
    /// Why it last went down, in FRR's words.
    pub diagnostic: String,
}

/// Reads all sessions, by peer address.
pub fn bfd(root: &Path) -> Result<BTreeMap<String, BfdPeer>, SwitchError> {
    parse_bfd(&Vty::open(root, "bfdd")?.command("show bfd peers json")?)
}

/// Parses `show bfd peers json`.
pub fn parse_bfd(text: &str) -> Result<BTreeMap<String, BfdPeer>, SwitchError> {
    let sessions: Vec<Value> =
        serde_json::from_str(text).map_err(|error| SwitchError::protocol("bfdd", error))?;
    Ok(sessions
        .iter()
        .filter_map(|session| {
            let word = |key: &str| session[key].as_str().unwrap_or_default();
            let state = match word("status") {
                "shutdown" => "admin-down",
                other => other,
            };
            let peer = BfdPeer {
                state: state.to_owned(),
                diagnostic: word("diagnostic").to_owned(),
            };
            Some((session["peer"].as_str()?.to_owned(), peer))
        })
        .collect())
}
