//! `up` and `down`: labs that stay.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Outcome;
use crate::base::{LabName, Seed};
use crate::cli::args::{DownArgs, RuntimeChoice, SelectionArgs, UpArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::say::say;
use crate::cli::{privilege, signals};
use crate::engine::{Cancel, LabRequest, bring_up, lab_facts};
use crate::nos::{PlanOptions, Scale, plan_nodes};
use crate::runtime::Lifetime;

/// Brings a lab up that stays.
pub fn up(args: &UpArgs, choice: RuntimeChoice) -> Outcome {
    let file = args
        .topo
        .clone()
        .or_else(|| args.file.clone())
        .unwrap_or_default();
    let topology = super::validate::load_topology(&file, true, &args.selection)?;
    super::validate::refuse_unsupported(&topology, choice)?;
    let scale = Scale::new(args.scale).map_err(|error| Failure::new(Exit::Usage, &error))?;
    let plan = PlanOptions {
        seed: Seed(args.seed),
        scale,
        ..PlanOptions::default()
    };
    plan_nodes(&topology, &plan)?;
    privilege::to_make_labs(choice)?;
    let runtime = super::runtime(choice)?;
    let cancel = Cancel::default();
    signals::install(&cancel);
    let request = LabRequest {
        topology: &topology,
        name: LabName::new(args.name.clone().unwrap_or_else(|| topology.name.clone())),
        seed: Seed(args.seed),
        scale,
        lifetime: Lifetime::Stays,
        deadline: args.timeout,
        facts: lab_facts(&topology),
    };
    let started = std::time::Instant::now();
    say(format_args!(
        "bringing up {}: {} nodes, {} links",
        request.name,
        topology.nodes.len(),
        topology.links.len()
    ));
    let lab = bring_up(runtime.as_ref(), &request, &cancel)?;
    say(format_args!(
        "{} is up after {}",
        request.name,
        crate::base::duration::human(started.elapsed())
    ));
    let rows = super::inspect::rows(lab.lab.as_ref())?;
    if args.json {
        super::print_json(&json!({ "lab": request.name, "facts": lab.lab.plan().facts, "nodes": rows }));
    } else {
        let columns = ["node", "nos", "state", "services", "address"];
        super::print(&super::inspect::table(
            &["NODE", "NOS", "STATE", "SERVICES", "ADDRESS"],
            &rows,
            &columns,
        ));
    }
    Ok(Exit::Passed)
}

/// Takes labs down; all of them, even when one fails.
pub fn down(args: &DownArgs, choice: RuntimeChoice) -> Outcome {
    let runtime = super::runtime(choice)?;
    let names = if args.all { runtime.list()? } else { wanted(args)? };
    let mut worst = Exit::Passed;
    for name in &names {
        let result = runtime.open(name).and_then(|lab| lab.destroy());
        match result {
            Ok(()) => say(format_args!("{name} is down")),
            Err(error) => worst = Failure::from(error).report(),
        }
    }
    if names.is_empty() {
        say("no lab is up");
    }
    Ok(worst)
}

fn wanted(args: &DownArgs) -> Result<Vec<LabName>, Failure> {
    let mut names = Vec::new();
    for lab in &args.labs {
        names.push(if Path::new(lab).is_file() {
            name_in(Path::new(lab))?
        } else {
            LabName::new(lab)
        });
    }
    if let Some(file) = &args.topo {
        names.push(name_in(file)?);
    }
    Ok(names)
}

fn name_in(file: &Path) -> Result<LabName, Failure> {
    let topology = super::validate::load_topology(&PathBuf::from(file), false, &SelectionArgs::default())?;
    Ok(LabName::new(topology.name))
}
