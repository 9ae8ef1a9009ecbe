//! One task per node and kind that asks a daemon again and again, without ever holding up another.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use super::changes::Readings;
use super::dialogue::{Dialogue, Protocol};
use super::presence::{Power, Presence};
use super::{Books, frr, lacp, switch};
use crate::base::{MonoTime, NodeName};
use crate::nos::plan::SUPERVISOR_SOCKET;
use crate::record::StateKind;

/// A daemon that has not answered after this long cannot be read at present.
const DEADLINE: Duration = Duration::from_millis(500);

/// An unanswered question is dropped, and asked again on a new connection, after this long.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Socket of a reference switch's management daemon.
const MANAGEMENT_SOCKET: &str = "/run/faultlab/mgd.sock";

/// Where and how one kind of state is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    path: &'static str,
    protocol: Protocol,
    question: &'static str,
    read: fn(&str) -> Result<Readings, String>,
}

impl Source {
    /// Returns the source of a kind; none for kinds that are not asked of a daemon.
    pub(super) fn of(kind: StateKind) -> Option<Self> {
        let vty = |path, question, read| {
            Some(Self {
                path,
                protocol: Protocol::Vty,
                question,
                read,
            })
        };
        let line = |path, question, read| {
            Some(Self {
                path,
                protocol: Protocol::JsonLine,
                question,
                read,
            })
        };
        match kind {
            StateKind::Bgp => vty("/run/frr/bgpd.vty", "show bgp summary json", |text| {
                Ok(frr::bgp(&json(text)?))
            }),
            StateKind::Ospf => vty("/run/frr/ospfd.vty", "show ip ospf neighbor json", |text| {
                Ok(frr::ospf(&json(text)?))
            }),
            StateKind::Bfd => vty("/run/frr/bfdd.vty", "show bfd peers json", |text| {
                Ok(frr::bfd(&json(text)?))
            }),
            StateKind::Lacp => Some(Self {
                path: "/run/openvswitch/ovs-vswitchd.ctl",
                protocol: Protocol::Unixctl,
                question: "lacp/show",
                read: |text| Ok(lacp::lacp(text)),
            }),
            StateKind::Process => line(SUPERVISOR_SOCKET, r#"{"method":"status"}"#, |text| {
                switch::process(switch::result(text)?)
            }),
            StateKind::Iccp => line(MANAGEMENT_SOCKET, r#"{"method":"show","what":"iccp"}"#, |text| {
                Ok(switch::iccp(&switch::result(text)?))
            }),
            StateKind::MacTable => line(
                MANAGEMENT_SOCKET,
                r#"{"method":"show","what":"mac-table"}"#,
                |text| Ok(switch::mac_table(&switch::result(text)?)),
            ),
            StateKind::Alarm => line(
                MANAGEMENT_SOCKET,
                r#"{"method":"show","what":"alarms"}"#,
                |text| Ok(switch::alarm(&switch::result(text)?)),
            ),
            StateKind::Config => line(
                MANAGEMENT_SOCKET,
                r#"{"method":"show-config","format":"json"}"#,
                |text| Ok(switch::config(&switch::result(text)?)),
            ),
            StateKind::Interface | StateKind::Fib | StateKind::Node => None,
        }
    }

    /// FRR and OVS keep a connection open; the JSON daemons serve one question a connection.
    fn keeps_connection(self) -> bool {
        self.protocol != Protocol::JsonLine
    }
}

/// An empty answer is no state: FRR says nothing at all when a protocol is not configured.
fn json(text: &str) -> Result<Value, String> {
    let text = text.trim();
    // Without an instance of the protocol FRR answers in words, e.g. `% BGP instance not found`.
    if text.is_empty() || text.starts_with('%') {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

/// Asks for one kind of state of one node.
pub(super) struct Poll {
    pub(super) node: NodeName,
    pub(super) kind: StateKind,
    pub(super) source: Source,
    pub(super) presence: watch::Receiver<Power>,
    pub(super) books: Arc<Books>,
    /// The answer that the books are up to date with: most answers repeat it and need no reading.
    pub(super) last_answer: Option<String>,
}

impl Poll {
    /// Asks each `interval`, first after `offset`, until the task is dropped.
    pub(super) async fn run(mut self, interval: Duration, offset: Duration) {
        tokio::time::sleep(offset).await;
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection: Option<(i32, Dialogue)> = None;
        loop {
            ticks.tick().await;
            let power = self.presence.borrow_and_update().clone();
            let present = match power {
                Power::Unknown => continue,
                Power::Off => {
                    connection = None;
                    self.books
                        .absent(&self.node, self.kind, MonoTime::now(), "the node is off");
                    continue;
                }
                Power::On(present) => present,
            };
            let kept = connection.take().filter(|(pid, _)| *pid == present.pid);
            let dialogue = kept.map(|(_, dialogue)| dialogue);
            connection = self
                .ask(&present, dialogue)
                .await
                .map(|dialogue| (present.pid, dialogue));
        }
    }

    /// Asks once and books the outcome; returns the connection when it can be used again.
    async fn ask(&mut self, present: &Presence, dialogue: Option<Dialogue>) -> Option<Dialogue> {
        let source = self.source;
        let asked = MonoTime::now();
        let mut exchange = pin!(async {
            if let Some(mut dialogue) = dialogue
                && let Ok(answer) = dialogue.ask(source.question).await
            {
                return Ok((dialogue, answer));
            }
            // A connection that broke only says that the daemon was started anew since.
            let path = present.root.join(source.path.trim_start_matches('/'));
            let mut dialogue = Dialogue::open(&path, source.protocol).await?;
            let answer = dialogue.ask(source.question).await?;
            Ok((dialogue, answer))
        });
        let outcome = if let Ok(outcome) = timeout(DEADLINE, &mut exchange).await {
            outcome
        } else {
            let why = format!("{} has not answered within 500 ms", source.path);
            self.last_answer = None;
            self.books.failed(&self.node, self.kind, &why);
            tokio::select! {
                outcome = timeout(LONGEST_WAIT, &mut exchange) => outcome.ok()?,
                _ = self.presence.changed() => return None,
            }
        };
        self.book(asked, outcome)
    }

    fn book(&mut self, asked: MonoTime, outcome: io::Result<(Dialogue, String)>) -> Option<Dialogue> {
        let path = self.source.path;
        let last_answer = self.last_answer.take();
        match outcome {
            Ok((dialogue, answer)) if last_answer.as_ref() == Some(&answer) => {
                self.last_answer = last_answer;
                self.books.unchanged(&self.node, self.kind, asked);
                self.source.keeps_connection().then_some(dialogue)
            }
            Ok((dialogue, answer)) => match (self.source.read)(&answer) {
                Ok(readings) => {
                    self.books.seen(&self.node, self.kind, asked, readings);
                    self.last_answer = Some(answer);
                    self.source.keeps_connection().then_some(dialogue)
                }
                Err(why) => {
                    self.books
                        .failed(&self.node, self.kind, &format!("{path}: {why}"));
                    None
                }
            },
            Err(error) if is_absence(&error) => {
                self.books
                    .absent(&self.node, self.kind, asked, &format!("{path}: {error}"));
                None
            }
            Err(error) => {
                self.books
                    .failed(&self.node, self.kind, &format!("{path}: {error}"));
                None
            }
        }
    }
}

/// Nobody listens: the daemon is not running. A queue that is full (`EAGAIN`) is something else: it hangs.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}
