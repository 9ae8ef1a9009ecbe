//! `doctor`: what this machine can do, before anything is run.

use super::Outcome;
use crate::cli::args::JsonArgs;
use crate::cli::exit::Exit;
use crate::record::Capability;

/// Capabilities without which no lab can be made.
const NEEDED: [&str; 4] = ["namespaces", "overlayfs", "veth", "clsact, u32, mirred"];

/// Probes and prints.
pub fn doctor(args: &JsonArgs) -> Outcome {
    let list = crate::runtime::namespaces::probe::probe();
    if args.json {
        super::print_json(&list);
    } else {
        super::print(&table(&list));
    }
    let missing = list
        .iter()
        .any(|capability| !capability.present && NEEDED.contains(&capability.name.as_str()));
    Ok(if missing { Exit::Environment } else { Exit::Passed })
}

fn table(list: &[Capability]) -> String {
    let width = list
        .iter()
        .map(|capability| capability.name.chars().count())
        .max()
        .unwrap_or_default();
    list.iter()
        .map(|capability| {
            let mark = if capability.present { "yes" } else { "no " };
            format!("{mark}  {:width$}  {}\n", capability.name, capability.detail)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_and_what_is_not_line_up() {
        let list = [
            Capability {
                name: "tun".into(),
                present: true,
                detail: "/dev/net/tun".into(),
            },
            Capability {
                name: "ovs-vswitchd".into(),
                present: false,
                detail: "apt-get install openvswitch-switch".into(),
            },
        ];
        insta::assert_snapshot!(table(&list));
    }
}
