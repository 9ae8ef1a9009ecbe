//! `validate` and `render`: files, without running anything.

use std::path::Path;

use serde_json::{Value, json};

use super::Outcome;
use crate::base::{Document, Seed};
use crate::cli::args::{RenderArgs, RuntimeChoice, SelectionArgs, ValidateArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{self, Failure};
use crate::cli::say::say;
use crate::experiment::Suite;
use crate::nos::{Nos, PlanOptions, Scale, plan_nodes, render as render_nodes};
use crate::topology::unsupported::{Remark, Target, told, unsupported};
use crate::topology::{LoadOptions, Topology, resolved::resolved};

/// Loads a topology, or says everything that is wrong with it.
pub fn load_topology(file: &Path, check_files: bool, selection: &SelectionArgs) -> Result<Topology, Failure> {
    let options = LoadOptions {
        environment: std::env::vars().collect(),
        check_files,
        variables: selection.vars.clone(),
        node_filter: selection.node_filter.clone(),
        ..LoadOptions::default()
    };
    Ok(crate::topology::load(file, &options)?)
}

/// Lists what the embedded runtime does not do of what a topology asks for.
fn remarks(topology: &Topology, runtime: RuntimeChoice) -> Vec<Remark> {
    let target = match runtime {
        RuntimeChoice::Namespaces => Target::Namespaces,
        RuntimeChoice::Docker => Target::Docker,
    };
    unsupported(topology, target, &Nos::ALL.map(Nos::as_str))
}

/// Says what the runtime ignores, and refuses a topology that could not mean the same on it.
pub fn refuse_unsupported(topology: &Topology, runtime: RuntimeChoice) -> Result<(), Failure> {
    let (refused, ignored): (Vec<_>, Vec<_>) = remarks(topology, runtime)
        .into_iter()
        .partition(|remark| remark.refused);
    for line in told(topology, &ignored) {
        say(format_args!("warning: {line}"));
    }
    if refused.is_empty() {
        return Ok(());
    }
    let text = told(topology, &refused).join("\n");
    Err(Failure::text(Exit::InvalidInput, text))
}

/// Checks files; all of them, whatever is wrong with the first.
pub fn validate(args: &ValidateArgs, runtime: RuntimeChoice) -> Outcome {
    let mut worst = Exit::Passed;
    let mut resolved = Vec::new();
    for file in &args.files {
        match check(file, !args.no_stat, &args.selection, runtime) {
            Ok((summary, value)) => {
                say(format_args!("{}: {summary}", file.display()));
                resolved.push(value);
            }
            Err(failure) => worst = failure.report(),
        }
    }
    if args.json && worst == Exit::Passed {
        match resolved.as_slice() {
            [one] => super::print_json(one),
            many => super::print_json(&many),
        }
    }
    Ok(worst)
}

fn check(
    file: &Path,
    check_files: bool,
    selection: &SelectionArgs,
    runtime: RuntimeChoice,
) -> Result<(String, Value), Failure> {
    let input = file.as_os_str() == "-";
    if !input && (file.is_dir() || is_experiment(file)?) {
        return check_experiments(file, check_files, runtime);
    }
    let topology = load_topology(file, check_files, selection)?;
    // A good file is one wherever it can run.
    let remarks = remarks(&topology, runtime);
    for line in told(&topology, &remarks) {
        say(format_args!("warning: {line}"));
    }
    if check_files && !remarks.iter().any(|remark| remark.refused) {
        plan_nodes(
            &topology,
            &PlanOptions {
                check_binaries: false,
                ..PlanOptions::default()
            },
        )?;
    }
    let summary = format!(
        "valid topology `{}`, {} nodes, {} links",
        topology.name,
        topology.nodes.len(),
        topology.links.len() + topology.attachments.len()
    );
    Ok((summary, resolved(&topology)))
}

/// Tells experiments and contracts from topologies by their first words: each kind has its own top-level key.
fn is_experiment(file: &Path) -> Result<bool, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::text(
            Exit::InvalidInput,
            format!("cannot read {}: {error}", file.display()),
        )
        .hint(failure::missing(file))
    })?;
    if let Ok(document) = Document::parse(file, &text) {
        return Ok(["experiment", "contract"]
            .iter()
            .any(|key| document.root.get(key).is_some()));
    }
    // Its problems are told either way; this only decides in whose words.
    Ok(text.starts_with("experiment:") || text.starts_with("contract:"))
}

fn check_experiments(
    file: &Path,
    check_files: bool,
    runtime: RuntimeChoice,
) -> Result<(String, Value), Failure> {
    let suite = crate::experiment::load(file)?;
    let labs = check_suite(&suite, check_files, false, runtime)?;
    let experiments = suite.experiments().count();
    Ok((
        format!("valid, {experiments} experiments on {labs} topologies"),
        json!(suite),
    ))
}

/// Checks all experiments of a suite against their topologies, and whether the programs are there that their nodes run.
/// Returns how many topologies there are.
pub fn check_suite(
    suite: &Suite,
    check_files: bool,
    check_programs: bool,
    runtime: RuntimeChoice,
) -> Result<usize, Failure> {
    let mut topologies = std::collections::BTreeMap::new();
    for experiment in suite.experiments() {
        let path = &experiment.topology;
        if !topologies.contains_key(path) {
            let topology = load_topology(path, check_files, &SelectionArgs::default())?;
            refuse_unsupported(&topology, runtime)?;
            topologies.insert(path.clone(), topology);
        }
        crate::engine::check(experiment, &topologies[path])?;
        if check_programs {
            let plan = PlanOptions {
                scale: Scale::new(experiment.scale)?,
                ..PlanOptions::default()
            };
            plan_nodes(&topologies[path], &plan)?;
        }
    }
    Ok(topologies.len())
}

/// Writes node configurations rendered at real-life timers beside the topology, or checks those that are there.
pub fn render(args: &RenderArgs) -> Outcome {
    let topology = load_topology(&args.file, false, &args.selection)?;
    let options = PlanOptions {
        seed: Seed(0),
        check_binaries: false,
        ..PlanOptions::default()
    };
    let files = render_nodes(&topology, &options)?;
    let mut differ = Vec::new();
    for (node, path, content) in files {
        if std::fs::read_to_string(&path).is_ok_and(|old| old == content) {
            continue;
        }
        differ.push(format!("{} ({node})", path.display()));
        if !args.check {
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&path, content))
                .map_err(|error| {
                    Failure::text(
                        Exit::CouldNotRun,
                        format!("cannot write {}: {error}", path.display()),
                    )
                })?;
        }
    }
    if args.check && !differ.is_empty() {
        let hint = format!("run `faultlab render {}`", args.file.display());
        let text = format!(
            "these files are not what their templates say: {}",
            differ.join(", ")
        );
        return Err(Failure::text(Exit::Failed, text).hint(Some(hint)));
    }
    say(format_args!(
        "{} file{} written",
        differ.len(),
        if differ.len() == 1 { "" } else { "s" }
    ));
    Ok(Exit::Passed)
}
