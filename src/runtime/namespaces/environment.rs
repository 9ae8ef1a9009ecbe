//! The environment of every process of a node.

use std::collections::BTreeMap;

use crate::nos::plan::{NODE_COMMANDS, NodePlan};

/// Marks every process of a lab with the lab's name, so that none can hide.
pub const LAB_VARIABLE: &str = "FAULTLAB_LAB";

const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/frr";

/// The plan's variables on top of a small fixed set: nothing of the caller's leaks into a node.
pub(in crate::runtime) fn of(plan: &NodePlan) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("HOME".to_owned(), "/root".to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("FAULTLAB_NODE".to_owned(), plan.node.to_string()),
    ]);
    if let Ok(lab) = std::env::var(LAB_VARIABLE) {
        variables.insert(LAB_VARIABLE.to_owned(), lab);
    }
    variables.extend(plan.environment.clone());
    let path = variables
        .entry("PATH".to_owned())
        .or_insert_with(|| SYSTEM_PATH.to_owned());
    *path = format!("{NODE_COMMANDS}:{path}");
    variables
}
