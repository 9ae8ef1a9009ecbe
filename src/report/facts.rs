//! What a history says about the run and about each experiment, sorted for reporting.

use std::collections::BTreeMap;

use crate::base::{ExperimentName, MonoTime};
use crate::record::{
    Capability, Entry, Event, ExperimentResult, FaultPhase, Fidelity, FlowCount, FlowSpec, InputHash,
    TimerValue,
};
use crate::topology::Topology;

use super::Report;
use super::clock::Clock;
use super::traffic::Traffic;

/// What concerns the whole run.
#[derive(Debug, Default)]
pub(super) struct RunFacts<'a> {
    pub(super) version: &'a str,
    pub(super) seed: String,
    pub(super) wall_clock: &'a str,
    pub(super) inputs: &'a [InputHash],
    pub(super) capabilities: &'a [Capability],
    pub(super) left_behind: Vec<&'a str>,
    /// Design, row and reason.
    pub(super) not_applicable: Vec<(&'a str, &'a str, &'a str)>,
}

impl<'a> RunFacts<'a> {
    pub(super) fn new(report: &Report<'a>) -> Self {
        let mut facts = Self::default();
        for entry in report.history.entries() {
            match &entry.event {
                Event::RunStarted {
                    version,
                    seed,
                    wall_clock,
                    inputs,
                    ..
                } => {
                    facts.version = version;
                    facts.seed = seed.to_string();
                    facts.wall_clock = wall_clock;
                    facts.inputs = inputs;
                }
                Event::Capabilities { list } => facts.capabilities = list,
                Event::LeftBehind { what } => facts.left_behind.push(what),
                Event::NotApplicable { design, row, reason } => {
                    facts.not_applicable.push((design, row, reason));
                }
                _ => {}
            }
        }
        facts
    }
}

/// A fault's time in force.
#[derive(Clone, Debug)]
pub(super) struct FaultBand<'a> {
    pub(super) fault: &'a str,
    pub(super) targets: &'a [String],
    pub(super) from: MonoTime,
    /// When it was healed; absent when it never was.
    pub(super) until: Option<MonoTime>,
    pub(super) landed: bool,
    pub(super) fidelity: Fidelity,
}

/// An experiment as its entries tell it.
pub(super) struct Experiment<'a> {
    pub(super) name: &'a ExperimentName,
    pub(super) result: Option<&'a ExperimentResult>,
    pub(super) title: &'a str,
    pub(super) design: &'a str,
    pub(super) lab: &'a str,
    pub(super) file: &'a str,
    pub(super) definition: &'a serde_json::Value,
    pub(super) topology: Option<Topology>,
    pub(super) timers: &'a [TimerValue],
    pub(super) clock: Clock,
    /// First and last instant worth drawing.
    pub(super) span: (MonoTime, MonoTime),
    pub(super) entries: Vec<&'a Entry>,
    pub(super) faults: Vec<FaultBand<'a>>,
    pub(super) traffic: Traffic<'a>,
    pub(super) aborted: Option<&'a str>,
    pub(super) noise: Noise,
}

/// The prober's own disturbance and totals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noise {
    pub(super) flows: usize,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
    pub(super) spoiled: u64,
    pub(super) worst_late_ns: u64,
}

/// Returns all experiments in the order of their start.
pub(super) fn experiments<'a>(report: &Report<'a>) -> Vec<Experiment<'a>> {
    let starts = report.history.entries().iter().filter_map(|entry| {
        matches!(entry.event, Event::ExperimentStarted { .. })
            .then_some(entry.experiment.as_ref())
            .flatten()
    });
    starts.filter_map(|name| Experiment::new(report, name)).collect()
}

impl<'a> Experiment<'a> {
    pub(super) fn new(report: &Report<'a>, name: &ExperimentName) -> Option<Self> {
        let entries: Vec<&Entry> = report
            .history
            .entries()
            .iter()
            .filter(|entry| entry.experiment.as_ref() == Some(name))
            .collect();
        let start = entries
            .iter()
            .find(|entry| matches!(entry.event, Event::ExperimentStarted { .. }))?;
        let Event::ExperimentStarted {
            title,
            design,
            lab,
            file,
            definition,
            topology,
            timers,
            incident_clock,
            scale,
        } = &start.event
        else {
            return None;
        };
        let first = |wanted: fn(&Event) -> bool| entries.iter().find(|e| wanted(&e.event)).map(|e| e.at);
        let zero = first(|event| matches!(event, Event::MethodStarted)).unwrap_or(start.at);
        let end = drawn_until(&entries).unwrap_or(zero);
        Some(Self {
            name: start.experiment.as_ref()?,
            result: report.results.iter().find(|result| result.experiment == *name),
            title,
            design,
            lab: lab.as_str(),
            file,
            definition,
            topology: serde_json::from_value(topology.clone()).ok(),
            timers,
            clock: Clock::new(zero, incident_clock.as_deref(), *scale),
            span: (zero, end.max(zero)),
            faults: fault_bands(&entries),
            traffic: Traffic::new(&entries, end),
            aborted: entries.iter().find_map(|entry| match &entry.event {
                Event::ExperimentAborted { reason } => Some(reason.as_str()),
                _ => None,
            }),
            noise: noise(&entries),
            entries,
        })
    }

    /// Returns the heading of its row in the table of designs against faults.
    pub(super) fn row(&self) -> &'a str {
        self.result.map_or(self.title, |result| &result.row)
    }
}

/// The last event that is part of the story; verdicts and teardown come later and say nothing about the network.
fn drawn_until(entries: &[&Entry]) -> Option<MonoTime> {
    entries
        .iter()
        .filter(|entry| {
            !matches!(
                entry.event,
                Event::Judged(_) | Event::ExperimentEnded | Event::LeftBehind { .. } | Event::RunEnded { .. }
            )
        })
        .map(|entry| entry.at)
        .max()
}

fn fault_bands<'a>(entries: &[&'a Entry]) -> Vec<FaultBand<'a>> {
    let mut bands: BTreeMap<usize, FaultBand<'a>> = BTreeMap::new();
    for entry in entries {
        let Event::Fault {
            fault,
            injection,
            targets,
            phase,
            fidelity,
            ..
        } = &entry.event
        else {
            continue;
        };
        let band = bands.entry(*injection).or_insert(FaultBand {
            fault: fault.as_str(),
            targets,
            from: entry.at,
            until: None,
            landed: false,
            fidelity: *fidelity,
        });
        match phase {
            FaultPhase::Landed => band.landed = true,
            FaultPhase::Healed => band.until = Some(entry.at),
            _ => {}
        }
    }
    bands.into_values().collect()
}

fn noise(entries: &[&Entry]) -> Noise {
    let mut noise = Noise::default();
    let mut last: BTreeMap<crate::record::FlowId, FlowCount> = BTreeMap::new();
    for entry in entries {
        match &entry.event {
            Event::Flows { flows } => noise.flows += flows.len(),
            Event::FlowCounts { counts } => last.extend(counts.iter().map(|count| (count.flow, *count))),
            Event::ProberLate { nanos, .. } => noise.worst_late_ns = noise.worst_late_ns.max(*nanos),
            _ => {}
        }
    }
    for count in last.into_values() {
        noise.sent += count.sent;
        noise.received += count.received;
        noise.duplicated += count.duplicated;
        noise.reordered += count.reordered;
        noise.spoiled += count.spoiled;
    }
    noise
}

/// Returns the flows of an experiment.
pub(super) fn flows<'a>(entries: &[&'a Entry]) -> impl Iterator<Item = &'a FlowSpec> {
    entries.iter().flat_map(|entry| match &entry.event {
        Event::Flows { flows } => flows.as_slice(),
        _ => &[],
    })
}
