//! A file with a contract: top key `contract`; a table of faults against designs, each cell one experiment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::method::fault;
use super::model::{
    Action, Experiment, Hold, Injection, Isolation, NotApplicable, SteadyState, Step, TrafficGroup, When,
};
use super::parts::{beside, name, seed, steady, time, traffic};
use super::reader::{Fields, Reader};
use super::single::FINDINGS;
use crate::assertions::{
    Expectation, Finding, FlowSelection, Predicate, Temporal, TrafficPredicate, TrafficState, Window,
};
use crate::base::duration::human;
use crate::base::{Document, ExperimentName, Node, Seed};

pub(super) const KEYS: [&str; 12] = [
    "contract",
    "title",
    "labs",
    "seed",
    "time",
    "traffic",
    "steady-state",
    "limit",
    "hold",
    "recover-within",
    "settle",
    "faults",
];
pub(super) const ROW_KEYS: [&str; 6] = ["id", "title", "hold", "recover-within", "settle", "cells"];
pub(super) const CELL_KEYS: [&str; 9] = [
    "fault",
    "on",
    "between",
    "params",
    "expect",
    "longer-than",
    "because",
    "hold",
    "not-applicable",
];

const DEFAULT_HOLD: Duration = Duration::from_secs(10);
const DEFAULT_RECOVERY: Duration = Duration::from_secs(60);
/// Traffic goes on for so long after healing, because some faults hurt only when they are healed.
const DEFAULT_SETTLE: Duration = Duration::from_secs(2);

/// What a contract gives: experiments and cells that do not exist.
#[derive(Default)]
pub(super) struct Expanded {
    pub(super) title: String,
    pub(super) experiments: Vec<Experiment>,
    pub(super) not_applicable: Vec<NotApplicable>,
}

/// What all cells share.
struct Contract<'d> {
    document: &'d Document,
    name: String,
    labs: Vec<(String, PathBuf)>,
    seed: Seed,
    scale: f64,
    traffic: Vec<TrafficGroup>,
    steady: SteadyState,
    limit: Duration,
    times: Times,
}

/// Times of a row, and the contract's defaults for them.
#[derive(Clone, Copy)]
struct Times {
    hold: Duration,
    recover_within: Duration,
    settle: Duration,
}

impl Times {
    fn read(reader: &mut Reader, fields: &Fields<'_>, default: Self) -> Self {
        Self {
            hold: reader.duration(fields, "hold").unwrap_or(default.hold),
            recover_within: reader
                .duration(fields, "recover-within")
                .unwrap_or(default.recover_within),
            settle: reader.duration(fields, "settle").unwrap_or(default.settle),
        }
    }
}

/// Reads a contract and expands it: for each design in order of `labs`, its rows in order.
pub(super) fn contract(reader: &mut Reader, document: &Document, folder: &Path) -> Option<Expanded> {
    let fields = reader.fields(&document.root, "a contract", &KEYS)?;
    let name = name(reader, &fields, "contract");
    let title = reader.text(&fields, "title").unwrap_or_else(|| name.clone());
    for key in ["labs", "limit", "traffic", "faults"] {
        if reader.needs(&fields, key) && fields.get(key).is_some_and(is_empty) {
            reader.problem(
                fields.position_of(key),
                format!("`{key}` is empty"),
                "a contract is about something",
            );
        }
    }
    let default = Times {
        hold: DEFAULT_HOLD,
        recover_within: DEFAULT_RECOVERY,
        settle: DEFAULT_SETTLE,
    };
    let (clock, _) = time(reader, &fields);
    let contract = Contract {
        document,
        name,
        labs: labs(reader, &fields, folder),
        seed: seed(reader, &fields),
        scale: clock.scale,
        traffic: traffic(reader, &fields),
        steady: steady(reader, &fields),
        limit: reader.duration(&fields, "limit").unwrap_or_default(),
        times: Times::read(reader, &fields, default),
    };
    let rows = fields.list("faults");
    let mut cells: Vec<Cell> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    for row in rows {
        contract.row(reader, row, &mut ids, &mut cells);
    }
    let mut expanded = Expanded {
        title,
        ..Expanded::default()
    };
    for (design, _) in &contract.labs {
        for cell in cells.iter().filter(|cell| cell.design() == design) {
            match cell {
                Cell::Experiment(experiment) => expanded.experiments.push((**experiment).clone()),
                Cell::NotApplicable(not) => expanded.not_applicable.push(not.clone()),
            }
        }
    }
    Some(expanded)
}

enum Cell {
    Experiment(Box<Experiment>),
    NotApplicable(NotApplicable),
}

impl Cell {
    fn design(&self) -> &str {
        match self {
            Self::Experiment(experiment) => &experiment.design,
            Self::NotApplicable(not) => &not.design,
        }
    }
}

fn is_empty(node: &Node) -> bool {
    node.as_sequence().is_some_and(<[Node]>::is_empty)
}

fn labs(reader: &mut Reader, fields: &Fields<'_>, folder: &Path) -> Vec<(String, PathBuf)> {
    let Some(node) = fields.get("labs") else {
        return Vec::new();
    };
    let Some(pairs) = node.as_mapping() else {
        let hint = "write one line a design: `mclag: ../topologies/….clab.yaml`";
        reader.problem(
            node.position,
            format!("expected a mapping for `labs`, found {}", node.describe()),
            hint,
        );
        return Vec::new();
    };
    let mut labs = Vec::new();
    for (design, path) in pairs {
        let design = design.as_text().unwrap_or_default().to_owned();
        if let Some(path) = reader.scalar(path, "a topology file") {
            labs.push((design, beside(folder, &path)));
        }
    }
    labs
}

struct Row {
    id: String,
    title: String,
    times: Times,
}

impl Contract<'_> {
    fn row(&self, reader: &mut Reader, node: &Node, ids: &mut Vec<String>, cells: &mut Vec<Cell>) {
        let Some(fields) = reader.fields(node, "a row of `faults`", &ROW_KEYS) else {
            return;
        };
        let id = name(reader, &fields, "id");
        if ids.contains(&id) {
            let message = format!("two rows have the id `{id}`");
            reader.problem(node.position, message, "change one of them");
        }
        ids.push(id.clone());
        let row = Row {
            title: reader.text(&fields, "title").unwrap_or_else(|| id.clone()),
            times: Times::read(reader, &fields, self.times),
            id,
        };
        let designs: Vec<&str> = self.labs.iter().map(|(design, _)| design.as_str()).collect();
        if !reader.needs(&fields, "cells") {
            return;
        }
        let known = fields
            .get("cells")
            .and_then(|cells| reader.fields(cells, "`cells`", &designs));
        let Some(given) = known else { return };
        for (design, topology) in &self.labs {
            if let Some(node) = given.get(design) {
                cells.extend(self.cell(reader, node, &row, design, topology));
            } else {
                let message = format!("row `{}` says nothing about design `{design}`", row.id);
                let hint = "give its fault and what is expected, or `not-applicable: why`";
                reader.problem(given.position(), message, hint);
            }
        }
    }

    fn cell(
        &self,
        reader: &mut Reader,
        node: &Node,
        row: &Row,
        design: &str,
        topology: &Path,
    ) -> Option<Cell> {
        let fields = reader.fields(node, "a cell", &CELL_KEYS)?;
        if fields.get("not-applicable").is_some() {
            return Some(Cell::NotApplicable(NotApplicable {
                contract: self.name.clone(),
                design: design.to_owned(),
                row: row.title.clone(),
                reason: reader.text(&fields, "not-applicable")?,
            }));
        }
        let (fault, target, params) = fault(reader, &fields)?;
        reader.needs(&fields, "expect");
        let because = reader.required(&fields, "because");
        let finding = fields
            .get("expect")
            .and_then(|node| reader.word(node, "statement", &FINDINGS))?;
        let hold = reader.duration(&fields, "hold").unwrap_or(row.times.hold);
        let limit = reader.duration(&fields, "longer-than").unwrap_or(self.limit);
        if finding != Finding::Loses && fields.get("longer-than").is_some() {
            let message = "`longer-than` goes with `expect: loses`";
            reader.problem(
                fields.position_of("longer-than"),
                message,
                "the contract's `limit` holds for the others",
            );
        }
        let injection = Injection {
            fault: fault.as_str().into(),
            target,
            params,
            hold: Hold::UntilHealed,
        };
        let line = node.position.line;
        let source = format!("{}:{line}", self.document.path.display());
        Some(Cell::Experiment(Box::new(Experiment {
            name: ExperimentName::new(format!("{}@{design}", row.id)),
            title: format!("{} ({design})", row.title),
            design: design.to_owned(),
            row: row.title.clone(),
            contract: Some(self.name.clone()),
            topology: topology.to_owned(),
            seed: self.seed,
            scale: self.scale,
            incident_clock: None,
            traffic: self.traffic.clone(),
            steady: self.steady.clone(),
            method: method(injection, hold, row.times.settle, line),
            expectations: self.expectations(finding, limit, &source),
            finding: Some(finding),
            because: Some(because),
            limit: Some(self.limit),
            recover_within: Some(row.times.recover_within),
            isolation: Isolation::Shared,
            incident: Vec::new(),
            file: self.document.path.clone(),
            line,
        })))
    }

    fn expectations(&self, finding: Finding, limit: Duration, source: &str) -> Vec<Expectation> {
        let expectation = |name: String, groups: &[&String], how: Temporal| Expectation {
            name,
            what: Predicate::Traffic(TrafficPredicate {
                flows: FlowSelection {
                    groups: groups.iter().map(|group| (*group).clone()).collect(),
                    ..FlowSelection::default()
                },
                is: TrafficState::Out,
            }),
            how,
            window: Window::default(),
            source: Some(source.to_owned()),
        };
        let counting: Vec<_> = self.traffic.iter().filter(|group| group.counts).collect();
        match finding {
            Finding::Keeps => counting
                .iter()
                .map(|group| {
                    let name = format!("{} is never out for longer than {}", group.group, human(limit));
                    let how = Temporal::NeverLongerThan {
                        longest: limit,
                        total: None,
                        count: None,
                    };
                    expectation(name, &[&group.group], how)
                })
                .collect(),
            Finding::Loses => {
                let name = format!("this design loses service for longer than {}", human(limit));
                let groups: Vec<_> = counting.iter().map(|group| &group.group).collect();
                vec![expectation(name, &groups, Temporal::LongerThan { limit })]
            }
            Finding::Either => Vec::new(),
        }
    }
}

fn method(injection: Injection, hold: Duration, settle: Duration, line: usize) -> Vec<Step> {
    let step = |id: Option<&str>, action: Action| Step {
        id: id.map(str::to_owned),
        title: action.title(),
        when: When::AfterPrevious,
        action,
        line,
    };
    vec![
        step(Some("fault"), Action::Inject(injection)),
        step(None, Action::Wait { time: hold }),
        step(
            Some("heal"),
            Action::Heal {
                step: "fault".to_owned(),
            },
        ),
        step(None, Action::Wait { time: settle }),
    ]
}
