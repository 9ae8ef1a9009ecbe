//! Sequence-numbered UDP streams between nodes, sent and received by one prober that measures its own lateness.
//!
//! Two threads: one sends on absolute schedules, one receives, settles the books and writes to the history. Both use sockets
//! that live in the nodes' network namespaces, while the threads stay where they are.

mod flows;
pub mod ledger;
mod overrun;
mod packet;
mod receive;
mod send;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{NodeSockets, ProbeError};
use crate::base::{MonoTime, NodeName};
use crate::record::{Event, FlowSpec, HistoryWriter};
use ledger::Ledger;
use send::Lane;
use summary::Lateness;

pub use flows::{DESTINATION_PORT, FlowPair, flows_between};
pub use summary::{FlowSummary, FlowView, TrafficSnapshot, TrafficSummary};

/// Pause between opening sockets and the first packet, so that no flow starts late.
const HEAD_START: Duration = Duration::from_millis(20);

/// How a prober works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeOptions {
    /// A packet that has not arrived this long after it was sent is lost.
    pub patience: Duration,
    /// Payload of each packet in bytes; at least 36 are used.
    pub payload: usize,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(1),
            payload: 64,
        }
    }
}

/// What both threads and the owner share.
#[derive(Debug)]
struct Shared {
    token: u64,
    packets_per_second: u64,
    ledgers: Vec<Mutex<Ledger>>,
    lateness: Lateness,
    send_errors: Mutex<BTreeMap<String, u64>>,
    foreign: AtomicU64,
    overruns: AtomicU64,
    gaps: AtomicU64,
    stop_sending: AtomicBool,
    stop_receiving: AtomicBool,
    aborted: AtomicBool,
}

impl Shared {
    fn ledger(&self, index: usize) -> MutexGuard<'_, Ledger> {
        self.ledgers[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_send_error(&self, error: &std::io::Error) {
        let mut errors = self.send_errors.lock().unwrap_or_else(PoisonError::into_inner);
        *errors.entry(send::errno_name(error)).or_default() += 1;
    }
}

/// Running traffic.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    sender: Option<JoinHandle<()>>,
    receiver: Option<JoinHandle<()>>,
}

impl Prober {
    /// Opens all sockets, records the flows and starts sending.
    ///
    /// # Errors
    /// When a flow is malformed, a node cannot be reached or a socket not be opened. Nothing has been sent then.
    pub fn start(
        sockets: &dyn NodeSockets,
        flows: Vec<FlowSpec>,
        history: HistoryWriter,
        options: ProbeOptions,
    ) -> Result<Self, ProbeError> {
        check(&flows)?;
        let receiving = open_receiving(sockets, &flows)?;
        let sending = open_sending(sockets, &flows)?;
        let start = MonoTime::now() + HEAD_START;
        let lanes: Vec<Lane> = flows
            .iter()
            .zip(sending)
            .enumerate()
            .map(|(index, (flow, socket))| Lane {
                flow: flow.id,
                socket,
                destination: SocketAddr::new(flow.destination, flow.destination_port),
                interval_ns: flow.interval_ns,
                first_due: start + Duration::from_nanos(flows::phase(index, flow.interval_ns)),
            })
            .collect();
        let shared = Arc::new(Shared {
            packets_per_second: flows.iter().map(|flow| 1_000_000_000 / flow.interval_ns).sum(),
            token: RandomState::new().hash_one(start.0),
            ledgers: flows
                .iter()
                .map(|flow| Ledger::new(flow.id, Duration::from_nanos(flow.interval_ns), options.patience))
                .map(Mutex::new)
                .collect(),
            lateness: Lateness::default(),
            send_errors: Mutex::default(),
            foreign: AtomicU64::new(0),
            overruns: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            stop_sending: AtomicBool::new(false),
            stop_receiving: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
        });
        let mut prober = Self {
            shared,
            sender: None,
            receiver: None,
        };
        let index_of = flows
            .iter()
            .enumerate()
            .map(|(index, flow)| (flow.id, index))
            .collect();
        history.write(Event::Flows { flows });
        let shared = Arc::clone(&prober.shared);
        prober.receiver = Some(thread("probe-receive", move || {
            let receiver = receive::Receiver {
                shared: &shared,
                sockets: &receiving,
                index_of,
                history: &history,
                patience: options.patience,
            };
            receiver.run();
        })?);
        let shared = Arc::clone(&prober.shared);
        prober.sender = Some(thread("probe-send", move || {
            send::run(&shared, &lanes, options.payload);
        })?);
        Ok(prober)
    }

    /// Returns where all flows stand now, open gaps included. Cheap enough for several times a second.
    #[must_use]
    pub fn snapshot(&self) -> TrafficSnapshot {
        let at = MonoTime::now();
        let flows = (0..self.shared.ledgers.len())
            .map(|index| FlowView::of(&self.shared.ledger(index)))
            .collect();
        TrafficSnapshot { at, flows }
    }

    /// Stops sending, waits until every packet has arrived or outlived the patience, and records the last gaps and counts.
    pub fn stop(mut self) -> Result<TrafficSummary, ProbeError> {
        self.join()?;
        Ok(TrafficSummary::of(&self.shared))
    }

    fn join(&mut self) -> Result<(), ProbeError> {
        self.shared.stop_sending.store(true, Ordering::Release);
        let sent = self.sender.take().map(JoinHandle::join);
        self.shared.stop_receiving.store(true, Ordering::Release);
        let received = self.receiver.take().map(JoinHandle::join);
        for (thread, name) in [(sent, "sending"), (received, "receiving")] {
            if let Some(Err(_)) = thread {
                return Err(ProbeError::Panicked(name));
            }
        }
        Ok(())
    }
}

impl Drop for Prober {
    /// Stops without waiting for packets under way: they count as lost.
    fn drop(&mut self) {
        self.shared.aborted.store(true, Ordering::Release);
        let _ = self.join();
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ProbeError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(ProbeError::system(format!("start the {name} thread")))
}

fn check(flows: &[FlowSpec]) -> Result<(), ProbeError> {
    let mut ids = BTreeSet::new();
    let mut sources = BTreeSet::new();
    for flow in flows {
        let reason = if !ids.insert(flow.id) {
            "its number is taken by another flow"
        } else if !sources.insert((&flow.from, flow.source, flow.source_port)) {
            "its source address and port are taken by another flow of the same node"
        } else if flow.interval_ns == 0 {
            "its interval is zero"
        } else if flow.source.is_ipv4() != flow.destination.is_ipv4() {
            "its source and destination are of different address families"
        } else {
            continue;
        };
        return Err(ProbeError::Flow {
            flow: flow.id.0,
            group: flow.group.clone(),
            reason: reason.into(),
        });
    }
    Ok(())
}

/// One socket for each destination, however many flows end there.
fn open_receiving(sockets: &dyn NodeSockets, flows: &[FlowSpec]) -> Result<Vec<UdpSocket>, ProbeError> {
    let mut addresses: BTreeMap<&NodeName, BTreeSet<SocketAddr>> = BTreeMap::new();
    for flow in flows {
        let address = SocketAddr::new(flow.destination, flow.destination_port);
        addresses.entry(&flow.to).or_default().insert(address);
    }
    let mut opened = Vec::new();
    for (node, addresses) in addresses {
        opened.extend(sockets.udp(node, &addresses.into_iter().collect::<Vec<_>>())?);
    }
    Ok(opened)
}

/// One socket for each flow, in the order of the flows: each has its own source port.
fn open_sending(sockets: &dyn NodeSockets, flows: &[FlowSpec]) -> Result<Vec<UdpSocket>, ProbeError> {
    let mut by_node: BTreeMap<&NodeName, Vec<(usize, SocketAddr)>> = BTreeMap::new();
    for (index, flow) in flows.iter().enumerate() {
        let address = SocketAddr::new(flow.source, flow.source_port);
        by_node.entry(&flow.from).or_default().push((index, address));
    }
    let mut opened = BTreeMap::new();
    for (node, lanes) in by_node {
        let addresses: Vec<SocketAddr> = lanes.iter().map(|(_, address)| *address).collect();
        let sockets = sockets.udp(node, &addresses)?;
        opened.extend(lanes.iter().map(|(index, _)| *index).zip(sockets));
    }
    Ok(opened.into_values().collect())
}
