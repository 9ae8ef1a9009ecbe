//! JUnit XML: one suite an experiment, one case an expectation.
//!
//! JUnit knows no "inconclusive". Skipping it would hide it from a pipeline and a failure would accuse the network, so it
//! is an `<error type="inconclusive">`: something to look at that is not the network's fault.

use std::fmt::Write as _;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use crate::record::{ExpectationResult, ExperimentResult, Verdict};

use super::Report;
use super::facts::{self, Experiment, RunFacts};
use super::wording;

/// Renders a run as JUnit XML.
#[must_use]
pub fn junit(report: &Report<'_>) -> String {
    let facts = RunFacts::new(report);
    let mut document = quick_junit::Report::new(format!("faultlab {}", report.run));
    let experiments = facts::experiments(report);
    let mut total = Duration::ZERO;
    for result in report.results {
        let experiment = experiments.iter().find(|e| *e.name == result.experiment);
        let (suite, time) = suite(result, experiment, &facts);
        total += time;
        document.add_test_suite(suite);
    }
    for (design, row, reason) in &facts.not_applicable {
        let mut suite = TestSuite::new(format!("{design}: {row}"));
        suite.add_property(("design", *design));
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("not applicable to design {design}: {reason}"));
        let mut case = TestCase::new(*row, status);
        case.set_classname(*design);
        suite.add_test_case(case);
        document.add_test_suite(suite);
    }
    document.set_time(total);
    document.to_string().expect("writing XML to memory cannot fail")
}

fn suite(
    result: &ExperimentResult,
    experiment: Option<&Experiment<'_>>,
    facts: &RunFacts<'_>,
) -> (TestSuite, Duration) {
    let mut suite = TestSuite::new(format!("{}: {}", result.design, result.title));
    let time = experiment.map_or(Duration::ZERO, |e| e.span.1.since(e.span.0));
    suite.set_time(time);
    suite.add_properties(properties(result, experiment, facts));
    let class = format!("{}.{}", result.design, result.experiment);
    if result.reason.is_some() || result.expectations.is_empty() {
        suite.add_test_case(whole(result, &class));
    }
    for expectation in &result.expectations {
        suite.add_test_case(case(expectation, result, experiment, &class));
    }
    (suite, time)
}

fn properties(
    result: &ExperimentResult,
    experiment: Option<&Experiment<'_>>,
    facts: &RunFacts<'_>,
) -> Vec<Property> {
    let mut list = vec![
        Property::new("version", facts.version),
        Property::new("seed", &facts.seed),
        Property::new("design", &result.design),
        Property::new("row", &result.row),
        Property::new(
            "verdict",
            wording::verdict(result.verdict, result.expected_finding),
        ),
        Property::new("kept", format!("{}/{}", result.kept, result.pairs)),
    ];
    if let Some(outage) = &result.longest_outage {
        list.push(Property::new("longest outage", wording::measure(outage)));
    }
    let Some(experiment) = experiment else { return list };
    list.push(Property::new("scale", experiment.clock.scale.to_string()));
    for timer in experiment.timers {
        let value = format!(
            "{} ms (nominal {} ms, {})",
            timer.effective_ms, timer.nominal_ms, timer.note
        );
        list.push(Property::new(format!("timer.{}", timer.name), value));
    }
    for entry in &experiment.entries {
        if let crate::record::Event::Epoch { epoch, subject } = &entry.event {
            let name = serde_json::to_value(epoch).ok();
            let name = name.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
            let subject = subject.as_deref().map(|s| format!(" {s}")).unwrap_or_default();
            list.push(Property::new(
                format!("epoch.{name}"),
                format!("{}{subject}", experiment.clock.both(entry.at)),
            ));
        }
    }
    list
}

/// The case that stands for the experiment itself when its verdict does not come from an expectation.
fn whole(result: &ExperimentResult, class: &str) -> TestCase {
    let message = result
        .reason
        .clone()
        .unwrap_or_else(|| "no expectation was judged".to_owned());
    let mut status = status(result.verdict);
    if result.verdict != Verdict::Pass {
        status.set_message(message);
    }
    let mut case = TestCase::new("experiment", status);
    case.set_classname(class);
    case
}

fn case(
    expectation: &ExpectationResult,
    result: &ExperimentResult,
    experiment: Option<&Experiment<'_>>,
    class: &str,
) -> TestCase {
    // A design that loses service where its experiment says so has met the expectation.
    let verdict = if result.expected_finding && result.verdict == Verdict::Pass {
        Verdict::Pass
    } else {
        expectation.verdict
    };
    let details = details(expectation, experiment);
    let mut status = status(verdict);
    if verdict != Verdict::Pass {
        status.set_message(format!(
            "expected {}; saw {}",
            expectation.expected, expectation.seen
        ));
        status.set_description(&details);
    }
    let mut case = TestCase::new(&expectation.name, status);
    case.set_classname(class);
    if let Some(source) = &expectation.source {
        case.add_property(("source", source.as_str()));
    }
    if verdict == Verdict::Pass {
        case.set_system_out(&details);
    }
    case
}

fn status(verdict: Verdict) -> TestCaseStatus {
    let (kind, name) = match verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Inconclusive => (NonSuccessKind::Error, "inconclusive"),
        Verdict::Fail => (NonSuccessKind::Failure, "fail"),
        Verdict::Error => (NonSuccessKind::Error, "error"),
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name);
    status
}

fn details(expectation: &ExpectationResult, experiment: Option<&Experiment<'_>>) -> String {
    let mut text = format!(
        "expected: {}\nseen:     {}\n",
        expectation.expected, expectation.seen
    );
    for measure in &expectation.measures {
        let _ = writeln!(text, "measure:  {} {}", measure.name, wording::measure(measure));
    }
    for evidence in expectation.evidence.iter().take(5) {
        let at = experiment.map_or_else(|| evidence.at.to_string(), |e| e.clock.both(evidence.at));
        let _ = writeln!(text, "evidence: {at} {}", evidence.what);
    }
    if let Some(source) = &expectation.source {
        let _ = writeln!(text, "where:    {source}");
    }
    if let Some(hint) = &expectation.hint {
        let _ = writeln!(text, "hint:     {hint}");
    }
    text
}
