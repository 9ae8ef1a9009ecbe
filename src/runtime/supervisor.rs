//! What a node's supervisor decides, as a pure state machine: events and the time in, actions out.
//!
//! It starts nothing and reads no clock; `namespaces/node_init.rs` is the loop around it. The phrases of its log lines
//! are those by which operators of real boxes search.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{MonoTime, ServiceName};
use crate::nos::plan::{Restart, Service, ServiceState, ServiceStatus};

/// How long a service may take to end after SIGTERM before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Signal numbers are the same on every architecture faultlab runs on.
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal {
        /// Its number.
        number: i32,
        /// Its name without `SIG`, e.g. `ABRT`.
        name: &'static str,
        /// Whether it is one that dumps core.
        dumped: bool,
    },
    /// It could not be executed at all.
    NotExecuted,
}

impl Exit {
    fn code(self) -> &'static str {
        match self {
            Self::Code(_) | Self::NotExecuted => "exited",
            Self::Signal { dumped: true, .. } => "dumped",
            Self::Signal { .. } => "killed",
        }
    }

    fn status(self) -> String {
        match self {
            Self::Code(0) => "0/SUCCESS".into(),
            Self::Code(1) => "1/FAILURE".into(),
            Self::Code(code) => format!("{code}/n/a"),
            Self::NotExecuted => "203/EXEC".into(),
            Self::Signal { number, name, .. } => format!("{number}/{name}"),
        }
    }

    fn result(self) -> &'static str {
        match self {
            Self::Code(0) => "success",
            Self::Code(_) | Self::NotExecuted => "exit-code",
            Self::Signal { dumped: true, .. } => "core-dump",
            Self::Signal { .. } => "signal",
        }
    }
}

/// What the supervisor learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Setup is over: services may start.
    Begin,
    /// A service's process exists.
    Spawned(usize, i32),
    /// A service's process ended (or never came to be).
    Exited(usize, Exit),
    /// A service's readiness condition holds.
    Ready(usize),
    /// Time passed.
    Tick,
    /// Somebody asked to start a service.
    Start(usize),
    /// Somebody asked to stop it.
    Stop(usize),
    /// Somebody asked to restart it.
    Restart(usize),
}

/// What the supervisor wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the service's process; answer with [`Event::Spawned`] or [`Event::Exited`].
    Spawn(usize),
    /// Send a signal to the service's process.
    Signal(usize, i32),
    /// Write a line to the supervisor's log.
    Log(String),
}

/// What follows once a service that is being stopped has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterStop {
    StayDown,
    StartAgain,
}

#[derive(Debug)]
struct Unit {
    service: Service,
    state: ServiceState,
    pid: Option<i32>,
    restarts: u32,
    last_exit: Option<String>,
    since: MonoTime,
    /// Times of the starts that count towards the limit.
    starts: VecDeque<MonoTime>,
    /// When to start again.
    due: Option<MonoTime>,
    /// Set while it is being stopped: when to lose patience, and what follows.
    stopping: Option<(MonoTime, AfterStop)>,
    was_ready: bool,
    /// Whether the next spawn is one of a service that ran before.
    again: bool,
}

/// The services of a node and what becomes of them.
#[derive(Debug)]
pub struct Supervisor {
    units: Vec<Unit>,
    begun: bool,
}

impl Supervisor {
    /// Prepares the services of a plan; nothing starts before [`Event::Begin`].
    #[must_use]
    pub fn new(services: &[Service], now: MonoTime) -> Self {
        let units = services
            .iter()
            .map(|service| Unit {
                service: service.clone(),
                state: ServiceState::Waiting,
                pid: None,
                restarts: 0,
                last_exit: None,
                since: now,
                starts: VecDeque::new(),
                due: None,
                stopping: None,
                was_ready: false,
                again: false,
            })
            .collect();
        Self { units, begun: false }
    }

    /// The position of a service.
    #[must_use]
    pub fn find(&self, name: &ServiceName) -> Option<usize> {
        self.units.iter().position(|unit| unit.service.name == *name)
    }

    /// The service at a position.
    #[must_use]
    pub fn service(&self, index: usize) -> Option<&Service> {
        self.units.get(index).map(|unit| &unit.service)
    }

    /// The process of a service.
    #[must_use]
    pub fn pid(&self, index: usize) -> Option<i32> {
        self.units.get(index).and_then(|unit| unit.pid)
    }

    /// The service whose main process has this id.
    #[must_use]
    pub fn by_pid(&self, pid: i32) -> Option<usize> {
        self.units.iter().position(|unit| unit.pid == Some(pid))
    }

    /// Services whose readiness must be looked at.
    pub fn starting(&self) -> impl Iterator<Item = usize> + '_ {
        let starting = |unit: &Unit| unit.state == ServiceState::Starting && unit.stopping.is_none();
        (0..self.units.len()).filter(move |index| self.units.get(*index).is_some_and(starting))
    }

    /// Whether every service has been ready at least once.
    #[must_use]
    pub fn all_were_ready(&self) -> bool {
        self.units.iter().all(|unit| unit.was_ready)
    }

    /// The first service that ended for good without ever having been ready.
    #[must_use]
    pub fn never_came_up(&self) -> Option<&Service> {
        let dead = |unit: &&Unit| {
            !unit.was_ready && matches!(unit.state, ServiceState::Failed | ServiceState::Stopped)
        };
        self.units.iter().find(dead).map(|unit| &unit.service)
    }

    /// When [`Event::Tick`] is due next.
    #[must_use]
    pub fn next_tick(&self) -> Option<MonoTime> {
        let stops = self
            .units
            .iter()
            .filter_map(|unit| unit.stopping.map(|(at, _)| at));
        self.units.iter().filter_map(|unit| unit.due).chain(stops).min()
    }

    /// Where every service stands, in the plan's order.
    #[must_use]
    pub fn status(&self) -> Vec<ServiceStatus> {
        let status = |unit: &Unit| ServiceStatus {
            name: unit.service.name.clone(),
            state: unit.state,
            pid: unit.pid,
            restarts: unit.restarts,
            last_exit: unit.last_exit.clone(),
            since: unit.since.0,
        };
        self.units.iter().map(status).collect()
    }

    /// Takes an event and returns what must be done, in order.
    pub fn handle(&mut self, now: MonoTime, event: &Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match *event {
            Event::Begin => self.begun = true,
            Event::Spawned(index, pid) => self.spawned(index, pid),
            Event::Exited(index, exit) => self.exited(now, index, exit, &mut actions),
            Event::Ready(index) => self.ready(now, index),
            Event::Tick => self.tick(now, &mut actions),
            Event::Start(index) => self.start(now, index, &mut actions),
            Event::Stop(index) => self.stop(now, index, AfterStop::StayDown, &mut actions),
            Event::Restart(index) => self.restart(now, index, &mut actions),
        }
        self.start_waiting(now, &mut actions);
        actions
    }

    fn spawned(&mut self, index: usize, pid: i32) {
        if let Some(unit) = self.units.get_mut(index) {
            unit.pid = Some(pid);
        }
    }

    fn ready(&mut self, now: MonoTime, index: usize) {
        if let Some(unit) = self.units.get_mut(index)
            && unit.state == ServiceState::Starting
        {
            unit.was_ready = true;
            unit.enter(ServiceState::Running, now);
        }
    }

    fn exited(&mut self, now: MonoTime, index: usize, exit: Exit, actions: &mut Vec<Action>) {
        let Some(unit) = self.units.get_mut(index) else {
            return;
        };
        unit.pid = None;
        unit.last_exit = Some(format!("status={}", exit.status()));
        let name = unit.service.name.clone();
        actions.push(Action::Log(format!(
            "{name}.service: Main process exited, code={}, status={}",
            exit.code(),
            exit.status()
        )));
        if let Some((_, then)) = unit.stopping.take() {
            actions.push(Action::Log(format!("Stopped \"{}\".", unit.service.description)));
            match then {
                AfterStop::StayDown => unit.enter(ServiceState::Stopped, now),
                AfterStop::StartAgain => {
                    unit.again = true;
                    unit.enter(ServiceState::Waiting, now);
                }
            }
            return;
        }
        if exit != Exit::Code(0) {
            actions.push(Action::Log(format!(
                "{name}.service: Failed with result '{}'.",
                exit.result()
            )));
        }
        match unit.service.restart {
            Restart::Never => unit.enter(ServiceState::Stopped, now),
            Restart::Always { delay, .. } => {
                unit.due = Some(now + delay);
                unit.enter(ServiceState::Restarting, now);
            }
        }
    }

    fn tick(&mut self, now: MonoTime, actions: &mut Vec<Action>) {
        for index in 0..self.units.len() {
            let Some(unit) = self.units.get_mut(index) else {
                continue;
            };
            if let Some((patience, then)) = unit.stopping
                && now >= patience
            {
                unit.stopping = Some((now + STOP_GRACE, then));
                let name = &unit.service.name;
                actions.push(Action::Log(format!(
                    "{name}.service: State 'stop-sigterm' timed out. Killing."
                )));
                actions.push(Action::Signal(index, SIGKILL));
            }
            if unit.due.is_some_and(|due| now >= due) {
                unit.due = None;
                self.start_again(now, index, actions);
            }
        }
    }

    /// A restart by policy: the start limit decides.
    fn start_again(&mut self, now: MonoTime, index: usize, actions: &mut Vec<Action>) {
        let Some(unit) = self.units.get_mut(index) else {
            return;
        };
        let name = unit.service.name.clone();
        if unit.limit_reached(now) {
            actions.push(Action::Log(format!(
                "{name}.service: Start request repeated too quickly."
            )));
            actions.push(Action::Log(format!(
                "Failed to start \"{}\".",
                unit.service.description
            )));
            unit.enter(ServiceState::Failed, now);
            return;
        }
        unit.restarts += 1;
        actions.push(Action::Log(format!(
            "{name}.service: Scheduled restart job, restart counter is at {}.",
            unit.restarts
        )));
        unit.again = false;
        unit.spawn(now, index, true, actions);
        self.restart_group(now, index, actions);
    }

    /// Restarts what is restarted together with a service. These starts count towards nobody's limit.
    fn restart_group(&mut self, now: MonoTime, index: usize, actions: &mut Vec<Action>) {
        let Some(unit) = self.units.get(index) else { return };
        for name in unit.service.restart_with.clone() {
            let Some(other) = self.find(&name).filter(|other| *other != index) else {
                continue;
            };
            let up = |unit: &Unit| unit.pid.is_some() && unit.stopping.is_none();
            if self.units.get(other).is_some_and(up) {
                self.stop(now, other, AfterStop::StartAgain, actions);
            }
        }
    }

    fn start(&mut self, now: MonoTime, index: usize, actions: &mut Vec<Action>) {
        let Some(unit) = self.units.get_mut(index) else {
            return;
        };
        unit.starts.clear();
        if let Some((_, then)) = &mut unit.stopping {
            *then = AfterStop::StartAgain;
        } else if unit.pid.is_none() {
            unit.due = None;
            unit.again = false;
            unit.spawn(now, index, true, actions);
        }
    }

    fn stop(&mut self, now: MonoTime, index: usize, then: AfterStop, actions: &mut Vec<Action>) {
        let Some(unit) = self.units.get_mut(index) else {
            return;
        };
        if let Some((_, planned)) = &mut unit.stopping {
            *planned = then;
            return;
        }
        unit.due = None;
        if unit.pid.is_some() {
            actions.push(Action::Log(format!(
                "Stopping \"{}\"...",
                unit.service.description
            )));
            unit.stopping = Some((now + STOP_GRACE, then));
            actions.push(Action::Signal(index, SIGTERM));
        } else if unit.state != ServiceState::Stopped {
            unit.enter(ServiceState::Stopped, now);
        }
    }

    fn restart(&mut self, now: MonoTime, index: usize, actions: &mut Vec<Action>) {
        let Some(unit) = self.units.get_mut(index) else {
            return;
        };
        unit.starts.clear();
        if unit.pid.is_some() {
            self.stop(now, index, AfterStop::StartAgain, actions);
        } else {
            self.start(now, index, actions);
        }
        self.restart_group(now, index, actions);
    }

    /// Starts what waits for nothing any more.
    fn start_waiting(&mut self, now: MonoTime, actions: &mut Vec<Action>) {
        if !self.begun {
            return;
        }
        for index in 0..self.units.len() {
            let Some(unit) = self.units.get(index) else {
                continue;
            };
            let waits = unit.service.after.iter().any(|name| !self.is_up(name));
            if unit.state != ServiceState::Waiting || waits {
                continue;
            }
            if let Some(unit) = self.units.get_mut(index) {
                let counts = !std::mem::take(&mut unit.again);
                unit.restarts += u32::from(!counts);
                unit.spawn(now, index, counts, actions);
            }
        }
    }

    /// Whether a service may be built upon. One that did its work and ended well counts; an unknown name holds nobody up.
    fn is_up(&self, name: &ServiceName) -> bool {
        let Some(unit) = self.find(name).and_then(|index| self.units.get(index)) else {
            return true;
        };
        match unit.state {
            ServiceState::Running => true,
            ServiceState::Stopped => unit.was_ready && unit.last_exit.as_deref() == Some("status=0/SUCCESS"),
            _ => false,
        }
    }
}

impl Unit {
    fn enter(&mut self, state: ServiceState, now: MonoTime) {
        self.state = state;
        self.since = now;
    }

    fn spawn(&mut self, now: MonoTime, index: usize, counts: bool, actions: &mut Vec<Action>) {
        if counts {
            self.starts.push_back(now);
        }
        actions.push(Action::Log(format!("Started \"{}\".", self.service.description)));
        self.enter(ServiceState::Starting, now);
        actions.push(Action::Spawn(index));
    }

    fn limit_reached(&mut self, now: MonoTime) -> bool {
        let Restart::Always { burst, window, .. } = self.service.restart else {
            return false;
        };
        while self
            .starts
            .front()
            .is_some_and(|start| now.since(*start) > window)
        {
            self.starts.pop_front();
        }
        self.starts.len() >= usize::try_from(burst).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
