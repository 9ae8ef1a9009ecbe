//! The story of an experiment in the style of a post-mortem: one line a moment, like `13:33:08 ca1: LACP on eth1, … DETACHED`.
//!
//! What happens to many ports or pairs at the same moment is one line, because that is how people tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::base::MonoTime;
use crate::record::{Epoch, Event, FaultPhase, Fidelity, Observation, StateKind, StepPhase};

use super::facts::Experiment;
use super::health::{Health, health, subject, words};
use super::traffic::Pair;
use super::wording::some_of;

/// Changes closer together than this are told as one.
const TOGETHER: Duration = Duration::from_millis(400);

/// A line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: MonoTime,
    /// `step`, `fault`, `state`, `traffic`, `log`, `epoch` or `doubt`.
    pub(super) kind: &'static str,
    /// `good`, `warn`, `bad` or empty.
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Tells an experiment's story from the start of its method.
pub(super) fn tell(experiment: &Experiment<'_>) -> Vec<Line> {
    let mut teller = Teller {
        zero: experiment.clock.zero,
        lines: Vec::new(),
        last: BTreeMap::new(),
        pending: Vec::new(),
    };
    for entry in &experiment.entries {
        teller.event(entry.at, &entry.event);
    }
    teller.flush(MonoTime(u64::MAX));
    for (group, pairs) in experiment.traffic.groups() {
        traffic(group, &pairs, experiment.span.1, &mut teller.lines);
    }
    let mut lines = teller.lines;
    lines.sort_by_key(|line| line.at);
    lines
}

struct Teller<'a> {
    zero: MonoTime,
    lines: Vec<Line>,
    /// Last value of each piece of state.
    last: BTreeMap<(&'a str, StateKind, &'a str), &'a Value>,
    /// Changes that may still be joined by others.
    pending: Vec<Change<'a>>,
}

/// The same change of several instances of a node.
struct Change<'a> {
    at: MonoTime,
    node: &'a str,
    kind: StateKind,
    keys: Vec<String>,
    before: Option<String>,
    after: String,
    class: &'static str,
}

impl<'a> Teller<'a> {
    fn event(&mut self, at: MonoTime, event: &'a Event) {
        self.flush(at);
        match event {
            Event::Observation(observation) => self.observation(at, observation),
            _ if at < self.zero => {}
            Event::Step {
                title, phase, detail, ..
            } => self.step(at, title, *phase, detail.as_deref()),
            Event::Fault {
                fault,
                targets,
                phase,
                fidelity,
                detail,
                ..
            } => {
                let what = format!("{fault} on {}", some_of(targets, 4));
                self.fault(at, &what, *phase, *fidelity, detail.as_deref());
            }
            Event::Epoch { epoch, subject } => self.epoch(at, *epoch, subject.as_deref()),
            Event::Log { node, daemon, line } => {
                // Syslog lines usually begin with the daemon's own name.
                let text = if line.contains(daemon.as_str()) {
                    format!("{node}: {line}")
                } else {
                    format!("{node} {daemon}: {line}")
                };
                self.push(at, "log", "", text);
            }
            Event::CollectorFailed {
                node,
                collector,
                error,
            } => {
                let text = format!(
                    "{node}: {collector} could not be read ({error}); its state is unknown from here"
                );
                self.push(at, "doubt", "warn", text);
            }
            Event::MethodStarted => {
                self.push(at, "epoch", "", "the lab is steady; the method begins".to_owned());
            }
            Event::MethodEnded => self.push(at, "epoch", "", "the method is over".to_owned()),
            Event::Baseline { reached, differences } => {
                let (class, text) = if *reached {
                    ("good", "the lab is back at its baseline".to_owned())
                } else {
                    let text = format!("the lab is not back at its baseline: {}", some_of(differences, 3));
                    ("bad", text)
                };
                self.push(at, "epoch", class, text);
            }
            Event::ExperimentAborted { reason } => {
                self.push(
                    at,
                    "doubt",
                    "bad",
                    format!("the experiment was aborted: {reason}"),
                );
            }
            _ => {}
        }
    }

    fn push(&mut self, at: MonoTime, kind: &'static str, class: &'static str, text: String) {
        self.lines.push(Line {
            at,
            kind,
            class,
            text,
        });
    }

    fn step(&mut self, at: MonoTime, title: &str, phase: StepPhase, detail: Option<&str>) {
        match (phase, detail) {
            (StepPhase::Started, _) => self.push(at, "step", "", title.to_owned()),
            (StepPhase::Failed, detail) => {
                let text = format!("{title}: failed ({})", detail.unwrap_or("no output"));
                self.push(at, "step", "bad", text);
            }
            (StepPhase::Done, _) => {}
        }
    }

    fn fault(
        &mut self,
        at: MonoTime,
        what: &str,
        phase: FaultPhase,
        fidelity: Fidelity,
        detail: Option<&str>,
    ) {
        let seen = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        let nature = match fidelity {
            Fidelity::Exact => "",
            Fidelity::Approximated => " (approximated)",
            Fidelity::Unsupported => " (not possible here)",
        };
        let (class, text) = match phase {
            FaultPhase::Injecting => ("", format!("fault {what} is injected{nature}")),
            FaultPhase::Landed => ("bad", format!("fault {what} is verifiably in force{seen}")),
            FaultPhase::NotLanded => ("warn", format!("fault {what} did not land{seen}")),
            FaultPhase::Healing => return,
            FaultPhase::Healed => ("good", format!("fault {what} is healed{seen}")),
            FaultPhase::NotHealed => ("bad", format!("fault {what} could not be healed{seen}")),
        };
        self.push(at, "fault", class, text);
    }

    fn epoch(&mut self, at: MonoTime, epoch: Epoch, subject: Option<&str>) {
        let (class, text) = match epoch {
            // Told by the steps and faults themselves.
            Epoch::Injected | Epoch::Visible | Epoch::Healed | Epoch::Alarm => return,
            Epoch::Detected => ("", "first reaction of a control plane"),
            Epoch::DataPlaneRestored => ("good", "all flows run again"),
            Epoch::ControlPlaneConverged => ("good", "the control plane has converged"),
            Epoch::Settled => ("good", "the lab has settled"),
            Epoch::Acknowledged => ("", "the alarm is acknowledged"),
        };
        let subject = subject.map(|subject| format!(" ({subject})")).unwrap_or_default();
        self.push(at, "epoch", class, format!("{text}{subject}"));
    }

    fn observation(&mut self, at: MonoTime, seen: &'a Observation) {
        let place = (seen.node.as_str(), seen.state, seen.key.as_str());
        let before = self
            .last
            .insert(place, &seen.value)
            .map(|value| words(seen.state, value));
        let after = words(seen.state, &seen.value);
        let news = before.as_ref() != Some(&after) && (before.is_some() || seen.state == StateKind::Alarm);
        if at < self.zero || !news {
            return;
        }
        let class = health(seen.state, &seen.value).map_or("", Health::class);
        let joins = self.pending.iter_mut().find(|change| {
            change.node == place.0
                && change.kind == seen.state
                && change.after == after
                && change.before == before
        });
        match joins {
            Some(change) => change.keys.push(seen.key.clone()),
            None => self.pending.push(Change {
                at,
                node: place.0,
                kind: seen.state,
                keys: vec![seen.key.clone()],
                before,
                after,
                class,
            }),
        }
    }

    /// Tells the changes that nothing can join any more at `now`.
    fn flush(&mut self, now: MonoTime) {
        while let Some(change) = self.pending.first() {
            if now.since(change.at) < TOGETHER {
                return;
            }
            let change = self.pending.remove(0);
            let subject = subject(change.kind, &change.keys);
            let text = match (change.kind, &change.before) {
                (StateKind::Alarm, _) if change.class == "good" => format!("{}: alarm cleared", change.node),
                (StateKind::Alarm, _) => format!("{}: alarm set, {}", change.node, change.after),
                (_, Some(before)) => format!("{}: {subject} {before} → {}", change.node, change.after),
                (_, None) => format!("{}: {subject} {}", change.node, change.after),
            };
            self.push(change.at, "state", change.class, text);
        }
    }
}

/// Tells when pairs of a group lose traffic and when they carry it again.
fn traffic(group: &str, pairs: &[&Pair<'_>], end: MonoTime, lines: &mut Vec<Line>) {
    let mut edges: Vec<(MonoTime, bool, String)> = Vec::new();
    for pair in pairs {
        let name = format!("{} → {}", pair.from, pair.to);
        for (from, until) in pair.outages() {
            edges.push((from, true, name.clone()));
            if until < end {
                edges.push((until, false, name.clone()));
            }
        }
    }
    edges.sort();
    let mut down = 0_usize;
    let mut at = 0;
    while at < edges.len() {
        let (start, lost, _) = edges[at];
        let mut names = Vec::new();
        while at < edges.len() && edges[at].1 == lost && edges[at].0.since(start) < TOGETHER {
            names.push(edges[at].2.clone());
            at += 1;
        }
        names.sort();
        names.dedup();
        if lost {
            down += names.len();
        } else {
            down = down.saturating_sub(names.len());
        }
        lines.push(traffic_line(start, lost, group, &names, down, pairs.len()));
    }
}

fn traffic_line(at: MonoTime, lost: bool, group: &str, names: &[String], down: usize, all: usize) -> Line {
    let who = if names.len() == all && all > 1 {
        format!("all {all} pairs")
    } else {
        some_of(names, 2)
    };
    let (class, what) = match (lost, names.len()) {
        (true, 1) => ("bad", format!("{who} loses packets")),
        (true, _) => ("bad", format!("{who} lose packets")),
        (false, 1) => ("good", format!("{who} carries traffic again")),
        (false, _) => ("good", format!("{who} carry traffic again")),
    };
    let tally = match down {
        0 => format!("{all} of {all} pairs in service"),
        _ => format!("{} of {all} pairs in service", all - down.min(all)),
    };
    Line {
        at,
        kind: "traffic",
        class,
        text: format!("{group}: {what} ({tally})"),
    }
}
