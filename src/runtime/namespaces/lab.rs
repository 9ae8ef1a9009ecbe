//! A lab as its controller sees it: every call is one short conversation with the lab's init or a node's supervisor.
//!
//! The handle of a lab made [`Lifetime::WithCaller`](crate::runtime::Lifetime) holds its lifeline: dropping it, or dying
//! with it, ends the lab.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::exec;
use super::logs;
use super::node_requests::{SupervisorReply, SupervisorRequest};
use super::protocol::{self, Reply, Request};
use super::{address, kernel};
use crate::base::{LabName, NodeName, ServiceName};
use crate::nos::plan::NodePlan;
use crate::runtime::{
    ExecOutput, ExecRequest, Lab, LabPlan, LogLine, NodeHandle, NodeState, NodeStatus, RuntimeError,
};

/// How long a lab's init or a supervisor may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

/// How long a lab may take to vanish.
const VANISH: Duration = Duration::from_secs(20);

/// A lab made of namespaces.
#[derive(Debug)]
pub struct NamespaceLab {
    plan: LabPlan,
    pid: i32,
    pidfd: OwnedFd,
    /// Held only to be closed.
    lifeline: Option<UnixStream>,
}

impl NamespaceLab {
    /// Finds a lab by its socket and asks for its plan.
    pub(super) fn open(name: &LabName, lifeline: Option<UnixStream>) -> io::Result<Self> {
        let stream = address::connect(name)?;
        let pid = getsockopt(&stream, PeerCredentials)?.pid();
        let pidfd = kernel::pidfd_open(pid)?;
        stream.set_read_timeout(Some(ANSWER))?;
        protocol::send_line(&stream, &Request::Plan, &[])?;
        // It answered after the pidfd was opened, so the pidfd is its own and not that of a later process.
        match protocol::receive_line(&stream)? {
            (Reply::Plan(plan), _) => Ok(Self {
                plan: *plan,
                pid,
                pidfd,
                lifeline,
            }),
            (other, _) => Err(io::Error::other(format!("unexpected answer {other:?}"))),
        }
    }

    fn ask(&self, operation: &str, request: &Request) -> Result<(Reply, Vec<OwnedFd>), RuntimeError> {
        let talk = || -> io::Result<(Reply, Vec<OwnedFd>)> {
            let stream = address::connect(&self.plan.name)?;
            if getsockopt(&stream, PeerCredentials)?.pid() != self.pid {
                return Err(io::ErrorKind::NotFound.into());
            }
            stream.set_read_timeout(Some(ANSWER))?;
            protocol::send_line(&stream, request, &[])?;
            protocol::receive_line(&stream)
        };
        match talk() {
            Ok((Reply::Refused(reason), _)) => Err(RuntimeError::Refused {
                lab: self.plan.name.clone(),
                operation: operation.to_owned(),
                reason,
            }),
            Ok(answer) => Ok(answer),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(RuntimeError::Deadline {
                operation: operation.to_owned(),
                deadline: ANSWER,
            }),
            Err(_) => Err(RuntimeError::LabGone(self.plan.name.clone())),
        }
    }

    /// Asks for something about a node that must be on.
    fn ask_on(
        &self,
        node: &NodeName,
        operation: &str,
        request: &Request,
    ) -> Result<Vec<OwnedFd>, RuntimeError> {
        self.node_plan(node)?;
        match self.ask(&format!("{operation} {node}"), request)? {
            (Reply::Off, _) => Err(RuntimeError::NodeOff(node.clone())),
            (_, fds) => Ok(fds),
        }
    }

    fn node_plan(&self, node: &NodeName) -> Result<&NodePlan, RuntimeError> {
        self.plan
            .nodes
            .iter()
            .find(|plan| plan.node == *node)
            .ok_or_else(|| RuntimeError::NoSuchNode {
                lab: self.plan.name.clone(),
                node: node.clone(),
                known: self.plan.nodes.iter().map(|plan| plan.node.clone()).collect(),
            })
    }

    fn known_service(&self, node: &NodeName, service: &ServiceName) -> Result<(), RuntimeError> {
        let plan = self.node_plan(node)?;
        if plan.services.iter().any(|known| known.name == *service) {
            return Ok(());
        }
        Err(RuntimeError::NoSuchService {
            node: node.clone(),
            service: service.clone(),
            known: plan.services.iter().map(|known| known.name.clone()).collect(),
        })
    }

    /// Says something to a node's supervisor and takes a refusal for an error.
    fn supervisor(
        &self,
        node: &NodeName,
        operation: String,
        request: &SupervisorRequest,
    ) -> Result<SupervisorReply, RuntimeError> {
        let refused = |reason: String| RuntimeError::Refused {
            lab: self.plan.name.clone(),
            operation: operation.clone(),
            reason,
        };
        // A frozen supervisor would accept the connection and never answer.
        if self.status(node)?.state == NodeState::Frozen {
            return Err(refused(format!("node {node} is frozen")));
        }
        let handle = self.node(node)?;
        match request.ask(&handle.root()) {
            Ok(SupervisorReply::Refused { error }) => Err(refused(error)),
            Ok(reply) => Ok(reply),
            Err(source) => Err(RuntimeError::System { operation, source }),
        }
    }
}

/// Names what was being done when the system refused.
pub(in crate::runtime) fn system(operation: impl Into<String>) -> impl FnOnce(io::Error) -> RuntimeError {
    let operation = operation.into();
    move |source| RuntimeError::System { operation, source }
}

impl Lab for NamespaceLab {
    fn name(&self) -> &LabName {
        &self.plan.name
    }

    fn plan(&self) -> &LabPlan {
        &self.plan
    }

    fn patch(&self) -> Result<NodeHandle, RuntimeError> {
        let gone = |_| RuntimeError::LabGone(self.plan.name.clone());
        let netns = std::fs::File::open(format!("/proc/{}/ns/net", self.pid)).map_err(gone)?;
        // The number is its own only as long as it lives.
        kernel::pidfd_signal(self.pidfd.as_fd(), 0).map_err(gone)?;
        let pidfd = self.pidfd.try_clone().map_err(system("duplicate a pidfd"))?;
        Ok(NodeHandle::new(
            format!("the patch of {}", self.plan.name),
            self.pid,
            pidfd,
            netns.into(),
        ))
    }

    fn netns(&self, node: &NodeName) -> Result<OwnedFd, RuntimeError> {
        let fds = self.ask_on(
            node,
            "open the network namespace of",
            &Request::Netns(node.clone()),
        )?;
        fds.into_iter()
            .next()
            .ok_or_else(|| RuntimeError::LabGone(self.plan.name.clone()))
    }

    fn node(&self, node: &NodeName) -> Result<NodeHandle, RuntimeError> {
        let mut fds = self
            .ask_on(node, "open", &Request::Node(node.clone()))?
            .into_iter();
        let (Some(pidfd), Some(netns)) = (fds.next(), fds.next()) else {
            return Err(RuntimeError::LabGone(self.plan.name.clone()));
        };
        let pid =
            kernel::pidfd_pid(pidfd.as_fd()).map_err(system(format!("look up the process of {node}")))?;
        let pid = pid.ok_or_else(|| RuntimeError::NodeOff(node.clone()))?;
        Ok(NodeHandle::new(node.to_string(), pid, pidfd, netns))
    }

    fn spawn_in_patch(&self, argv: &[String], socket: &Path, deadline: Duration) -> Result<(), RuntimeError> {
        let name = argv.get(1).cloned().unwrap_or_default();
        let (_, fds) = self.ask(&format!("start {name}"), &Request::Spawn(argv.to_vec()))?;
        let process = fds
            .into_iter()
            .next()
            .ok_or_else(|| RuntimeError::LabGone(self.plan.name.clone()))?;
        let root = format!("/proc/{}/root", self.pid);
        let socket = Path::new(&root).join(socket.strip_prefix("/").unwrap_or(socket));
        let end = Instant::now() + deadline;
        while UnixStream::connect(&socket).is_err() {
            if kernel::wait_gone(process.as_fd(), Duration::from_millis(2)).unwrap_or(true) {
                let log = std::fs::read_to_string(format!("{root}{}/patch.log", super::rootfs::LAB_DIR));
                return Err(RuntimeError::Refused {
                    lab: self.plan.name.clone(),
                    operation: format!("start {name}"),
                    reason: format!("it ended at once: {}", log.unwrap_or_default().trim()),
                });
            }
            if Instant::now() > end {
                return Err(RuntimeError::Deadline {
                    operation: format!("start {name}"),
                    deadline,
                });
            }
        }
        Ok(())
    }

    fn boot(&self, node: &NodeName) -> Result<(), RuntimeError> {
        self.ask_on(node, "boot", &Request::Boot(node.clone())).map(drop)
    }

    fn status(&self, node: &NodeName) -> Result<NodeStatus, RuntimeError> {
        self.node_plan(node)?;
        match self.ask(
            &format!("ask for the status of {node}"),
            &Request::Status(node.clone()),
        )? {
            (Reply::Status(status), _) => Ok(status),
            _ => Err(RuntimeError::LabGone(self.plan.name.clone())),
        }
    }

    fn statuses(&self) -> Result<Vec<NodeStatus>, RuntimeError> {
        match self.ask("ask for the status of all nodes", &Request::Statuses)? {
            (Reply::Statuses(statuses), _) => Ok(statuses),
            _ => Err(RuntimeError::LabGone(self.plan.name.clone())),
        }
    }

    fn exec(&self, node: &NodeName, request: &ExecRequest) -> Result<ExecOutput, RuntimeError> {
        let plan = self.node_plan(node)?;
        let handle = self.node(node)?;
        exec::run(&self.plan.name, plan, &handle, request)
    }

    fn freeze(&self, node: &NodeName) -> Result<(), RuntimeError> {
        self.ask_on(node, "freeze", &Request::Freeze(node.clone()))
            .map(drop)
    }

    fn thaw(&self, node: &NodeName) -> Result<(), RuntimeError> {
        self.ask_on(node, "thaw", &Request::Thaw(node.clone())).map(drop)
    }

    fn power_off(&self, node: &NodeName) -> Result<(), RuntimeError> {
        self.ask_on(node, "cut the power of", &Request::PowerOff(node.clone()))
            .map(drop)
    }

    fn signal(&self, node: &NodeName, service: &ServiceName, signal: i32) -> Result<(), RuntimeError> {
        self.known_service(node, service)?;
        let request = SupervisorRequest::Signal {
            service: service.clone(),
            signal,
        };
        self.supervisor(
            node,
            format!("send signal {signal} to {service} on {node}"),
            &request,
        )
        .map(drop)
    }

    fn set_service(&self, node: &NodeName, service: &ServiceName, running: bool) -> Result<(), RuntimeError> {
        self.known_service(node, service)?;
        let service = service.clone();
        let (verb, request) = if running {
            (
                "start",
                SupervisorRequest::Start {
                    service: service.clone(),
                },
            )
        } else {
            (
                "stop",
                SupervisorRequest::Stop {
                    service: service.clone(),
                },
            )
        };
        self.supervisor(node, format!("{verb} {service} on {node}"), &request)
            .map(drop)
    }

    fn logs(
        &self,
        node: &NodeName,
        service: Option<&ServiceName>,
        lines: usize,
    ) -> Result<Vec<LogLine>, RuntimeError> {
        let plan = self.node_plan(node)?;
        kernel::pidfd_signal(self.pidfd.as_fd(), 0)
            .map_err(|_| RuntimeError::LabGone(self.plan.name.clone()))?;
        let directory = super::rootfs::node_dir(plan.node.as_str()).join("logs");
        let root = format!("/proc/{}/root", self.pid);
        let directory = Path::new(&root).join(directory.strip_prefix("/").unwrap_or(&directory));
        logs::read(&directory, plan, service, lines)
    }

    fn destroy(&self) -> Result<(), RuntimeError> {
        match kernel::pidfd_signal(self.pidfd.as_fd(), nix::libc::SIGKILL) {
            Err(error) if error.raw_os_error() != Some(nix::libc::ESRCH) => {
                return Err(system(format!("kill lab {}", self.plan.name))(error));
            }
            _ => {}
        }
        // Its end is only visible once the kernel has killed and reaped everything in its pid namespace.
        let gone = kernel::wait_gone(self.pidfd.as_fd(), VANISH)
            .map_err(system(format!("wait for the end of lab {}", self.plan.name)))?;
        if !gone {
            return Err(RuntimeError::Deadline {
                operation: format!("removing lab {}", self.plan.name),
                deadline: VANISH,
            });
        }
        kernel::reap(self.pidfd.as_fd());
        Ok(())
    }
}

impl Drop for NamespaceLab {
    fn drop(&mut self) {
        if self.lifeline.is_some() {
            // The closing lifeline would do, but not as promptly, and would leave a zombie.
            let _ = self.destroy();
        }
    }
}
