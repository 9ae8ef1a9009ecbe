//! `list` and `inspect`: what is up.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::Outcome;
use crate::base::LabName;
use crate::cli::args::{InspectArgs, JsonArgs, RuntimeChoice};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::say::say;
use crate::nos::plan::ServiceState;
use crate::runtime::{Lab, NodeState};

/// Lists labs.
pub fn list(args: &JsonArgs, choice: RuntimeChoice) -> Outcome {
    let runtime = super::runtime(choice)?;
    let mut rows = Vec::new();
    for name in runtime.list()? {
        // A lab may end between the listing and the look.
        let Ok(lab) = runtime.open(&name) else { continue };
        let facts = &lab.plan().facts;
        let text = |key: &str| facts[key].as_str().unwrap_or_default().to_owned();
        rows.push(json!({
            "lab": name, "nodes": lab.plan().nodes.len(), "topology": text("topology"), "owner": text("owner"),
            "created": text("created"),
        }));
    }
    if args.json {
        super::print_json(&rows);
    } else if rows.is_empty() {
        say("no lab is up");
    } else {
        super::print(&table(
            &["LAB", "NODES", "TOPOLOGY", "CREATED"],
            &rows,
            &["lab", "nodes", "topology", "created"],
        ));
    }
    Ok(Exit::Passed)
}

/// Shows a lab's nodes.
pub fn inspect(args: &InspectArgs, choice: RuntimeChoice) -> Outcome {
    let runtime = super::runtime(choice)?;
    let name = match &args.lab {
        Some(name) => LabName::new(name),
        None => only(&runtime.list()?)?,
    };
    let lab = runtime.open(&name)?;
    let rows = rows(lab.as_ref())?;
    if args.json {
        super::print_json(&json!({ "lab": name, "facts": lab.plan().facts, "nodes": rows }));
    } else {
        let columns = ["node", "nos", "state", "services", "address"];
        super::print(&table(
            &["NODE", "NOS", "STATE", "SERVICES", "ADDRESS"],
            &rows,
            &columns,
        ));
    }
    Ok(Exit::Passed)
}

fn only(names: &[LabName]) -> Result<LabName, Failure> {
    match names {
        [name] => Ok(name.clone()),
        [] => Err(Failure::text(Exit::InvalidInput, "no lab is up")
            .hint(Some("`faultlab up FILE` brings one up".into()))),
        many => {
            let list = many
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            Err(Failure::text(Exit::InvalidInput, "several labs are up")
                .hint(Some(format!("name one of: {list}"))))
        }
    }
}

/// One row a node, as JSON; the table prints the same values.
pub fn rows(lab: &dyn Lab) -> Result<Vec<Value>, Failure> {
    let kinds = &lab.plan().facts["kinds"];
    let mut rows = Vec::new();
    for plan in &lab.plan().nodes {
        let status = lab.status(&plan.node)?;
        let running = status
            .services
            .iter()
            .filter(|service| service.state == ServiceState::Running)
            .count();
        let failed: Vec<_> = status
            .services
            .iter()
            .filter(|s| s.state == ServiceState::Failed)
            .map(|s| s.name.to_string())
            .collect();
        let services = match (plan.services.len(), failed.is_empty()) {
            (0, _) => "-".to_owned(),
            (all, true) => format!("{running}/{all}"),
            (all, false) => format!("{running}/{all}, failed: {}", failed.join(" ")),
        };
        rows.push(json!({
            "node": plan.node,
            "nos": kinds[plan.node.as_str()].as_str().unwrap_or("linux"),
            "state": state(status.state),
            "services": services,
            "address": plan.management.map(|address| address.to_string()).unwrap_or_default(),
            "error": status.error,
            "daemons": status.services,
        }));
    }
    Ok(rows)
}

fn state(state: NodeState) -> &'static str {
    match state {
        NodeState::Off => "off",
        NodeState::Booting => "booting",
        NodeState::Running => "running",
        NodeState::Frozen => "frozen",
        NodeState::BootFailed => "boot failed",
    }
}

/// Aligns rows under a heading.
pub fn table(heading: &[&str], rows: &[Value], keys: &[&str]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading.iter().copied());
    for row in rows {
        table.add_row(keys.iter().map(|key| match &row[*key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}
