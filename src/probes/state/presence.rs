//! Which nodes have power, and where their sockets are: asked of the runtime, told to all other collectors.
//!
//! A reboot may be over before anybody looks, so a node's first process is watched through its pidfd: when that has ended,
//! every path below the old root is dead.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::json;
use tokio::sync::watch;

use super::Books;
use super::changes::Readings;
use crate::base::{ErrorChain, MonoTime, NodeName};
use crate::record::{StateKind, keys};
use crate::runtime::{Lab, NodeHandle, NodeState};

/// Whether a node has power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// The runtime has not been asked yet.
    Unknown,
    /// No.
    Off,
    /// Yes.
    On(Presence),
}

/// A node that has power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presence {
    /// Its first process: another one means another boot.
    pub(super) pid: i32,
    /// Its root directory as seen from here.
    pub(super) root: PathBuf,
}

/// What the runtime is asked about a node.
pub(super) struct Watched {
    pub(super) node: NodeName,
    /// Whether its state is recorded.
    pub(super) recorded: bool,
    pub(super) tell: watch::Sender<Power>,
}

/// Asks the runtime about all nodes until told to stop.
pub(super) fn watch_nodes(
    lab: &dyn Lab,
    nodes: &[Watched],
    books: &Arc<Books>,
    interval: Duration,
    stop: &AtomicBool,
) {
    let mut handles: BTreeMap<&NodeName, NodeHandle> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let round = MonoTime::now();
        for watched in nodes {
            look(lab, watched, books, &mut handles);
        }
        while MonoTime::now().since(round) < interval && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(interval.min(Duration::from_millis(50)));
        }
    }
}

fn look<'a>(
    lab: &dyn Lab,
    watched: &'a Watched,
    books: &Books,
    handles: &mut BTreeMap<&'a NodeName, NodeHandle>,
) {
    let asked = MonoTime::now();
    let state = match lab.status(&watched.node) {
        Ok(status) => status.state,
        Err(error) => {
            if watched.recorded {
                books.failed(
                    &watched.node,
                    StateKind::Node,
                    &ErrorChain::new(&error).to_string(),
                );
            }
            return;
        }
    };
    if watched.recorded {
        let value = json!({"state": name(state)});
        let readings = Readings::from([(keys::NODE.to_owned(), value)]);
        books.seen(&watched.node, StateKind::Node, asked, readings);
    }
    if state == NodeState::Off
        || handles
            .get(&watched.node)
            .is_some_and(|handle| ended(handle.pidfd()))
    {
        handles.remove(&watched.node);
    }
    if state != NodeState::Off
        && !handles.contains_key(&watched.node)
        && let Ok(handle) = lab.node(&watched.node)
    {
        handles.insert(&watched.node, handle);
    }
    let power = handles.get(&watched.node).map_or(Power::Off, |handle| {
        Power::On(Presence {
            pid: handle.pid(),
            root: handle.root(),
        })
    });
    watched.tell.send_if_modified(|told| {
        let news = *told != power;
        *told = power;
        news
    });
}

fn name(state: NodeState) -> &'static str {
    match state {
        NodeState::Off => "off",
        NodeState::Booting => "booting",
        NodeState::Running => "running",
        NodeState::Frozen => "frozen",
        NodeState::BootFailed => "boot-failed",
    }
}

/// A pidfd becomes readable when its process has ended.
fn ended(pidfd: BorrowedFd<'_>) -> bool {
    let mut poll_for = [PollFd::new(pidfd, PollFlags::POLLIN)];
    poll(&mut poll_for, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
