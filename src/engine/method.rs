//! Carries out the steps of a method, in order and in time.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::cancel::{Cancel, Waited};
use super::error::EngineError;
use super::executor::{Executor, Injection};
use super::lab::RunningLab;
use super::progress::Progress;
use super::traffic::select;
use super::trial::holds_now;
use super::unit::tell;
use crate::assertions::Predicate;
use crate::base::{ErrorChain, NodeName};
use crate::experiment::{
    Action, Experiment, Hold, Injection as Wanted, SelectorText, ServiceAction, Step, Target, When,
};
use crate::faults::{Catalogue, FaultPlan, Targets, plan};
use crate::record::{Event, HistoryWriter, StepPhase};
use crate::runtime::ExecRequest;
use crate::switch::client::MgdClient;
use crate::topology::Topology;

/// Who does what people do.
const USER: &str = "root";
const POLL: Duration = Duration::from_millis(100);
/// How long a command of a method may run.
const COMMAND: Duration = Duration::from_secs(60);

/// A method with its faults planned, ready to be carried out.
pub(super) struct Method<'a> {
    experiment: &'a Experiment,
    lab: &'a RunningLab,
    history: &'a HistoryWriter,
    cancel: &'a Cancel,
    progress: &'a Sender<Progress>,
    plans: Vec<Option<FaultPlan>>,
    /// Injections that are in force, with the step that made each.
    injected: Mutex<Vec<(usize, Injection)>>,
}

/// Plans every fault of a method, so that nothing is touched when one of them is wrong.
pub(super) fn plans(
    experiment: &Experiment,
    topology: &Topology,
) -> Result<Vec<Option<FaultPlan>>, EngineError> {
    let catalogue = Catalogue::embedded()?;
    let of = |step: &Step| match &step.action {
        Action::Inject(wanted) => planned(&catalogue, wanted, experiment, step, topology).map(Some),
        _ => Ok(None),
    };
    experiment.method.iter().map(of).collect()
}

fn planned(
    catalogue: &Catalogue,
    wanted: &Wanted,
    experiment: &Experiment,
    step: &Step,
    topology: &Topology,
) -> Result<FaultPlan, EngineError> {
    let place = format!("{}:{}", experiment.file.display(), step.line);
    let targets = match &wanted.target {
        Target::Nodes(on) => Targets::Nodes(select(topology, &on.0, &place)?),
        Target::Links(a, b) => {
            let (a, b) = (select(topology, &a.0, &place)?, select(topology, &b.0, &place)?);
            let between = |link: &&crate::topology::Link| {
                (a.contains(&link.a.node) && b.contains(&link.b.node))
                    || (a.contains(&link.b.node) && b.contains(&link.a.node))
            };
            Targets::Links(
                topology
                    .links
                    .iter()
                    .filter(between)
                    .map(|link| link.id.clone())
                    .collect(),
            )
        }
        Target::Endpoint(end) => Targets::Links(
            topology
                .link_at(end)
                .map(|link| link.id.clone())
                .into_iter()
                .collect(),
        ),
    };
    if matches!(&targets, Targets::Links(links) if links.is_empty()) {
        let problem = format!("there is no link `{}` in {}", wanted.target, topology.name);
        return Err(EngineError::Selector { place, problem });
    }
    let planned = catalogue
        .get(&wanted.fault)
        .and_then(|definition| plan(definition, &targets, topology));
    planned.map_err(|source| EngineError::FaultAt { place, source })
}

impl<'a> Method<'a> {
    pub(super) fn new(
        experiment: &'a Experiment,
        lab: &'a RunningLab,
        history: &'a HistoryWriter,
        cancel: &'a Cancel,
        progress: &'a Sender<Progress>,
    ) -> Result<Self, EngineError> {
        let plans = plans(experiment, &lab.topology)?;
        Ok(Self {
            experiment,
            lab,
            history,
            cancel,
            progress,
            plans,
            injected: Mutex::default(),
        })
    }

    /// Carries out all steps; whatever happens, everything injected is healed at the end.
    pub(super) fn carry_out(&self) -> Result<(), EngineError> {
        let start = Instant::now();
        std::thread::scope(|scope| {
            let mut timed = Vec::new();
            let mut outcome = Ok(());
            for (index, step) in self.experiment.method.iter().enumerate() {
                outcome = self.step(index, step, start, scope, &mut timed);
                if outcome.is_err() {
                    break;
                }
            }
            for thread in timed {
                let healed: ScopedJoinHandle<'_, ()> = thread;
                healed
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
            self.heal_where(|_| true);
            outcome
        })
    }

    fn step<'scope>(
        &'scope self,
        index: usize,
        step: &Step,
        start: Instant,
        scope: &'scope Scope<'scope, '_>,
        timed: &mut Vec<ScopedJoinHandle<'scope, ()>>,
    ) -> Result<(), EngineError> {
        if let When::At { lab, .. } = &step.when {
            self.cancel.sleep(lab.saturating_sub(start.elapsed()));
        }
        if self.cancel.is_raised() {
            return Err(EngineError::Interrupted);
        }
        let (lab, title) = (self.lab.lab.name().clone(), self.experiment.title.clone());
        tell(
            self.progress,
            Progress::Step {
                lab,
                title,
                step: step.title.clone(),
            },
        );
        self.write(index, step, StepPhase::Started, None);
        let done = match &step.action {
            Action::Inject(wanted) => {
                self.inject(index, wanted.hold, scope, timed);
                Ok(String::new())
            }
            other => self.act(other),
        };
        match done {
            Ok(detail) => {
                self.write(
                    index,
                    step,
                    StepPhase::Done,
                    (!detail.is_empty()).then_some(detail),
                );
                Ok(())
            }
            Err(reason) => {
                self.write(index, step, StepPhase::Failed, Some(reason.clone()));
                Err(EngineError::Step {
                    number: index + 1,
                    title: step.title.clone(),
                    reason,
                })
            }
        }
    }

    fn inject<'scope>(
        &'scope self,
        index: usize,
        hold: Hold,
        scope: &'scope Scope<'scope, '_>,
        timed: &mut Vec<ScopedJoinHandle<'scope, ()>>,
    ) {
        let Some(plan) = self.plans.get(index).cloned().flatten() else {
            return;
        };
        let injection = self.executor().inject(plan, index);
        self.injected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((index, injection));
        if let Hold::For(time) = hold {
            timed.push(scope.spawn(move || {
                self.cancel.sleep(time);
                self.heal_where(|step| step == index);
            }));
        }
    }

    /// Heals the injections of some steps, latest first. False when one of them could not be healed.
    fn heal_where(&self, which: impl Fn(usize) -> bool) -> bool {
        let mut all = true;
        loop {
            let next = {
                let mut injected = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
                let at = injected.iter().rposition(|(step, _)| which(*step));
                at.map(|at| injected.remove(at))
            };
            match next {
                Some((_, injection)) => all &= self.executor().heal(injection),
                None => return all,
            }
        }
    }

    fn executor(&self) -> Executor<'_> {
        Executor::new(self.lab, self.history, self.cancel)
    }

    fn act(&self, action: &Action) -> Result<String, String> {
        match action {
            Action::Commit {
                on, patch, comment, ..
            } => self.on_each(on, |node| self.commit(node, patch, comment.as_deref())),
            Action::Rollback { on, n } => self.on_each(on, |node| self.rollback(node, *n)),
            Action::Reboot { on } => {
                let off = self.on_each(on, |node| said(self.lab.lab.power_off(node)));
                off.and_then(|_| self.on_each(on, |node| said(self.lab.lab.boot(node))))
            }
            Action::PowerOff { on } => self.on_each(on, |node| said(self.lab.lab.power_off(node))),
            Action::PowerOn { on } => self.on_each(on, |node| said(self.lab.lab.boot(node))),
            Action::Exec { on, argv } => self.on_each(on, |node| self.exec(node, argv)),
            Action::Service { on, name, action } => self.on_each(on, |node| {
                if *action != ServiceAction::Start {
                    said(self.lab.lab.set_service(node, name, false))?;
                }
                if *action != ServiceAction::Stop {
                    said(self.lab.lab.set_service(node, name, true))?;
                }
                Ok(String::new())
            }),
            Action::Heal { step } => {
                let of = |index: usize| self.experiment.method[index].id.as_ref() == Some(step);
                if self.heal_where(of) {
                    Ok(String::new())
                } else {
                    Err("the state from before is not back".to_owned())
                }
            }
            Action::Wait { time } => {
                self.cancel.sleep(*time);
                Ok(String::new())
            }
            Action::WaitUntil { predicate, within } => self.wait_until(predicate, *within),
            Action::Inject(_) => Ok(String::new()),
        }
    }

    fn on_each(
        &self,
        on: &SelectorText,
        act: impl Fn(&NodeName) -> Result<String, String>,
    ) -> Result<String, String> {
        let nodes = select(&self.lab.topology, &on.0, "method").map_err(|error| error.to_string())?;
        let mut details = Vec::new();
        for node in &nodes {
            let detail = act(node).map_err(|reason| format!("{node}: {reason}"))?;
            if !detail.is_empty() {
                details.push(format!("{node}: {detail}"));
            }
        }
        Ok(details.join("; "))
    }

    fn client(&self, node: &NodeName) -> Result<MgdClient, String> {
        let handle = self.lab.lab.node(node).map_err(|error| chain(&error))?;
        MgdClient::open(&handle.root()).map_err(|error| chain(&error))
    }

    fn commit(&self, node: &NodeName, patch: &str, comment: Option<&str>) -> Result<String, String> {
        let mut client = self.client(node)?;
        let lines: Vec<String> = patch.lines().map(str::to_owned).collect();
        client.edit(&lines, USER).map_err(|error| chain(&error))?;
        let committed = client
            .commit(comment.unwrap_or_default(), USER)
            .map_err(|error| chain(&error))?;
        Ok(format!("commit complete, revision {}", committed.revision))
    }

    fn rollback(&self, node: &NodeName, n: u32) -> Result<String, String> {
        let mut client = self.client(node)?;
        client.rollback(n, USER).map_err(|error| chain(&error))?;
        let committed = client
            .commit(&format!("rollback {n}"), USER)
            .map_err(|error| chain(&error))?;
        Ok(format!("rollback {n} committed, revision {}", committed.revision))
    }

    fn exec(&self, node: &NodeName, argv: &[String]) -> Result<String, String> {
        let request = ExecRequest {
            argv: argv.to_vec(),
            timeout: Some(COMMAND),
            ..ExecRequest::default()
        };
        let output = self.lab.lab.exec(node, &request).map_err(|error| chain(&error))?;
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .trim()
                .chars()
                .take(400)
                .collect::<String>()
        };
        if output.code == 0 {
            Ok(text(&output.stdout))
        } else {
            Err(format!(
                "`{}` exited with {}: {}",
                argv.join(" "),
                output.code,
                text(&output.stderr)
            ))
        }
    }

    fn wait_until(&self, predicate: &Predicate, within: Duration) -> Result<String, String> {
        let mut predicate = predicate.clone();
        let resolve = |selector: &str| {
            select(&self.lab.topology, selector, "method").map_err(|error| error.to_string())
        };
        predicate
            .resolve(&resolve)
            .map_err(|(selector, reason)| format!("`{selector}`: {reason}"))?;
        let holds = || holds_now(self.lab, self.history, self.experiment, &predicate);
        match self.cancel.wait_until(within, POLL, holds) {
            Waited::Met => Ok(String::new()),
            Waited::Cancelled => Err("interrupted".to_owned()),
            Waited::Deadline => Err(format!("not so within {}", crate::base::duration::human(within))),
        }
    }

    fn write(&self, index: usize, step: &Step, phase: StepPhase, detail: Option<String>) {
        self.history.write(Event::Step {
            index,
            title: step.title.clone(),
            phase,
            detail,
        });
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    ErrorChain::new(error).to_string()
}

fn said(result: Result<(), crate::runtime::RuntimeError>) -> Result<String, String> {
    result.map(|()| String::new()).map_err(|error| chain(&error))
}
