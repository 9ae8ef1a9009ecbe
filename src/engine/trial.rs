//! One experiment on one lab: steady state, method, return to baseline, judgement.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::baseline::{Values, differences};
use super::cancel::{Cancel, Waited};
use super::error::EngineError;
use super::lab::RunningLab;
use super::method::Method;
use super::progress::Progress;
use super::traffic;
use super::unit::tell;
use crate::assertions::{Predicate, Truth, judge, truth_at};
use crate::base::{ErrorChain, LabName, MonoTime, NodeName};
use crate::experiment::Experiment;
use crate::nos::Nos;
use crate::probes::LabSockets;
use crate::probes::logs::{LogFollower, LogPattern};
use crate::probes::state::{CollectedNode, Collectors};
use crate::probes::traffic::{ProbeOptions, Prober};
use crate::record::{
    Entry, Event, ExperimentResult, FlowSpec, History, HistoryWriter, Observation, StateKind,
};

/// How often state is read from nodes.
const SAMPLING: Duration = Duration::from_millis(250);
/// How long a lab may take to be back at its baseline where the experiment does not say.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long a lab whose baseline is known must hold it.
const KNOWN: Duration = Duration::from_secs(1);
/// How often a condition of the lab is looked at.
const POLL: Duration = Duration::from_millis(250);

/// Conducts an experiment on a lab, `fresh` when it has served none yet, and judges it. The second value tells whether the lab is back at its baseline.
pub(super) fn conduct(
    experiment: &Experiment,
    lab: &RunningLab,
    fresh: bool,
    history: &HistoryWriter,
    cancel: &Cancel,
    progress: &Sender<Progress>,
) -> (ExperimentResult, bool) {
    history.write(started(experiment, lab));
    let trial = Trial {
        fresh,
        experiment,
        lab,
        history,
        cancel,
        progress,
    };
    let clean = match trial.conduct() {
        Ok(clean) => clean,
        Err(error) => {
            history.write(Event::ExperimentAborted {
                reason: ErrorChain::new(&error).to_string(),
            });
            false
        }
    };
    lab.stop_observing();
    history.write(Event::ExperimentEnded);
    (verdict(experiment, lab, history), clean)
}

/// Records and judges an experiment whose lab did not come up.
pub(super) fn abort(
    experiment: &Experiment,
    lab: &LabName,
    history: &HistoryWriter,
    reason: &str,
) -> ExperimentResult {
    history.write(Event::ExperimentStarted {
        title: experiment.title.clone(),
        design: experiment.design.clone(),
        lab: lab.clone(),
        file: experiment.file.display().to_string(),
        definition: serde_json::to_value(experiment).unwrap_or_default(),
        topology: serde_json::Value::Null,
        timers: Vec::new(),
        incident_clock: experiment.incident_clock.clone(),
        scale: experiment.scale,
    });
    history.write(Event::ExperimentAborted {
        reason: reason.to_owned(),
    });
    history.write(Event::ExperimentEnded);
    let result = judge(
        &history.snapshot(),
        &experiment.name,
        &[],
        &experiment.judge_context(),
    );
    history.write(Event::Judged(result.clone()));
    result
}

fn started(experiment: &Experiment, lab: &RunningLab) -> Event {
    Event::ExperimentStarted {
        title: experiment.title.clone(),
        design: experiment.design.clone(),
        lab: lab.lab.name().clone(),
        file: experiment.file.display().to_string(),
        definition: serde_json::to_value(experiment).unwrap_or_default(),
        topology: serde_json::to_value(&lab.topology).unwrap_or_default(),
        timers: lab.timers.clone(),
        incident_clock: experiment.incident_clock.clone(),
        scale: experiment.scale,
    }
}

fn verdict(experiment: &Experiment, lab: &RunningLab, history: &HistoryWriter) -> ExperimentResult {
    let mut expectations = experiment.expectations.clone();
    let resolve = |selector: &str| {
        traffic::select(&lab.topology, selector, &traffic::place(experiment))
            .map_err(|error| error.to_string())
    };
    for expectation in &mut expectations {
        if let Err(error) = expectation.resolve(&resolve) {
            // `check` has resolved them before the run; a topology does not change while it runs.
            history.write(Event::ExperimentAborted {
                reason: ErrorChain::new(&error).to_string(),
            });
        }
    }
    let result = judge(
        &history.snapshot(),
        &experiment.name,
        &expectations,
        &experiment.judge_context(),
    );
    history.write(Event::Judged(result.clone()));
    result
}

struct Trial<'a> {
    /// Whether the lab has served no experiment yet, so that its routing may still be on its way.
    fresh: bool,
    experiment: &'a Experiment,
    lab: &'a RunningLab,
    history: &'a HistoryWriter,
    cancel: &'a Cancel,
    progress: &'a Sender<Progress>,
}

impl Trial<'_> {
    fn conduct(&self) -> Result<bool, EngineError> {
        let (name, title) = (self.lab.lab.name().clone(), self.experiment.title.clone());
        tell(
            self.progress,
            Progress::Settling {
                lab: name.clone(),
                title: title.clone(),
            },
        );
        let collectors = Collectors::start(
            Arc::clone(&self.lab.lab),
            &collected(self.lab),
            self.history.clone(),
            SAMPLING,
        )?;
        self.lab.observe_with(collectors);
        let logs = LogFollower::start(
            Arc::clone(&self.lab.lab),
            nodes(self.lab),
            patterns(),
            self.history.clone(),
        )?;
        let flows = traffic::flows(self.experiment, &self.lab.topology, self.lab.lab.as_ref())?;
        let sockets = LabSockets(self.lab.lab.as_ref());
        let prober = Prober::start(
            &sockets,
            flows.clone(),
            self.history.clone(),
            ProbeOptions::default(),
        )?;
        let outcome = self.on_steady_lab(&prober, &flows);
        let stopped = if self.cancel.level() >= 2 {
            // Without waiting for packets under way.
            drop(prober);
            Ok(())
        } else {
            prober.stop().map(drop)
        };
        let followed = logs.stop();
        stopped?;
        followed?;
        outcome
    }

    fn on_steady_lab(&self, prober: &Prober, flows: &[FlowSpec]) -> Result<bool, EngineError> {
        let baseline = self.wait_until_steady(prober, flows)?;
        self.history.write(Event::MethodStarted);
        let method = Method::new(
            self.experiment,
            self.lab,
            self.history,
            self.cancel,
            self.progress,
        )?;
        let carried_out = method.carry_out();
        self.history.write(Event::MethodEnded);
        carried_out?;
        let (lab, title) = (self.lab.lab.name().clone(), self.experiment.title.clone());
        tell(self.progress, Progress::Recovering { lab, title });
        Ok(self.wait_for_baseline(&baseline, prober, flows))
    }

    /// Steady: every flow delivers, what the experiment names holds, and no observed state has changed for the settling time.
    fn wait_until_steady(&self, prober: &Prober, flows: &[FlowSpec]) -> Result<Values, EngineError> {
        let steady = &self.experiment.steady;
        let stable = if self.fresh {
            steady.stable
        } else {
            steady.stable.min(KNOWN)
        };
        let mut seen = Values::new();
        let mut since = Instant::now();
        let mut silent = 0;
        let holds = self.resolved(&steady.holds)?;
        let waited = self.cancel.wait_until(steady.within, POLL, || {
            let now = self.lab.observed();
            silent = traffic::silent(&prober.snapshot(), flows);
            if silent > 0 || !self.lab.unobserved().is_empty() || !differences(&seen, &now).is_empty() {
                since = Instant::now();
                seen = now;
                return false;
            }
            since.elapsed() >= stable && !seen.is_empty() && self.missing(&holds).is_empty()
        });
        match waited {
            Waited::Met => Ok(seen),
            Waited::Cancelled => Err(EngineError::Interrupted),
            Waited::Deadline => Err(EngineError::NotSteady {
                within: steady.within,
                silent,
                flows: flows.len(),
                unobserved: self.lab.unobserved(),
                missing: self.missing(&holds),
            }),
        }
    }

    fn resolved(&self, predicates: &[Predicate]) -> Result<Vec<Predicate>, EngineError> {
        let place = traffic::place(self.experiment);
        let resolve = |selector: &str| {
            traffic::select(&self.lab.topology, selector, &place).map_err(|error| error.to_string())
        };
        let mut resolved = predicates.to_vec();
        for predicate in &mut resolved {
            predicate
                .resolve(&resolve)
                .map_err(|(_, problem)| EngineError::Selector {
                    place: place.clone(),
                    problem,
                })?;
        }
        Ok(resolved)
    }

    /// Predicates that are not seen to hold now.
    fn missing(&self, predicates: &[Predicate]) -> Vec<String> {
        let missing = |predicate: &&Predicate| !holds_now(self.lab, self.history, self.experiment, predicate);
        predicates
            .iter()
            .filter(missing)
            .map(ToString::to_string)
            .collect()
    }

    fn wait_for_baseline(&self, baseline: &Values, prober: &Prober, flows: &[FlowSpec]) -> bool {
        let mut left = Vec::new();
        let mut since = Instant::now();
        let waited = self
            .cancel
            .wait_until(self.experiment.recover_within.unwrap_or(RECOVERY), POLL, || {
                left = differences(baseline, &self.lab.observed());
                let silent = traffic::silent(&prober.snapshot(), flows);
                if silent > 0 {
                    left.push(format!("{silent} of {} flows do not deliver", flows.len()));
                }
                if !left.is_empty() {
                    since = Instant::now();
                }
                left.is_empty() && since.elapsed() >= KNOWN
            });
        if waited == Waited::Cancelled {
            let reason = "interrupted before the lab was back at its baseline".to_owned();
            self.history.write(Event::ExperimentAborted { reason });
            return false;
        }
        let reached = waited == Waited::Met;
        self.history.write(Event::Baseline {
            reached,
            differences: left,
        });
        reached
    }
}

/// Whether a resolved predicate is seen to hold now.
///
/// State is judged from what the collectors see, which is short; everything else from the whole history, which is not.
pub(super) fn holds_now(
    lab: &RunningLab,
    history: &HistoryWriter,
    experiment: &Experiment,
    predicate: &Predicate,
) -> bool {
    let now = MonoTime::now();
    let seen = match predicate {
        Predicate::State(_) => seen(lab, experiment, now),
        Predicate::Traffic(_) | Predicate::Log(_) | Predicate::Reached(_) => history.snapshot(),
    };
    truth_at(&seen, &experiment.name, predicate, now) == Truth::True
}

/// A history of one instant: the state that the collectors see.
fn seen(lab: &RunningLab, experiment: &Experiment, at: MonoTime) -> History {
    let entry = |((node, state, key), value): ((NodeName, StateKind, String), serde_json::Value)| Entry {
        at,
        experiment: Some(experiment.name.clone()),
        event: Event::Observation(Observation {
            node,
            state,
            key,
            value,
            previous_sample: at,
        }),
    };
    History::from_entries(lab.observed().into_iter().map(entry).collect())
}

fn nodes(lab: &RunningLab) -> Vec<NodeName> {
    lab.kinds.keys().cloned().collect()
}

/// Lines that tell the story of a network: deaths and restarts, alarms, commits, sessions, LACP.
fn patterns() -> Vec<LogPattern> {
    const TOLD: [&str; 12] = [
        "Main process exited",
        "Start request repeated",
        "Failed to start",
        "SYSTEM_",
        "EMF_EVO_ALARM",
        "UI_COMMIT",
        "UI_LOAD_EVENT",
        "BFDD_",
        "ICCP",
        "LACP_INTF_MUX_STATE_CHANGED",
        "%ADJCHANGE",
        "L2ALD",
    ];
    let pattern = |text: &&str| LogPattern {
        contains: vec![(*text).to_owned()],
        ..LogPattern::default()
    };
    TOLD.iter().map(pattern).collect()
}

fn collected(lab: &RunningLab) -> Vec<CollectedNode> {
    let of = |name: &NodeName, nos: &Nos| {
        let plan = lab.lab.plan().nodes.iter().find(|plan| plan.node == *name);
        let runs =
            |daemon: &str| plan.is_some_and(|plan| plan.services.iter().any(|s| s.name.as_str() == daemon));
        let mut collectors = BTreeSet::from([StateKind::Node, StateKind::Process, StateKind::Interface]);
        let by_daemon = [
            ("bgpd", StateKind::Bgp),
            ("ospfd", StateKind::Ospf),
            ("bfdd", StateKind::Bfd),
            ("ovs-vswitchd", StateKind::Lacp),
        ];
        collectors.extend(
            by_daemon
                .iter()
                .filter(|(daemon, _)| runs(daemon))
                .map(|(_, collector)| *collector),
        );
        match nos {
            Nos::Frr => {
                collectors.insert(StateKind::Fib);
            }
            Nos::MclagSwitch => {
                collectors.extend([
                    StateKind::Iccp,
                    StateKind::MacTable,
                    StateKind::Alarm,
                    StateKind::Config,
                ]);
            }
            Nos::Linux => {}
        }
        CollectedNode {
            name: name.clone(),
            collectors,
        }
    };
    lab.kinds.iter().map(|(name, nos)| of(name, nos)).collect()
}
