//! An experiment's section of the page.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::base::NodeName;
use crate::base::duration::human;
use crate::record::{Event, ExpectationResult, Fidelity, StateKind};
use crate::report::facts::{Experiment, FaultBand, Noise};
use crate::report::health::{Health, health, words};
use crate::report::incident::{self, IncidentRow};
use crate::report::{narrative, timeline, wording};
use crate::topology::graph::{self, Mark};

use super::anchor;

#[derive(Serialize)]
pub(super) struct ExperimentView<'p> {
    id: String,
    name: &'p str,
    title: &'p str,
    row: &'p str,
    design: &'p str,
    lab: &'p str,
    file: &'p str,
    verdict: &'static str,
    class: &'static str,
    reason: Option<&'p str>,
    kept: String,
    outage: String,
    outage_incident: Option<String>,
    scale: String,
    scaled: bool,
    has_incident_clock: bool,
    expectations: Vec<ExpectationView<'p>>,
    incident: Vec<IncidentView>,
    timeline: String,
    topology: Option<String>,
    faults: Vec<FaultView<'p>>,
    narrative: Vec<LineView>,
    timers: Vec<TimerView<'p>>,
    noise: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct ExpectationView<'p> {
    name: &'p str,
    verdict: &'static str,
    class: &'static str,
    expected: &'p str,
    seen: &'p str,
    source: Option<&'p str>,
    hint: Option<&'p str>,
    measures: Vec<(&'p str, String)>,
    evidence: Vec<(String, &'p str)>,
}

#[derive(Serialize)]
struct IncidentView {
    row: IncidentRow,
    words: &'static str,
    class: &'static str,
}

#[derive(Serialize)]
struct FaultView<'p> {
    fault: &'p str,
    targets: String,
    fidelity: &'static str,
    landed: bool,
    healed: bool,
}

#[derive(Serialize)]
struct LineView {
    incident: Option<String>,
    lab: String,
    kind: &'static str,
    class: &'static str,
    text: String,
}

#[derive(Serialize)]
struct TimerView<'p> {
    name: &'p str,
    nominal: String,
    effective: String,
    note: &'p str,
}

impl<'p> ExperimentView<'p> {
    pub(super) fn new(experiment: &'p Experiment<'p>) -> Self {
        let clock = experiment.clock;
        let result = experiment.result;
        let outage = result.and_then(|result| result.longest_outage.as_ref());
        // The middle of the error bars, as a duration of the incident.
        let stretched = outage.and_then(|outage| {
            let high = outage.at_most_ns.unwrap_or(outage.at_least_ns);
            clock.stretched(Duration::from_nanos(u64::midpoint(outage.at_least_ns, high)))
        });
        Self {
            id: anchor(experiment.name.as_str()),
            name: experiment.name.as_str(),
            title: experiment.title,
            row: experiment.row(),
            design: experiment.design,
            lab: experiment.lab,
            file: experiment.file,
            verdict: result.map_or("not judged", |r| wording::verdict(r.verdict, r.expected_finding)),
            class: result.map_or("warn", |r| {
                if r.expected_finding && wording::class(r.verdict) == "good" {
                    "finding"
                } else {
                    wording::class(r.verdict)
                }
            }),
            reason: result.and_then(|r| r.reason.as_deref()).or(experiment.aborted),
            kept: match result {
                Some(result) if result.pairs > 0 => format!("{} of {} pairs", result.kept, result.pairs),
                _ => String::new(),
            },
            outage: outage.map_or_else(|| "none".to_owned(), wording::measure),
            outage_incident: stretched.filter(|d| !d.is_zero()).map(human),
            scale: format!("{}×", clock.scale),
            scaled: (clock.scale - 1.0).abs() > 1e-9,
            has_incident_clock: clock.incident(clock.zero).is_some(),
            expectations: expectations(experiment),
            incident: incident_views(experiment),
            timeline: timeline::draw(experiment),
            topology: topology(experiment),
            faults: experiment.faults.iter().map(fault).collect(),
            narrative: lines(experiment),
            timers: timers(experiment),
            noise: noise(&experiment.noise),
        }
    }
}

fn expectations<'p>(experiment: &Experiment<'p>) -> Vec<ExpectationView<'p>> {
    let clock = experiment.clock;
    let view = |expectation: &'p ExpectationResult| ExpectationView {
        name: &expectation.name,
        verdict: wording::verdict(expectation.verdict, false),
        class: wording::class(expectation.verdict),
        expected: &expectation.expected,
        seen: &expectation.seen,
        source: expectation.source.as_deref(),
        hint: expectation.hint.as_deref(),
        measures: expectation
            .measures
            .iter()
            .map(|measure| (measure.name.as_str(), wording::measure(measure)))
            .collect(),
        evidence: expectation
            .evidence
            .iter()
            .map(|evidence| (clock.both(evidence.at), evidence.what.as_str()))
            .collect(),
    };
    let list = experiment.result.map(|result| result.expectations.as_slice());
    let mut list: Vec<&ExpectationResult> = list.unwrap_or_default().iter().collect();
    list.sort_by_key(|expectation| std::cmp::Reverse(expectation.verdict));
    list.into_iter().map(view).collect()
}

fn incident_views(experiment: &Experiment<'_>) -> Vec<IncidentView> {
    let view = |row: IncidentRow| IncidentView {
        words: incident::verdict_words(&row),
        class: row.verdict.map_or("none", wording::class),
        row,
    };
    incident::rows(experiment).into_iter().map(view).collect()
}

fn fault<'p>(band: &FaultBand<'p>) -> FaultView<'p> {
    FaultView {
        fault: band.fault,
        targets: wording::some_of(band.targets, 6),
        fidelity: match band.fidelity {
            Fidelity::Exact => "exact",
            Fidelity::Approximated => "approximated",
            Fidelity::Unsupported => "unsupported",
        },
        landed: band.landed,
        healed: band.until.is_some(),
    }
}

fn lines(experiment: &Experiment<'_>) -> Vec<LineView> {
    let clock = experiment.clock;
    let view = |line: narrative::Line| LineView {
        incident: clock.incident(line.at),
        lab: clock.lab(line.at),
        kind: line.kind,
        class: line.class,
        text: line.text,
    };
    narrative::tell(experiment).into_iter().map(view).collect()
}

fn timers<'p>(experiment: &Experiment<'p>) -> Vec<TimerView<'p>> {
    let timer = |timer: &'p crate::record::TimerValue| TimerView {
        name: &timer.name,
        nominal: human(Duration::from_millis(timer.nominal_ms)),
        effective: human(Duration::from_millis(timer.effective_ms)),
        note: &timer.note,
    };
    experiment.timers.iter().map(timer).collect()
}

fn noise(noise: &Noise) -> Vec<(&'static str, String)> {
    if noise.flows == 0 {
        return Vec::new();
    }
    let late = match noise.worst_late_ns {
        0 => "never late".to_owned(),
        nanos => human(Duration::from_nanos(nanos)),
    };
    vec![
        ("flows", noise.flows.to_string()),
        ("packets sent", noise.sent.to_string()),
        ("received", noise.received.to_string()),
        ("duplicated", noise.duplicated.to_string()),
        ("reordered", noise.reordered.to_string()),
        ("spoiled by the prober itself", noise.spoiled.to_string()),
        ("prober late by at most", late),
    ]
}

/// The lab's drawing, with what happened to each node.
fn topology(experiment: &Experiment<'_>) -> Option<String> {
    let topology = experiment.topology.as_ref()?;
    let layout = graph::layout(topology);
    Some(graph::draw(topology, &layout, &marks(experiment), false))
}

/// Marks nodes with alarms or dead daemons, and those whose traffic stopped.
fn marks(experiment: &Experiment<'_>) -> BTreeMap<NodeName, Mark> {
    let mut notes: BTreeMap<NodeName, (Health, Vec<String>)> = BTreeMap::new();
    let mut note = |node: &str, health: Health, text: String| {
        let entry = notes.entry(node.into()).or_insert((health, Vec::new()));
        entry.0 = entry.0.max(health);
        if !entry.1.contains(&text) {
            entry.1.push(text);
        }
    };
    for entry in experiment
        .entries
        .iter()
        .filter(|entry| entry.at >= experiment.clock.zero)
    {
        let Event::Observation(seen) = &entry.event else {
            continue;
        };
        if !matches!(
            seen.state,
            StateKind::Alarm | StateKind::Process | StateKind::Node
        ) {
            continue;
        }
        if health(seen.state, &seen.value) == Some(Health::Bad) {
            let text = format!("{} {}", seen.key, words(seen.state, &seen.value));
            note(seen.node.as_str(), Health::Bad, text);
        }
    }
    for pair in experiment
        .traffic
        .pairs
        .iter()
        .filter(|pair| !pair.segments.is_empty())
    {
        let lasted = human(pair.longest());
        note(
            pair.from,
            Health::Warn,
            format!("no traffic to {} for {lasted}", pair.to),
        );
        note(
            pair.to,
            Health::Warn,
            format!("no traffic from {} for {lasted}", pair.from),
        );
    }
    let mark = |(node, (health, lines)): (NodeName, (Health, Vec<String>))| {
        let mark = Mark {
            class: health.class().to_owned(),
            note: wording::some_of(&lines, 5).replace(", ", "\n"),
        };
        (node, mark)
    };
    notes.into_iter().map(mark).collect()
}
