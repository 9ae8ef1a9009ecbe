//! A file with one experiment: top key `experiment`.

use std::path::Path;

use super::expectation::{Names, check, check_name, check_predicate, expectations};
use super::method::{Clock, steps};
use super::model::{Action, Experiment, IncidentRow, Isolation};
use super::parts::{beside, name, seed, steady, time, traffic};
use super::reader::{Fields, Reader};
use crate::assertions::Finding;
use crate::base::{Document, ExperimentName, Node, Position};

pub(super) const KEYS: [&str; 15] = [
    "experiment",
    "title",
    "topology",
    "design",
    "seed",
    "time",
    "traffic",
    "steady-state",
    "method",
    "expectations",
    "recover-within",
    "limit",
    "isolation",
    "states",
    "incident",
];

pub(super) const INCIDENT_KEYS: [&str; 4] = ["at", "what", "expectation", "step"];

pub(super) const FINDINGS: [(&str, Finding); 3] = [
    ("keeps", Finding::Keeps),
    ("loses", Finding::Loses),
    ("either", Finding::Either),
];

pub(super) fn experiment(reader: &mut Reader, document: &Document, folder: &Path) -> Option<Experiment> {
    const ISOLATION: [(&str, Isolation); 2] = [("own", Isolation::Own), ("shared", Isolation::Shared)];
    let fields = reader.fields(&document.root, "an experiment", &KEYS)?;
    let name = name(reader, &fields, "experiment");
    let title = reader.text(&fields, "title").unwrap_or_else(|| name.clone());
    let (clock, incident_clock) = time(reader, &fields);
    for key in ["topology", "method", "expectations"] {
        reader.needs(&fields, key);
    }
    let topology = reader.text(&fields, "topology").unwrap_or_default();
    let isolation = fields
        .get("isolation")
        .and_then(|node| reader.word(node, "isolation", &ISOLATION));
    let finding = fields
        .get("states")
        .and_then(|node| reader.word(node, "statement", &FINDINGS));
    let experiment = Experiment {
        design: reader.text(&fields, "design").unwrap_or_else(|| "lab".to_owned()),
        row: title.clone(),
        contract: None,
        topology: beside(folder, &topology),
        seed: seed(reader, &fields),
        scale: clock.scale,
        incident_clock,
        traffic: traffic(reader, &fields),
        steady: steady(reader, &fields),
        method: steps(reader, &fields, &clock, folder),
        expectations: expectations(reader, &fields),
        finding,
        because: None,
        limit: reader.duration(&fields, "limit"),
        recover_within: reader.duration(&fields, "recover-within"),
        isolation: isolation.unwrap_or_default(),
        incident: incident(reader, &fields, &clock),
        file: document.path.clone(),
        line: fields.position_of("experiment").line,
        name: ExperimentName::new(name),
        title,
    };
    check_names(reader, &fields, &experiment);
    Some(experiment)
}

fn incident(reader: &mut Reader, fields: &Fields<'_>, clock: &Clock) -> Vec<IncidentRow> {
    let nodes = fields.list("incident");
    nodes
        .iter()
        .filter_map(|node| incident_row(reader, node, clock))
        .collect()
}

fn incident_row(reader: &mut Reader, node: &Node, clock: &Clock) -> Option<IncidentRow> {
    let fields = reader.fields(node, "a row of the incident", &INCIDENT_KEYS)?;
    reader.needs(&fields, "at");
    let what = reader.required(&fields, "what");
    let incident = reader.parsed(&fields, "at", |text| clock.incident(text))?;
    Some(IncidentRow {
        at: reader.text(&fields, "at")?,
        incident,
        lab: clock.to_lab(incident),
        what,
        expectation: reader.text(&fields, "expectation"),
        step: reader.text(&fields, "step"),
    })
}

/// Positions of the items of a list, in the order they were decoded.
///
/// Items that could not be decoded were reported and shift the rest, so places are only exact in a file without them;
/// such a file is refused anyway.
fn places(fields: &Fields<'_>, key: &str) -> Vec<Position> {
    let items = fields.get(key).and_then(Node::as_sequence).unwrap_or_default();
    items.iter().map(|item| item.position).collect()
}

fn check_names(reader: &mut Reader, fields: &Fields<'_>, experiment: &Experiment) {
    let steps = experiment.method.iter();
    let names = Names {
        groups: experiment
            .traffic
            .iter()
            .map(|group| group.group.as_str())
            .collect(),
        steps: steps
            .flat_map(|step| step.id.as_deref().into_iter().chain([step.title.as_str()]))
            .collect(),
    };
    let at = |line: Option<usize>| Position {
        line: line.unwrap_or(1),
        column: 1,
    };
    for expectation in &experiment.expectations {
        let source = expectation
            .source
            .as_deref()
            .and_then(|source| source.rsplit(':').next());
        let line = source.and_then(|line| line.parse().ok());
        let place = places(fields, "expectations")
            .into_iter()
            .find(|place| Some(place.line) == line);
        check(reader, place.unwrap_or_else(|| at(line)), expectation, &names);
    }
    for step in &experiment.method {
        if let Action::WaitUntil { predicate, .. } = &step.action {
            check_predicate(reader, at(Some(step.line)), predicate, &names);
        }
    }
    let place = fields.position_of("steady-state");
    for predicate in &experiment.steady.holds {
        check_predicate(reader, place, predicate, &names);
    }
    let expectations: Vec<_> = experiment
        .expectations
        .iter()
        .map(|known| known.name.as_str())
        .collect();
    for (row, place) in experiment.incident.iter().zip(places(fields, "incident")) {
        if let Some(name) = &row.expectation {
            check_name(reader, place, "expectation", name, &expectations);
        }
        if let Some(step) = &row.step {
            check_name(reader, place, "step", step, &names.steps);
        }
    }
}
