//! What every definition must keep, and what a person reads of some.

use std::collections::BTreeMap;

use super::*;
use crate::base::InterfaceName;
use crate::topology::kinds;

fn embedded() -> Kinds {
    Kinds::embedded().unwrap_or_else(|error| panic!("{}", crate::base::ErrorChain::new(&error)))
}

#[test]
fn every_definition_is_read_and_named_as_its_file() {
    let kinds = embedded();
    let names: Vec<_> = kinds.iter().map(|kind| kind.nos.as_str()).collect();
    assert_eq!(names, FILES.map(|(nos, _)| nos));
}

#[test]
fn every_containerlab_kind_is_known_there_and_served_once_with_all_its_aliases() {
    let mut served = BTreeMap::new();
    for kind in embedded().iter() {
        for name in &kind.containerlab {
            let before = served.insert(name.clone(), kind.nos.clone());
            assert_eq!(before, None, "{name} is served twice");
        }
        let first = kind.containerlab.first().map(String::as_str);
        let canonical = first.and_then(kinds::canonical);
        assert_eq!(first, canonical, "the canonical name comes first");
        let aliases: Vec<_> = kinds::all()
            .filter(|name| canonical.is_some() && kinds::canonical(name) == canonical)
            .collect();
        assert_eq!(kind.containerlab, aliases);
    }
}

#[test]
fn a_kind_is_found_by_its_id_and_by_any_containerlab_name() {
    let kinds = embedded();
    assert_eq!(kinds.get("vr-vmx").unwrap().nos, "vmx");
    assert_eq!(kinds.get("vmx").unwrap().nos, "vmx");
    insta::assert_snapshot!(kinds.get("vjunos-swich").unwrap_err());
}

#[test]
fn a_wrong_definition_is_told_with_its_place() {
    let wrong = |change: &str, to: &str| {
        let text = FILES[0].1.replacen(change, to, 1);
        assert_ne!(text, FILES[0].1);
        decode(Path::new("frr.yaml"), &text).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        [
            wrong("start-limit: {starts: 5", "start-limit: {starts: many"),
            wrong("parser: frr-bgp", "parser: fr-bgp"),
            wrong("boot-time: 2s", "boot-time: 2 parsecs"),
            wrong(
                "untried: [changing the running configuration through vtysh]",
                "untryed: []"
            ),
            wrong(
                "  iccp: FRR has no multi-chassis peer protocol; its EVPN multihoming needs none\n",
                ""
            ),
        ]
        .join("\n\n")
    );
}

#[test]
fn a_definition_may_be_like_another_and_differ() {
    let kinds = embedded();
    let (vmx, router, switch) = (
        kinds.get("vmx").unwrap(),
        kinds.get("vjunos-router").unwrap(),
        kinds.get("vjunos-switch").unwrap(),
    );
    assert_eq!(vmx.state, router.state);
    assert_eq!(vmx.daemons, switch.daemons);
    assert_ne!(vmx.machine, router.machine);
}

/// The faults that mean something on every NOS.
fn faults() -> Vec<(&'static str, SemanticFault)> {
    let kill = |role| SemanticFault::DaemonKill(Target::Role(role));
    vec![
        ("routing killed", kill(Role::RoutingManager)),
        ("BGP killed", kill(Role::Bgp)),
        ("MAC learning killed", kill(Role::L2Learning)),
        ("MAC learning frozen", SemanticFault::MacFreeze),
        ("ICCP severed", SemanticFault::IccpSever),
        ("LACP killed", SemanticFault::LacpKill),
        ("BFD killed", kill(Role::Bfd)),
        (
            "commit",
            SemanticFault::ConfigCommit("set system host-name x".to_owned()),
        ),
        ("rollback 2", SemanticFault::ConfigRollback(2)),
        ("reboot", SemanticFault::Reboot),
    ]
}

#[test]
fn every_fault_has_steps_or_a_reason_on_every_kind() {
    let mut table = String::new();
    for kind in embedded().iter() {
        table += &format!("{}\n", kind.nos);
        for (name, fault) in faults() {
            table += &match mapping(kind, &fault) {
                Mapping::Steps(steps) => {
                    assert!(!steps.inject.is_empty(), "{}: {name} does nothing", kind.nos);
                    let text = serde_json::to_string(&steps.inject).unwrap();
                    for hole in ["{daemon}", "{unit}", "{change}", "{number}"] {
                        assert!(!text.contains(hole), "{}: {name} leaves {hole} open", kind.nos);
                    }
                    format!("  {name}: {text}\n")
                }
                Mapping::Unsupported { reason } => {
                    assert!(!reason.is_empty());
                    format!("  {name}: not here, {reason}\n")
                }
            };
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_link_that_goes_down_takes_its_carrier_inside_the_machine_too() {
    let kinds = embedded();
    let down = |nos: &str, port: &str| {
        let fault = SemanticFault::LinkDown(InterfaceName::new(port));
        serde_json::to_string(&mapping(kinds.get(nos).unwrap(), &fault)).unwrap()
    };
    insta::assert_snapshot!(
        [
            down("frr", "eth2"),
            down("vjunos-switch", "ge-0/0/0"),
            down("vjunos-switch", "eth12"),
            down("vmx", "ge-0/0/3"),
            down("srlinux", "ethernet-1/1"),
            down("vqfx", "xe-0/0/12"),
        ]
        .join("\n")
    );
}

#[test]
fn a_daemon_that_a_kind_does_not_have_is_told_with_those_it_has() {
    let kinds = embedded();
    let fault = SemanticFault::DaemonKill(Target::Name("l2ald".to_owned()));
    assert!(matches!(
        mapping(kinds.get("vqfx").unwrap(), &fault),
        Mapping::Steps(_)
    ));
    let Mapping::Unsupported { reason } = mapping(kinds.get("frr").unwrap(), &fault) else {
        panic!("FRR has no l2ald");
    };
    insta::assert_snapshot!(reason);
}
