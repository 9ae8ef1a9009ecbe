//! One experiment's part of a history, and the instants of its named points.
//!
//! Observations are taken from earlier experiments on the same lab too: collectors record changes, so what has not changed
//! since an earlier cell of a contract was last recorded there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Anchor, Point};
use crate::base::{ExperimentName, LabName, MonoTime};
use crate::record::{Entry, Event, History, StepPhase};

pub(super) struct Facts<'a> {
    /// Entries of the experiment, in order of time.
    pub(super) entries: Vec<&'a Entry>,
    /// Observations and failures of collectors, also from before the experiment on the same lab.
    pub(super) states: Vec<&'a Entry>,
    /// Index of each step's id in the method.
    steps: &'a BTreeMap<String, usize>,
    /// When the method began.
    pub(super) method_start: Option<MonoTime>,
    /// When the method ended.
    pub(super) method_end: Option<MonoTime>,
    /// Time of the experiment's end, or of its last entry.
    pub(super) horizon: MonoTime,
    /// Whether it ended, rather than being cut short.
    pub(super) ended: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        history: &'a History,
        experiment: &'a ExperimentName,
        steps: &'a BTreeMap<String, usize>,
    ) -> Self {
        let entries: Vec<_> = history.of(experiment).collect();
        let first = |wanted: fn(&Event) -> bool| {
            let found = entries.iter().find(|entry| wanted(&entry.event));
            found.map(|entry| entry.at)
        };
        let method_start = first(|event| matches!(event, Event::MethodStarted));
        let method_end = first(|event| matches!(event, Event::MethodEnded));
        let end = first(|event| matches!(event, Event::ExperimentEnded));
        let last = entries
            .iter()
            .filter(|entry| !matches!(entry.event, Event::Judged(_)))
            .map(|entry| entry.at)
            .max();
        Self {
            states: states(history, experiment),
            steps,
            method_start,
            method_end,
            horizon: end.or(last).unwrap_or_default(),
            ended: end.is_some(),
            entries,
        }
    }

    /// Returns when a point was reached, or why it has no instant.
    pub(super) fn instant(&self, point: &Point) -> Result<MonoTime, String> {
        let at = match &point.anchor {
            Anchor::MethodStart => self.method_start.ok_or("the method never began")?,
            Anchor::MethodEnd => self.method_end.ok_or("the method never ended")?,
            Anchor::ExperimentEnd => self.horizon,
            Anchor::Epoch(wanted) => self
                .first(|event| matches!(event, Event::Epoch { epoch, .. } if epoch == wanted))
                .ok_or_else(|| format!("`{}` was never reached", point.anchor))?,
            Anchor::Step { step, phase } => self
                .step(step, *phase)
                .ok_or_else(|| format!("`{}` was never reached", point.anchor))?,
        };
        Ok(if point.before {
            at - point.offset
        } else {
            at + point.offset
        })
    }

    fn first(&self, wanted: impl Fn(&Event) -> bool) -> Option<MonoTime> {
        let found = self.entries.iter().find(|entry| wanted(&entry.event));
        found.map(|entry| entry.at)
    }

    fn step(&self, name: &str, wanted: StepPhase) -> Option<MonoTime> {
        let by_id = self.steps.get(name);
        self.first(|event| match event {
            Event::Step {
                index, title, phase, ..
            } => *phase == wanted && by_id.map_or(title == name, |by_id| by_id == index),
            _ => false,
        })
    }

    /// Prints an instant relative to the method's start: `+2.31 s`.
    pub(super) fn clock(&self, at: MonoTime) -> String {
        let zero = self
            .method_start
            .or_else(|| self.entries.first().map(|entry| entry.at))
            .unwrap_or_default();
        if at < zero {
            format!("-{}", crate::base::duration::human(zero.since(at)))
        } else {
            format!("+{}", crate::base::duration::human(at.since(zero)))
        }
    }
}

fn states<'a>(history: &'a History, experiment: &ExperimentName) -> Vec<&'a Entry> {
    let mut lab: Option<&LabName> = None;
    let mut labs: BTreeMap<&ExperimentName, &LabName> = BTreeMap::new();
    for entry in history.entries() {
        if let (Event::ExperimentStarted { lab: name, .. }, Some(of)) = (&entry.event, &entry.experiment) {
            labs.insert(of, name);
            if of == experiment {
                lab = Some(name);
            }
        }
    }
    let same: BTreeSet<_> = labs
        .iter()
        .filter(|(_, name)| lab == Some(**name))
        .map(|(of, _)| *of)
        .collect();
    let belongs = |of: Option<&ExperimentName>| of.is_some_and(|of| of == experiment || same.contains(of));
    history
        .entries()
        .iter()
        .filter(|entry| {
            matches!(entry.event, Event::Observation(_) | Event::CollectorFailed { .. })
                && belongs(entry.experiment.as_ref())
        })
        .collect()
}
