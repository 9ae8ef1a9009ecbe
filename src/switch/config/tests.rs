//! The language as its users meet it: a whole switch, everything that can be wrong, edits.

use std::path::Path;

use super::*;

/// The switch of the incident, shortened.
pub(crate) const CA1: &str = r#"# ca1, one half of the pair
set system host-name ca1
set vlans vlan-50 vlan-id 50
set vlans vlan-50 l3-interface irb.50
set vlans vlan-10 vlan-id 10
set interfaces eth1 description "to mx1 # not a comment"
set interfaces eth1 ether-options 802.3ad ae1
set interfaces eth9 ether-options 802.3ad ae0
set interfaces eth5 unit 0 family ethernet-switching interface-mode access
set interfaces eth5 unit 0 family ethernet-switching vlan members vlan-10
set interfaces ae0 unit 0 family ethernet-switching interface-mode trunk
set interfaces ae0 unit 0 family ethernet-switching vlan members [ vlan-50 vlan-10 ]
set interfaces ae1 aggregated-ether-options lacp active
set interfaces ae1 aggregated-ether-options lacp periodic fast
set interfaces ae1 aggregated-ether-options lacp system-id 00:00:00:00:00:10
set interfaces ae1 aggregated-ether-options lacp admin-key 1
set interfaces ae1 aggregated-ether-options mc-ae mc-ae-id 1
set interfaces ae1 aggregated-ether-options mc-ae chassis-id 0
set interfaces ae1 aggregated-ether-options mc-ae mode active-active
set interfaces ae1 aggregated-ether-options mc-ae status-control active
set interfaces ae1 aggregated-ether-options mc-ae init-delay-time 4000ms
set interfaces ae1 unit 0 family ethernet-switching interface-mode trunk
set interfaces ae1 unit 0 family ethernet-switching vlan members vlan-10
set interfaces irb unit 50 family inet address 10.50.1.1/30
set protocols iccp local-ip-addr 10.50.1.1
set protocols iccp peer 10.50.1.2 session-establishment-hold-time 50
set protocols iccp peer 10.50.1.2 liveness-detection minimum-interval 500
set protocols iccp peer 10.50.1.2 liveness-detection multiplier 3
set protocols iccp peer 10.50.1.2 backup-liveness-detection backup-peer-ip 172.20.20.12
set multi-chassis multi-chassis-protection 10.50.1.2 interface ae0
set switch-options mac-table-aging-time 5
set faultlab frr "router ospf"
set faultlab frr " network 10.97.2.0/29 area 0"
set faultlab frr exit
set faultlab frr exit
set faultlab defect mcae-mac-synchronize-abort recovers-after never
"#;

fn path() -> &'static Path {
    Path::new("switch.conf")
}

fn candidate(text: &str) -> Candidate {
    let mut candidate = Candidate::default();
    candidate.load_set(path(), text).unwrap();
    candidate
}

fn problems(text: &str) -> String {
    load(path(), text).map(|_| ()).unwrap_err().to_string()
}

fn with(lines: &str) -> Result<Checked, Diagnostics> {
    let mut candidate = candidate(CA1);
    candidate.load_set(Path::new("edit"), lines)?;
    candidate.check()
}

#[test]
fn a_whole_switch_becomes_the_model_its_daemons_read() {
    let (_, checked) = load(path(), CA1).unwrap();
    assert_eq!(checked.warnings, []);
    insta::assert_json_snapshot!(checked.config);
}

#[test]
fn every_problem_of_entered_lines_is_reported_at_once_with_the_next_move() {
    insta::assert_snapshot!(problems(
        r#"sett system host-name ca1
set sytem host-name ca1
set vlans vlan-10 vlan-id 5000
set vlans vlan-10 vlanid 10
set vlans vlan-10 vlan-id 10 l3-interface irb.10
set vlans vlan-10 mcae-mac-syncronize
set interfaces et-0/0/1 disable
set interfaces eth0 disable
set interfaces eth1 unit 1 family ethernet-switching interface-mode trunk
set interfaces eth1 unit 0 family ethernet-switching interface-mode trnk
set interfaces eth1 unit 0 family ethernet-switching vlan members [ a b
set interfaces ae1 aggregated-ether-options mc-ae chassis-id 2
set interfaces ae1 aggregated-ether-options lacp system-id 01:00:00:00:00:10
set interfaces irb unit 97 family inet address 10.97.2.2
set interfaces eth1 description "open
set protocols iccp peer
set switch-options mac-table-aging-time -3
set
"#
    ));
}

#[test]
fn every_problem_of_the_whole_is_reported_at_once_with_the_next_move() {
    insta::assert_snapshot!(problems(
        "set vlans vlan-10 vlan-id 10
set vlans vlan-11 vlan-id 10
set vlans vlan-12 l3-interface irb.12
set interfaces eth1 ether-options 802.3ad ae7
set interfaces eth1 unit 0 family ethernet-switching interface-mode trunk
set interfaces eth2 unit 0 family ethernet-switching vlan members [ vlan-10 vlan-11 ]
set interfaces eth3 unit 0 family ethernet-switching vlan members vlan-1O
set interfaces eth4 unit 0 family ethernet-switching interface-mode access
set interfaces ae1 aggregated-ether-options mc-ae mc-ae-id 1
set interfaces ae1 unit 0 family ethernet-switching interface-mode trunk
set interfaces irb unit 1 family inet address 10.0.0.1/24
set interfaces irb unit 2 family inet address 10.0.0.1/24
"
    ));
}

#[test]
fn what_is_wrong_with_a_pair_names_the_other_half() {
    insta::assert_snapshot!(problems(
        &CA1.replace(
            "set multi-chassis multi-chassis-protection 10.50.1.2 interface ae0",
            "set multi-chassis multi-chassis-protection 10.50.1.3 interface eth9"
        )
        .replace("local-ip-addr 10.50.1.1", "local-ip-addr 10.50.1.2")
        .replace(
            "set protocols iccp peer 10.50.1.2 liveness-detection minimum-interval 500\n",
            ""
        )
        .replace(
            "set interfaces ae1 aggregated-ether-options lacp system-id 00:00:00:00:00:10\n",
            ""
        )
    ));
}

#[test]
fn an_irb_without_vlan_is_allowed_and_warned_about() {
    let checked = with("set interfaces irb unit 97 family inet address 10.97.2.2/29").unwrap();
    assert_eq!(checked.warnings.len(), 1);
    assert_eq!(checked.warnings[0].message, "irb.97 belongs to no VLAN");
}

#[test]
fn the_trigger_of_the_incident_is_a_valid_configuration() {
    let checked = with(
        "set interfaces irb unit 97 family inet address 10.97.2.2/29
         set vlans vlan-97 vlan-id 97
         set vlans vlan-97 l3-interface irb.97
         set vlans vlan-97 mcae-mac-synchronize
         set interfaces ae0 unit 0 family ethernet-switching vlan members vlan-97
         set interfaces ae1 unit 0 family ethernet-switching vlan members vlan-97",
    )
    .unwrap();
    assert_eq!(checked.warnings, []);
    assert!(checked.config.vlans["vlan-97"].mcae_mac_synchronize);
}

#[test]
fn a_new_value_replaces_the_old_one_and_a_new_member_joins() {
    let mut candidate = candidate(CA1);
    let old = candidate.clone();
    let lines = "set vlans vlan-10 vlan-id 11
delete interfaces eth1 description
set interfaces ae0 unit 0 family ethernet-switching vlan members vlan-97
delete interfaces ae0 unit 0 family ethernet-switching vlan members vlan-50
set interfaces eth5 unit 0 family ethernet-switching interface-mode trunk
";
    assert_eq!(candidate.load_set(Path::new("edit"), lines).unwrap(), []);
    insta::assert_snapshot!(candidate.compare(&old));
}

#[test]
fn deleting_nothing_is_a_warning_and_deleting_nonsense_an_error() {
    let mut candidate = candidate(CA1);
    let warnings = candidate
        .load_set(Path::new("edit"), "delete vlans vlan-99")
        .unwrap();
    assert_eq!(
        warnings[0].message,
        "nothing is configured at `vlans vlan-99`, so nothing was deleted"
    );
    assert!(
        candidate
            .load_set(Path::new("edit"), "delete vlan vlan-10")
            .is_err()
    );
}

#[test]
fn an_edit_with_a_problem_changes_nothing() {
    let mut candidate = candidate(CA1);
    let before = candidate.clone();
    let lines = "delete vlans\nset vlans vlan-10 vlan-id none\n";
    assert!(candidate.load_set(Path::new("edit"), lines).is_err());
    assert_eq!(candidate, before);
}

#[test]
fn what_is_shown_can_be_loaded_again() {
    let first = candidate(CA1);
    assert_eq!(candidate(&first.to_set()), first);
    insta::assert_snapshot!(first.to_curly());
}

#[test]
fn the_two_halves_of_a_pair_are_checked_against_each_other() {
    let ca1 = parse(path(), CA1).unwrap();
    let mirrored = CA1
        .replace("ca1", "ca2")
        .replace("10.50.1.1", "10.50.1.x")
        .replace("10.50.1.2", "10.50.1.1")
        .replace("10.50.1.x", "10.50.1.2");
    let twin = mirrored
        .replace("chassis-id 0", "chassis-id 1")
        .replace("status-control active", "status-control standby");
    assert_eq!(
        check_pair(&ca1, &parse(path(), &twin).unwrap()),
        Vec::<String>::new()
    );
    let wrong = mirrored.replace("system-id 00:00:00:00:00:10", "system-id 00:00:00:00:00:20");
    insta::assert_snapshot!(check_pair(&ca1, &parse(path(), &wrong).unwrap()).join("\n"));
}

#[test]
fn times_are_read_in_the_units_of_the_real_box_and_scaled_ones() {
    let aging = |value: &str| {
        let line = format!("set switch-options mac-table-aging-time {value}");
        with(&line).unwrap().config.mac_table_aging_ms
    };
    assert_eq!(
        [aging("300"), aging("0.5"), aging("4s"), aging("4000ms")],
        [300_000, 500, 4000, 4000]
    );
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(set|delete)?[ a-z0-9\"\\[\\]#\\\\./\n-]{0,80}") {
            let _ = load(path(), &text);
        }

        #[test]
        fn any_text_survives_being_shown_and_loaded(line in "[^\n\r]{0,40}") {
            let mut candidate = Candidate::default();
            let text = format!("set faultlab frr {}", statement::quote(&line));
            candidate.load_set(path(), &text).unwrap();
            prop_assert_eq!(candidate.statements()[0].words[2].text.as_str(), line.as_str());
        }

        #[test]
        fn edits_in_any_order_and_their_comparison_agree(picks in prop::collection::vec(0..36_usize, 0..40)) {
            let lines: Vec<_> = CA1.lines().collect();
            let text = picks.iter().map(|n| lines[*n]).collect::<Vec<_>>().join("\n");
            let one = candidate(&text);
            prop_assert_eq!(one.compare(&one), "");
            prop_assert_eq!(candidate(&one.to_set()), one);
        }
    }
}
