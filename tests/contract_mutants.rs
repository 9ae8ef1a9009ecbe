//! The contract is worth something: designs that are wrong on purpose fail it, and only they.
//!
//! Every mutant can become steady: it forwards, its sessions are up. What is wrong with it shows only under the fault.

#![expect(
    clippy::unwrap_used,
    reason = "a mutant that cannot be written has failed its test"
)]

mod dataforest_run;

use std::time::Duration;

use dataforest_run::{CONTRACT, Files, MCLAG, REPLAY, Run, TWO_POP, alone};
use faultlab::record::{Event, Verdict};

const FROZEN: &str = "l2ald-frozen@two-pop";
const SWITCH: &str = "switch-off@two-pop";
const POP: &str = "pop-off@two-pop";

fn without_bfd() -> Files {
    let files = Files::shipped();
    let variables = format!("{TWO_POP}/variables.yaml");
    files.edit(&variables, |text| text.replace("\nbfd: true\n", "\nbfd: false\n"));
    files
}

/// firstcolo hangs on ca2 only.
fn on_one_switch() -> Files {
    let files = Files::shipped();
    files.without(&format!("{TWO_POP}/lab.clab.yaml"), 3, |_, line| {
        ["eth1", "eth3", "eth4"]
            .iter()
            .any(|port| line.contains(&format!("\"firstcolo:{port}\"")))
    });
    files.without(
        &format!("{TWO_POP}/variables.yaml"),
        6,
        |heading, line| match heading {
            "ca1" | "ca3" | "ca4" => line.contains("to: firstcolo,"),
            "firstcolo" => ["mx1", "mx3", "mx4"]
                .iter()
                .any(|edge| line.contains(&format!("to: {edge} via"))),
            _ => false,
        },
    );
    files
}

/// No site reaches the second PoP but through the first. The fibres stay, or it would not even become steady.
fn second_pop_unplugged() -> Files {
    let files = Files::shipped();
    let sites = ["core", "firstcolo", "maincubes", "eqhall"];
    files.without(&format!("{TWO_POP}/lab.clab.yaml"), 8, |_, line| {
        let port = |site: &&str| {
            line.contains(&format!("\"{site}:eth3\"")) || line.contains(&format!("\"{site}:eth4\""))
        };
        sites.iter().any(port)
    });
    files.without(
        &format!("{TWO_POP}/variables.yaml"),
        16,
        |heading, line| match heading {
            "ca3" | "ca4" => sites.iter().any(|site| line.contains(&format!("to: {site},"))),
            site if sites.contains(&site) => line.contains("name: eth3,") || line.contains("name: eth4,"),
            _ => false,
        },
    );
    files
}

/// Asserts that a run failed on the contract, and not on anything else, and that all reports name who lost service.
fn fails(run: &Run, experiment: &str) {
    let result = run.result(experiment);
    assert_eq!(
        (run.code, result.verdict),
        (Some(1), Verdict::Fail),
        "{}",
        run.said
    );
    assert_eq!(result.reason, None, "{}", run.said);
    assert!(result.kept < result.pairs, "{}", run.said);
    let named = run.named(experiment);
    let read = |name| std::fs::read_to_string(run.folder.join(name)).unwrap();
    let (junit, html) = (read("junit.xml"), read("report.html"));
    for pair in &named {
        assert!(
            junit.contains(pair) && html.contains(pair),
            "{pair} is not in the reports"
        );
    }
    assert!(named.iter().any(|pair| run.said.contains(pair)), "{}", run.said);
}

#[test]
#[ignore = "measures for minutes: ci/suite runs it"]
fn a_wrong_design_fails_the_contract_and_the_right_one_keeps_it() {
    let Some(_alone) = alone() else { return };
    // Two labs side by side, as faultlab itself runs a suite.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let run = Files::shipped().run(CONTRACT, &[FROZEN, SWITCH, POP], &[]);
            assert_eq!(run.code, Some(0), "{}", run.said);
            for name in [FROZEN, SWITCH, POP] {
                let result = run.result(name);
                assert_eq!(
                    (result.verdict, result.kept),
                    (Verdict::Pass, result.pairs),
                    "{}",
                    run.said
                );
            }
            let run = second_pop_unplugged();
            let run = run.run(CONTRACT, &[POP], &[]);
            fails(&run, POP);
            assert_eq!(run.result(POP).kept, 0, "{}", run.said);
        });
        scope.spawn(|| {
            let files = on_one_switch();
            let run = files.run(CONTRACT, &[SWITCH], &[]);
            fails(&run, SWITCH);
            let named = run.named(SWITCH);
            assert!(
                named.iter().all(|pair| pair.contains("cust-firstcolo")),
                "{named:?}"
            );
            let files = without_bfd();
            fails(&files.run(CONTRACT, &[FROZEN], &[]), FROZEN);
        });
    });
}

/// The name of the replay's central expectation.
const OUTAGE: &str = "the outage happens at all";

/// Ends that expectation's window where people rebooted the switches, should the file not say so: reboots of both end
/// service for longer than it asks for in any case.
fn until_the_reboot(text: &str) -> String {
    let begin = text.find(&format!("  - name: {OUTAGE}\n")).unwrap();
    let block = text.get(begin..).unwrap();
    let block = block.get(..block.find("\n\n").unwrap()).unwrap();
    let ends = block.contains("\n    to:");
    let end = if ends { "" } else { "\n    to: step:reboot started" };
    text.replace(block, &format!("{block}{end}"))
}

#[test]
#[ignore = "measures for minutes: ci/suite runs it"]
fn with_learning_that_works_the_outage_does_not_happen() {
    let Some(_alone) = alone() else { return };
    let files = Files::shipped();
    files.without(&format!("{MCLAG}/variables.yaml"), 2, |_, line| {
        line.contains("extra: [faultlab defect")
    });
    let replay = until_the_reboot(&std::fs::read_to_string(files.root().join(REPLAY)).unwrap());
    std::fs::write(files.root().join(REPLAY), replay).unwrap();
    let run = files.run(REPLAY, &[], &[]);
    assert_eq!(run.code, Some(1), "{}", run.said);
    let experiment = "outage-2025-10-23";
    let expectations = &run.result(experiment).expectations;
    let outage = expectations.iter().find(|each| each.name == OUTAGE).unwrap();
    assert_eq!(outage.verdict, Verdict::Fail, "{}", run.said);
    // What people did about the outage, resetting the link and rebooting both, costs service in any design.
    let reset = run.step(experiment, "commit on ca1,ca2: reset the inter-chassis");
    let began = run.step(experiment, "commit on ca1: ");
    for entry in run.history.entries() {
        if let Event::FlowGap(gap) = &entry.event {
            // Gaps from before the method are the lab's own, while it settles.
            let lasted = gap.last_lost.min(reset).since(gap.first_lost.max(began));
            assert!(
                lasted < Duration::from_secs(3),
                "{gap:?} before the reset at {reset}"
            );
        }
    }
}
