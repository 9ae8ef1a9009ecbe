//! State collectors: sessions, tables, processes and alarms of all nodes, recorded when they change.
//!
//! One thread with an event loop asks all daemons of all nodes, so that a daemon that hangs holds up nobody; a second one
//! asks the runtime, whose calls block.

mod changes;
mod dialogue;
mod frr;
mod kernel;
mod lacp;
mod poll;
mod presence;
mod switch;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::ProbeError;
use crate::base::{MonoTime, NodeName};
use crate::record::{Event, HistoryWriter, StateKind};
use crate::runtime::Lab;
use changes::{Changes, Readings};
use kernel::KernelWatch;
use poll::{Poll, Source};
use presence::{Power, Watched};

pub use changes::StateSnapshot;

/// What reads one kind of state; there is one collector for each kind.
pub type Collector = StateKind;

/// A node and what is read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectedNode {
    /// The node.
    pub name: NodeName,
    /// What is read.
    pub collectors: BTreeSet<Collector>,
}

/// Last readings, and the history that changes go to.
#[derive(Debug)]
struct Books {
    changes: Mutex<Changes>,
    history: HistoryWriter,
}

impl Books {
    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, at: MonoTime, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.history.write_at(at, event);
        }
    }

    fn seen(&self, node: &NodeName, kind: StateKind, asked: MonoTime, values: Readings) {
        let answered = MonoTime::now();
        let events = self.changes().seen(node, kind, asked, values);
        self.write(answered, events);
    }

    fn absent(&self, node: &NodeName, kind: StateKind, asked: MonoTime, why: &str) {
        let events = self.changes().absent(node, kind, asked, why);
        self.write(MonoTime::now(), events);
    }

    fn failed(&self, node: &NodeName, kind: StateKind, why: &str) {
        let event = self.changes().failed(node, kind, why);
        self.write(MonoTime::now(), event);
    }

    fn unchanged(&self, node: &NodeName, kind: StateKind, now: MonoTime) {
        self.changes().unchanged(node, kind, now);
    }
}

/// Running collectors.
#[derive(Debug)]
pub struct Collectors {
    books: Arc<Books>,
    stop: Arc<AtomicBool>,
    stop_loop: Option<oneshot::Sender<()>>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
}

impl Collectors {
    /// Starts reading all nodes each `interval`; what the kernel tells by itself is recorded as it happens.
    pub fn start(
        lab: Arc<dyn Lab>,
        nodes: &[CollectedNode],
        history: HistoryWriter,
        interval: Duration,
    ) -> Result<Self, ProbeError> {
        let kinds = nodes
            .iter()
            .flat_map(|node| node.collectors.iter().map(|kind| (node.name.clone(), *kind)));
        let books = Arc::new(Books {
            changes: Mutex::new(Changes::new(kinds, MonoTime::now())),
            history,
        });
        let (polls, kernels, watched) = plan(lab.as_ref(), nodes, &books)?;
        let event_loop = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ProbeError::system("make the collectors' event loop"))?;
        let (stop_loop, stopped) = oneshot::channel();
        let mut collectors = Self {
            books: Arc::clone(&books),
            stop: Arc::new(AtomicBool::new(false)),
            stop_loop: Some(stop_loop),
            threads: Vec::new(),
        };
        collectors.spawn("collect-state", {
            let books = Arc::clone(&books);
            move || event_loop.block_on(collect(polls, kernels, books, interval, stopped))
        })?;
        let stop = Arc::clone(&collectors.stop);
        collectors.spawn("collect-nodes", move || {
            presence::watch_nodes(lab.as_ref(), &watched, &books, interval, &stop);
        })?;
        Ok(collectors)
    }

    fn spawn(&mut self, name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<(), ProbeError> {
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(work)
            .map_err(ProbeError::system(format!("start the {name} thread")))?;
        self.threads.push((name, thread));
        Ok(())
    }

    /// Returns all that is known now, for comparison with a baseline.
    #[must_use]
    pub fn current(&self) -> StateSnapshot {
        self.books.changes().snapshot()
    }

    /// Stops reading.
    pub fn stop(mut self) -> Result<(), ProbeError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), ProbeError> {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.stop_loop.take());
        let mut panicked = None;
        for (name, thread) in self.threads.drain(..) {
            if thread.join().is_err() {
                panicked.get_or_insert(ProbeError::Panicked(name));
            }
        }
        panicked.map_or(Ok(()), Err)
    }
}

impl Drop for Collectors {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

type Plan = (Vec<Poll>, Vec<KernelWatch>, Vec<Watched>);

fn plan(lab: &dyn Lab, nodes: &[CollectedNode], books: &Arc<Books>) -> Result<Plan, ProbeError> {
    let (mut polls, mut kernels, mut watched) = (Vec::new(), Vec::new(), Vec::new());
    for node in nodes {
        let (tell, presence) = watch::channel(Power::Unknown);
        for kind in &node.collectors {
            polls.extend(Source::of(*kind).map(|source| Poll {
                node: node.name.clone(),
                kind: *kind,
                source,
                presence: presence.clone(),
                books: Arc::clone(books),
                last_answer: None,
            }));
        }
        let interfaces = node.collectors.contains(&StateKind::Interface);
        let fib = node.collectors.contains(&StateKind::Fib);
        if interfaces || fib {
            let netns = lab.netns(&node.name).map_err(|source| ProbeError::Node {
                node: node.name.clone(),
                source,
            })?;
            kernels.push(KernelWatch {
                node: node.name.clone(),
                netns: Arc::new(netns),
                interfaces,
                fib,
            });
        }
        watched.push(Watched {
            node: node.name.clone(),
            recorded: node.collectors.contains(&StateKind::Node),
            tell,
        });
    }
    Ok((polls, kernels, watched))
}

/// Runs all tasks until `stopped`; dropping the event loop afterwards drops them.
async fn collect(
    polls: Vec<Poll>,
    kernels: Vec<KernelWatch>,
    books: Arc<Books>,
    interval: Duration,
    stopped: oneshot::Receiver<()>,
) {
    // Before anybody is asked, the runtime has had time to tell which nodes are there.
    let first = interval.min(Duration::from_millis(100));
    let number = u32::try_from(polls.len().max(1)).unwrap_or(u32::MAX);
    for (index, poll) in (0_u32..).zip(polls) {
        tokio::spawn(poll.run(interval, first + interval * index / number));
    }
    for kernel in kernels {
        tokio::spawn(kernel.run(Arc::clone(&books), interval));
    }
    let _ = stopped.await;
}
