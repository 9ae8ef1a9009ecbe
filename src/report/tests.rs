//! The sample outage as every report shows it.

use super::sample::Sample;
use super::{html, incident_rows, junit, narrative, summary_json, terminal, timeline};
use crate::record::History;
use crate::report::{Report, facts};

#[test]
fn the_terminal_says_first_what_failed_and_then_compares_designs() {
    let sample = Sample::new();
    insta::assert_snapshot!(terminal(&sample.report(), false, 100));
}

#[test]
fn a_narrow_terminal_wraps_and_a_coloured_one_says_the_same() {
    let sample = Sample::new();
    let narrow = terminal(&sample.report(), false, 60);
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    assert!(terminal(&sample.report(), true, 100).contains("\u{1b}["));
    assert!(!terminal(&sample.report(), false, 100).contains('\u{1b}'));
}

#[test]
fn junit_tells_failures_from_doubts_and_from_what_does_not_apply() {
    let sample = Sample::new();
    let xml = junit(&sample.report());
    insta::assert_snapshot!(xml);
}

#[test]
fn junit_is_well_formed_whatever_names_hold() {
    let sample = Sample::new();
    let mut results = sample.report().results.to_vec();
    results[0].title = "<&\"']]>\u{1}".to_owned();
    results[0].reason = Some("a < b & c".to_owned());
    let report = Report {
        results: &results,
        ..sample.report()
    };
    let read = quick_junit::Report::deserialize_from_str(&junit(&report)).unwrap();
    assert_eq!(
        (read.tests, read.failures, read.errors, read.skipped),
        (8, 2, 1, 1)
    );
}

#[test]
fn the_story_reads_like_a_post_mortem() {
    let sample = Sample::new();
    let report = sample.report();
    let told: Vec<String> = facts::experiments(&report)
        .iter()
        .map(|experiment| {
            let lines: Vec<String> = narrative::tell(experiment)
                .iter()
                .map(|line| format!("{} [{}] {}", experiment.clock.both(line.at), line.kind, line.text))
                .collect();
            lines.join("\n")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn the_incident_stands_beside_what_was_measured() {
    let sample = Sample::new();
    let rows = incident_rows(&sample.report(), &"mclag-l2ald".into());
    insta::assert_json_snapshot!(rows);
    assert!(incident_rows(&sample.report(), &"target-l2ald".into()).is_empty());
    assert!(incident_rows(&sample.report(), &"nobody".into()).is_empty());
}

#[test]
fn the_summary_for_machines_is_stable() {
    let sample = Sample::new();
    insta::assert_json_snapshot!(summary_json(&sample.report()));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows() {
    let sample = Sample::new();
    let mut results = sample.report().results.to_vec();
    results[0].expectations[0].seen = "<script>alert(1)</script>".to_owned();
    let report = Report {
        results: &results,
        ..sample.report()
    };
    let page = html(&report);
    assert!(!page.contains("<script"), "a script got into the page");
    for outside in ["http://", "https://", "url(", "@import", "<link", "src="] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in [
        "29.100 s [29.095, 29.105]",
        "13:33:0",
        "pass (expected finding)",
        "no inter-chassis protocol",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_time_line_of_the_sample_is_drawn_the_same_every_time() {
    let sample = Sample::new();
    let report = sample.report();
    insta::assert_snapshot!(timeline::draw(&facts::experiments(&report)[1]));
}

#[test]
fn a_run_without_experiments_still_has_every_report() {
    let history = History::default();
    let run = "empty".into();
    let report = Report {
        history: &history,
        results: &[],
        run: &run,
        exit_code: 5,
        files: &[],
    };
    assert!(html(&report).contains("nothing was judged"));
    assert!(junit(&report).contains("tests=\"0\""));
    assert!(terminal(&report, false, 80).contains("nothing was judged"));
    assert_eq!(summary_json(&report)["exit_code"], 5);
}
