//! `kinds`: the known network operating systems.

use comfy_table::{ContentArrangement, Table, presets};

use super::Outcome;
use crate::base::InterfaceName;
use crate::base::duration;
use crate::cli::args::{KindsArgs, KindsVerb};
use crate::cli::exit::Exit;
use crate::nos::Kinds;
use crate::nos::kinds::{
    Ask, Definition, Mapping, Operation, Readiness, Recipe, Role, SemanticFault, Step, Target, mapping,
};

/// Lists all kinds or shows one.
pub fn kinds(args: &KindsArgs) -> Outcome {
    let kinds = Kinds::embedded()?;
    match &args.what {
        None if args.json => super::print_json(&kinds.iter().collect::<Vec<_>>()),
        None => super::print(&list(&kinds)),
        Some(KindsVerb::Show { name, json: true }) => super::print_json(kinds.get(name)?),
        Some(KindsVerb::Show { name, json: false }) => super::print(&show(kinds.get(name)?)),
    }
    Ok(Exit::Passed)
}

fn list(kinds: &Kinds) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["NOS", "WHAT IT IS", "CONTAINERLAB", "BOOT", "FAULTS", "NOT TRIED"]);
    for kind in kinds.iter() {
        let all = faults(kind);
        let mapped = all
            .iter()
            .filter(|(_, fault)| matches!(mapping(kind, fault), Mapping::Steps(_)));
        let serves = match kind.containerlab.as_slice() {
            [] => "linux, by image or label".to_owned(),
            names => names.join(", "),
        };
        table.add_row([
            kind.nos.clone(),
            kind.title.clone(),
            serves,
            duration::human(kind.boot_time),
            format!("{} of {}", mapped.count(), all.len()),
            kind.untried.first().map_or("-", String::as_str).to_owned(),
        ]);
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

/// The faults that mean something on every NOS, with values for people to see.
fn faults(kind: &Definition) -> Vec<(&'static str, SemanticFault)> {
    let kill = |role| SemanticFault::DaemonKill(Target::Role(role));
    let first_port = kind
        .interfaces
        .to_nos("eth1")
        .or_else(|| kind.interfaces.to_nos("e1-1"));
    let first_port = InterfaceName::new(first_port.unwrap_or_default());
    vec![
        ("kill routing", kill(Role::RoutingManager)),
        ("kill bgp", kill(Role::Bgp)),
        ("kill l2-learning", kill(Role::L2Learning)),
        ("kill lacp", SemanticFault::LacpKill),
        ("kill iccp", kill(Role::Iccp)),
        ("kill bfd", kill(Role::Bfd)),
        ("mac freeze", SemanticFault::MacFreeze),
        ("iccp sever", SemanticFault::IccpSever),
        ("link down", SemanticFault::LinkDown(first_port)),
        ("commit", SemanticFault::ConfigCommit("CHANGE".to_owned())),
        ("rollback", SemanticFault::ConfigRollback(1)),
        ("reboot", SemanticFault::Reboot),
    ]
}

fn show(kind: &Definition) -> String {
    let mut text = format!("{}: {}\n\n", kind.nos, kind.title);
    for (name, value) in facts(kind) {
        text += &format!("  {name:12} {value}\n");
    }
    text += "\nstate\n";
    for (state, question) in &kind.state {
        let read = match question.parser {
            Some(_) => "",
            None if matches!(question.ask, Ask::Collector(_)) => "",
            None => "  (kept as it comes, read by nothing yet)",
        };
        text += &format!("  {:12} {}{read}\n", word(state), ask(&question.ask));
    }
    text += "\nfaults\n";
    for (name, fault) in faults(kind) {
        text += &match mapping(kind, &fault) {
            Mapping::Steps(found) => {
                let mut line = format!("  {name:16} {}\n", steps(&found.inject));
                if !found.undo.is_empty() {
                    line += &format!("  {:16} {}\n", "  undone by", steps(&found.undo));
                }
                if let Some(note) = found.note {
                    line += &format!("  {:16} {note}\n", "  note");
                }
                line
            }
            Mapping::Unsupported { reason } => format!("  {name:16} unsupported: {reason}\n"),
        };
    }
    if !kind.tried {
        text += "\nnot tried on the real software\n";
        text += &kind
            .untried
            .iter()
            .map(|what| format!("  {what}\n"))
            .collect::<String>();
    }
    text
}

fn facts(kind: &Definition) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("vendor", kind.vendor.clone()),
        ("containerlab", kind.containerlab.join(", ")),
        ("image", kind.image.clone()),
        ("boots in", duration::human(kind.boot_time)),
        ("ready", ready(&kind.ready)),
        ("ports", kind.interfaces.examples()),
    ];
    if let Some(login) = &kind.credentials {
        facts.push(("login", format!("{} / {}", login.user, login.password)));
    }
    for vm in kind.machine.iter().flat_map(|machine| &machine.vms) {
        let ports = format!(
            "{}: console telnet {}, QEMU monitor {}",
            vm.role, vm.console, vm.monitor
        );
        facts.push(("machine", ports));
    }
    let daemons: Vec<_> = kind
        .daemons
        .iter()
        .map(|daemon| {
            let roles: Vec<_> = daemon.roles.iter().map(word).collect();
            format!("{} ({})", daemon.name, roles.join(", "))
        })
        .collect();
    facts.push(("daemons", daemons.join(", ")));
    let mut manager = kind.services.manager.clone();
    if let Some(limit) = &kind.services.start_limit {
        manager += &format!(
            ", gives up after {} starts within {}",
            limit.starts,
            duration::human(limit.within)
        );
    }
    facts.push(("kept up by", manager));
    facts.push(("logs", kind.logs.join(", ")));
    if let Some(Recipe::Unsupported(reason)) = kind.operations.get(&Operation::CommitConfirmed) {
        facts.push(("dead man", format!("none: {reason}")));
    } else {
        facts.push(("dead man", "confirmed commit".to_owned()));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn ready(ready: &Readiness) -> String {
    match ready {
        Readiness::Services => "when its supervisor says that all services are".to_owned(),
        Readiness::File { path, holds } => format!("when {path} holds `{holds}`"),
        Readiness::Exec { argv, prints } => format!("when `{}` prints `{prints}`", argv.join(" ")),
    }
}

fn ask(ask: &Ask) -> String {
    match ask {
        Ask::Collector(name) => format!("faultlab's own collector ({name})"),
        Ask::Vty { daemon, command } => format!("{daemon}: {command}"),
        Ask::Exec(argv) => argv.join(" "),
        Ask::Cli(command) => format!("cli: {command}"),
        Ask::Rpc(name) => format!("netconf: {name}"),
    }
}

fn steps(steps: &[Step]) -> String {
    steps.iter().map(step).collect::<Vec<_>>().join(" · ")
}

fn step(step: &Step) -> String {
    match step {
        Step::Signal { process, signal } => format!("{signal} to {process}"),
        Step::Service { name, running: true } => format!("start service {name}"),
        Step::Service { name, running: false } => format!("stop service {name}"),
        Step::Exec(argv) => format!("run {}", argv.join(" ").replace('\n', "; ")),
        Step::Cli(command) => format!("cli: {command}"),
        Step::Netconf(change) => {
            let text = serde_json::to_string(change).unwrap_or_default();
            format!(
                "netconf: {}",
                text.trim_matches(['{', '}'])
                    .replace('"', "")
                    .replacen(':', " ", 1)
            )
        }
        Step::Monitor(command) => format!("QEMU monitor: {command}"),
        Step::Carrier { up: true } => "carrier back on the cable".to_owned(),
        Step::Carrier { up: false } => "carrier off on the cable".to_owned(),
        Step::Block { traffic } => format!("drop {} on the cable", traffic.join(" and ")),
        Step::Unblock { traffic } => format!("let {} pass again", traffic.join(" and ")),
        Step::Power { on: true } => "power on".to_owned(),
        Step::Power { on: false } => "power off".to_owned(),
    }
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_read_as_a_table() {
        insta::assert_snapshot!(list(&Kinds::embedded().unwrap()));
    }

    #[test]
    fn a_kind_explains_itself_and_says_what_nobody_tried() {
        let kinds = Kinds::embedded().unwrap();
        insta::assert_snapshot!(show(kinds.get("juniper_vmx").unwrap()));
    }
}
