//! `exec`, `console` and `logs`: into a node without its network.

use super::Outcome;
use crate::base::{LabName, NodeName, ServiceName};
use crate::cli::args::{ConsoleArgs, ExecArgs, LogsArgs, RuntimeChoice};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::privilege;
use crate::runtime::ExecRequest;

/// Runs a command in a node with the caller's own streams; its exit code becomes the process's, so this does not return on success.
pub fn exec(args: &ExecArgs, choice: RuntimeChoice) -> Outcome {
    enter(choice, &args.lab, &args.node, args.argv.clone())
}

/// Opens the console that fits the node: the switch's own command line, FRR's shell, or a shell.
pub fn console(args: &ConsoleArgs, choice: RuntimeChoice) -> Outcome {
    let lab = super::runtime(choice)?.open(&LabName::new(&args.lab))?;
    let plan = lab
        .plan()
        .nodes
        .iter()
        .find(|node| node.node.as_str() == args.node);
    let runs = |name: &str| {
        plan.is_some_and(|node| node.services.iter().any(|service| service.name.as_str() == name))
    };
    let argv = if runs("mgd") {
        vec!["cli".to_owned()]
    } else if runs("zebra") {
        vec!["vtysh".to_owned()]
    } else {
        vec!["sh".to_owned()]
    };
    enter(choice, &args.lab, &args.node, argv)
}

fn enter(choice: RuntimeChoice, lab: &str, node: &str, argv: Vec<String>) -> Outcome {
    let name = LabName::new(lab);
    privilege::to_enter(choice, &name)?;
    let lab = super::runtime(choice)?.open(&name)?;
    let request = ExecRequest {
        argv,
        inherit: true,
        ..ExecRequest::default()
    };
    let output = lab.exec(&NodeName::new(node), &request)?;
    std::process::exit(output.code);
}

/// Prints the logs of a node's daemons.
pub fn logs(args: &LogsArgs, choice: RuntimeChoice) -> Outcome {
    let lab = super::runtime(choice)?.open(&LabName::new(&args.lab))?;
    let service = args.service.as_ref().map(ServiceName::new);
    let lines = lab.logs(&NodeName::new(&args.node), service.as_ref(), args.lines)?;
    if lines.is_empty() {
        return Err(Failure::text(
            Exit::Passed,
            format!("node `{}` has logged nothing yet", args.node),
        ));
    }
    let width = lines
        .iter()
        .map(|line| line.service.as_str().len())
        .max()
        .unwrap_or_default();
    for line in &lines {
        if service.is_some() {
            super::print(&line.line);
        } else {
            super::print(&format!("{:width$}  {}", line.service, line.line));
        }
    }
    Ok(Exit::Passed)
}
