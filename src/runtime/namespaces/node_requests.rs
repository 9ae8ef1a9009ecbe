//! What a node's supervisor answers on its socket: JSON lines, for operators, for the node's own daemons, for the lab.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::node_init::Node;
use super::protocol;
use crate::base::ServiceName;
use crate::nos::plan::{SUPERVISOR_SOCKET, ServiceStatus};
use crate::runtime::supervisor::Event;

/// A request, e.g. `{"method":"stop","service":"bgpd"}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum SupervisorRequest {
    /// All services: answered with a list of [`ServiceStatus`].
    Status,
    /// Start a service, forgetting its start limit.
    Start {
        /// Which.
        service: ServiceName,
    },
    /// Stop a service for good.
    Stop {
        /// Which.
        service: ServiceName,
    },
    /// Stop and start a service and those restarted with it.
    Restart {
        /// Which.
        service: ServiceName,
    },
    /// Send a signal to a service's main process.
    Signal {
        /// Which.
        service: ServiceName,
        /// The signal's number.
        signal: i32,
    },
    /// Write a line to a daemon's log, with the time of day.
    Log {
        /// Whose log.
        daemon: String,
        /// The line.
        line: String,
    },
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SupervisorReply {
    /// Where the services stand.
    Services(Vec<ServiceStatus>),
    /// It was done.
    Done {
        /// Always true.
        ok: bool,
    },
    /// It was not done.
    Refused {
        /// Why.
        error: String,
    },
}

/// How long a supervisor may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

impl SupervisorRequest {
    /// Asks the supervisor of the node whose root directory this is.
    pub(in crate::runtime) fn ask(&self, root: &Path) -> io::Result<SupervisorReply> {
        let stream = UnixStream::connect(root.join(SUPERVISOR_SOCKET.trim_start_matches('/')))?;
        stream.set_read_timeout(Some(ANSWER))?;
        protocol::send_line(&stream, self, &[])?;
        Ok(protocol::receive_line(&stream)?.0)
    }
}

const DONE: SupervisorReply = SupervisorReply::Done { ok: true };

impl Node<'_> {
    /// Carries out one request.
    pub(super) fn answer(&mut self, line: &str) -> SupervisorReply {
        let refused = |error: String| SupervisorReply::Refused { error };
        let request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => return refused(format!("not a request: {error}")),
        };
        let (service, make): (_, fn(usize) -> Event) = match request {
            SupervisorRequest::Status => return SupervisorReply::Services(self.supervisor.status()),
            SupervisorRequest::Log { daemon, line } => {
                if daemon.contains('/') || daemon.starts_with('.') {
                    return refused(format!("`{daemon}` is no daemon"));
                }
                self.log(&daemon, &line);
                return DONE;
            }
            SupervisorRequest::Signal { service, signal } => return self.pass_signal(&service, signal),
            SupervisorRequest::Start { service } => (service, Event::Start),
            SupervisorRequest::Stop { service } => (service, Event::Stop),
            SupervisorRequest::Restart { service } => (service, Event::Restart),
        };
        match self.supervisor.find(&service) {
            Some(index) => {
                self.feed(&make(index));
                DONE
            }
            None => refused(format!("no service `{service}`")),
        }
    }

    fn pass_signal(&self, service: &ServiceName, signal: i32) -> SupervisorReply {
        let refused = |error: String| SupervisorReply::Refused { error };
        match self.supervisor.find(service) {
            None => refused(format!("no service `{service}`")),
            Some(index) if self.supervisor.pid(index).is_none() => {
                refused(format!("service `{service}` is not running"))
            }
            Some(index) => {
                self.signal(index, signal);
                DONE
            }
        }
    }
}
