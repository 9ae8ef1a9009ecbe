//! A lab of containers as its controller sees it.
//!
//! Where a node stands is read from the file its keeper writes, so asking costs the engine nothing; what only the engine
//! knows (paused, killed from outside) is told by its events.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::engine::{Engine, failed, system};
use super::keeper::OFF;
use super::parts::{self, Grants, Parts};
use super::start::start_node;
use super::storage::Storage;
use super::{cores, exec, of_node, recover, watch};
use crate::base::{LabName, NodeName, ServiceName};
use crate::nos::plan::NodePlan;
use crate::runtime::namespaces::node_requests::{SupervisorReply, SupervisorRequest};
use crate::runtime::namespaces::{kernel, logs};
use crate::runtime::{
    ExecOutput, ExecRequest, Lab, LabPlan, LogLine, NodeHandle, NodeState, NodeStatus, RuntimeError,
};

/// How long a cut of power may take.
const CUTTING: Duration = Duration::from_secs(30);

/// How often a file is looked at while something is awaited.
pub(super) const LOOK: Duration = Duration::from_millis(5);

/// What every container of the lab is made from.
#[derive(Clone, Debug)]
pub(super) struct Making {
    pub(super) image: String,
    pub(super) labels: HashMap<String, String>,
    pub(super) grants: Grants,
}

/// What is known of a node beside its keeper's word.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Its container is being started.
    pub(super) starting: bool,
    /// Its container could not be started.
    pub(super) not_started: Option<String>,
    /// The engine holds its processes.
    pub(super) paused: bool,
    /// How its container ended, by the engine's account.
    pub(super) ended: Option<i64>,
    /// Its keeper is gone, and all its links with it.
    pub(super) lost: bool,
}

/// What is known of all nodes; shared with the tasks that learn it.
pub(super) type Book = Arc<Mutex<BTreeMap<NodeName, Seen>>>;

/// A lab made of containers.
#[derive(Debug)]
pub struct DockerLab {
    engine: Arc<Engine>,
    plan: LabPlan,
    storage: Storage,
    making: Making,
    book: Book,
    /// Boots that go on at the same time.
    boots: Arc<Semaphore>,
    /// First processes of containers, kept as long as they live.
    processes: Mutex<BTreeMap<String, (i32, OwnedFd)>>,
    /// Whether it goes with this handle.
    with_caller: bool,
}

impl DockerLab {
    pub(super) fn new(
        engine: Arc<Engine>,
        plan: LabPlan,
        storage: Storage,
        making: Making,
        with_caller: bool,
    ) -> Self {
        let book = Book::default();
        watch::follow(&engine, &plan.name, &book);
        Self {
            engine,
            plan,
            storage,
            making,
            book,
            boots: Arc::new(Semaphore::new(cores())),
            processes: Mutex::default(),
            with_caller,
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

    fn seen(&self, node: &NodeName) -> Seen {
        lock(&self.book).get(node).cloned().unwrap_or_default()
    }

    fn refused(&self, operation: String, reason: impl Into<String>) -> RuntimeError {
        RuntimeError::Refused {
            lab: self.plan.name.clone(),
            operation,
            reason: reason.into(),
        }
    }

    /// The first process of a container, asked of the engine once in its life.
    fn process(&self, container: &str) -> Result<Option<(i32, OwnedFd)>, RuntimeError> {
        let mut known = lock(&self.processes);
        let alive = known
            .get(container)
            .is_some_and(|(_, pidfd)| kernel::pidfd_signal(pidfd.as_fd(), 0).is_ok());
        if !alive {
            known.remove(container);
            let find = |engine: &Engine| {
                engine
                    .wait(engine.pid(container))
                    .map_err(failed(format!("look up the process of container {container}")))
            };
            let Some(pid) = find(&self.engine)? else {
                return Ok(None);
            };
            let Ok(pidfd) = kernel::pidfd_open(pid) else {
                return Ok(None);
            };
            // Still the container's after the pidfd was opened, so the pidfd is not that of a later process.
            if find(&self.engine)? != Some(pid) {
                return Ok(None);
            }
            known.insert(container.to_owned(), (pid, pidfd));
        }
        let Some((pid, pidfd)) = known.get(container) else {
            return Ok(None);
        };
        let pidfd = pidfd
            .try_clone()
            .map_err(|error| system("duplicate a pidfd", error))?;
        Ok(Some((*pid, pidfd)))
    }

    fn gone(&self) -> RuntimeError {
        RuntimeError::LabGone(self.plan.name.clone())
    }

    /// Says something to a node's supervisor and takes a refusal for an error.
    fn supervisor(
        &self,
        node: &NodeName,
        operation: String,
        request: &SupervisorRequest,
    ) -> Result<(), RuntimeError> {
        if self.status(node)?.state == NodeState::Frozen {
            return Err(self.refused(operation, format!("node {node} is frozen")));
        }
        match request.ask(&self.node(node)?.root()) {
            Ok(SupervisorReply::Refused { error }) => Err(self.refused(operation, error)),
            Ok(_) => Ok(()),
            Err(source) => Err(system(operation, source)),
        }
    }

    fn pause(&self, node: &NodeName, pause: bool) -> Result<(), RuntimeError> {
        self.node_plan(node)?;
        let status = self.status(node)?;
        if status.state == NodeState::Off {
            return Err(RuntimeError::NodeOff(node.clone()));
        }
        if (status.state == NodeState::Frozen) == pause {
            return Ok(());
        }
        let name = parts::node_name(&self.plan.name, node);
        let docker = &self.engine.docker;
        let (verb, done) = if pause {
            ("freeze", self.engine.wait(docker.pause_container(&name)))
        } else {
            ("thaw", self.engine.wait(docker.unpause_container(&name)))
        };
        done.map_err(failed(of_node(verb, node)))?;
        lock(&self.book).entry(node.clone()).or_default().paused = pause;
        Ok(())
    }

    fn wait_for_off(&self, node: &NodeName) -> Result<(), RuntimeError> {
        let end = Instant::now() + CUTTING;
        while self.storage.status(node).is_ok_and(|status| status != OFF) {
            if Instant::now() > end || self.seen(node).lost {
                return Err(RuntimeError::Deadline {
                    operation: of_node("cutting the power of", node),
                    deadline: CUTTING,
                });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lab for DockerLab {
    fn name(&self) -> &LabName {
        &self.plan.name
    }

    fn plan(&self) -> &LabPlan {
        &self.plan
    }

    fn patch(&self) -> Result<NodeHandle, RuntimeError> {
        let (pid, pidfd) = self
            .process(&parts::patch_name(&self.plan.name))?
            .ok_or_else(|| self.gone())?;
        let netns = std::fs::File::open(format!("/proc/{pid}/ns/net")).map_err(|_| self.gone())?;
        let name = format!("the patch of {}", self.plan.name);
        Ok(NodeHandle::new(name, pid, pidfd, netns.into()))
    }

    fn netns(&self, node: &NodeName) -> Result<OwnedFd, RuntimeError> {
        self.node_plan(node)?;
        let keeper = parts::keeper_name(&self.plan.name, node);
        let (pid, pidfd) = self.process(&keeper)?.ok_or_else(|| self.gone())?;
        let netns = std::fs::File::open(format!("/proc/{pid}/ns/net")).map_err(|_| self.gone())?;
        // The number was its own when the namespace was opened.
        kernel::pidfd_signal(pidfd.as_fd(), 0).map_err(|_| self.gone())?;
        Ok(netns.into())
    }

    fn node(&self, node: &NodeName) -> Result<NodeHandle, RuntimeError> {
        self.node_plan(node)?;
        let off = || RuntimeError::NodeOff(node.clone());
        let container = parts::node_name(&self.plan.name, node);
        let (pid, pidfd) = self.process(&container)?.ok_or_else(off)?;
        Ok(NodeHandle::new(node.to_string(), pid, pidfd, self.netns(node)?))
    }

    fn spawn_in_patch(&self, argv: &[String], socket: &Path, deadline: Duration) -> Result<(), RuntimeError> {
        let name = argv.get(1).cloned().unwrap_or_default();
        let operation = format!("start {name}");
        let container = parts::patch_name(&self.plan.name);
        let command = [
            vec![parts::patch_binary()],
            argv.get(1..).unwrap_or_default().to_vec(),
        ]
        .concat();
        let started = self
            .engine
            .wait(exec::detached(&self.engine, &container, command));
        let id = started.map_err(failed(operation.clone()))?;
        let socket = self
            .patch()?
            .root()
            .join(socket.strip_prefix("/").unwrap_or(socket));
        let end = Instant::now() + deadline;
        let mut next_look = Instant::now() + Duration::from_millis(500);
        while UnixStream::connect(&socket).is_err() {
            if Instant::now() > next_look {
                next_look = Instant::now() + Duration::from_millis(500);
                let found = self.engine.wait(self.engine.docker.inspect_exec(&id));
                let found = found.map_err(failed(operation.clone()))?;
                if found.running == Some(false) {
                    let code = found.exit_code.unwrap_or_default();
                    return Err(self.refused(operation, format!("it ended at once (exit code {code})")));
                }
            }
            if Instant::now() > end {
                return Err(RuntimeError::Deadline { operation, deadline });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn boot(&self, node: &NodeName) -> Result<(), RuntimeError> {
        let plan = self.node_plan(node)?;
        let operation = || of_node("boot", node);
        if self.status(node)?.state != NodeState::Off {
            return Err(self.refused(operation(), "it is on already"));
        }
        let cut = self.storage.set_cut(node, false);
        cut.map_err(|error| system(operation(), error))?;
        lock(&self.book).insert(
            node.clone(),
            Seen {
                starting: true,
                ..Seen::default()
            },
        );
        let text = |key: &str| self.plan.facts[key].as_str().unwrap_or_default().to_owned();
        let (topology, owner) = (text("topology"), text("owner"));
        let body = Parts {
            lab: &self.plan.name,
            image: &self.making.image,
            storage: Some(&self.storage),
            grants: &self.making.grants,
            labels: &self.making.labels,
            topology: &topology,
            owner: &owner,
        }
        .node(plan);
        let name = parts::node_name(&self.plan.name, node);
        let (engine, storage, book) = (
            Arc::downgrade(&self.engine),
            self.storage.clone(),
            Arc::clone(&self.book),
        );
        let (node, boots) = (node.clone(), Arc::clone(&self.boots));
        self.engine.tasks.spawn(async move {
            let _turn = boots.acquire().await;
            let Some(engine) = engine.upgrade() else { return };
            let started = start_node(&engine, &storage, &node, &name, body).await;
            let mut book = lock(&book);
            let seen = book.entry(node).or_default();
            seen.starting = false;
            seen.not_started = started.err();
            drop(book);
            // The last owner must not be a task of the engine's own runtime.
            std::thread::spawn(move || drop(engine));
        });
        Ok(())
    }

    fn status(&self, node: &NodeName) -> Result<NodeStatus, RuntimeError> {
        self.node_plan(node)?;
        let seen = self.seen(node);
        let told = self.storage.status(node);
        let mut status = told.map_err(|_| self.gone())?;
        if seen.lost {
            let error = "the container that kept its network was killed from outside: its links are gone";
            return Ok(NodeStatus {
                error: Some(error.into()),
                ..OFF
            });
        }
        match (status.state, seen.not_started, seen.ended) {
            (NodeState::Off, Some(error), _) => {
                status.state = NodeState::BootFailed;
                status.error = Some(error);
            }
            (NodeState::Off, None, _) if seen.starting => {
                status = NodeStatus {
                    state: NodeState::Booting,
                    ..OFF
                };
            }
            (NodeState::Off, None, Some(code)) if status.error.is_some() => {
                status.error = Some(format!(
                    "its container was killed from outside (exit code {code})"
                ));
            }
            (NodeState::Off, ..) => {}
            _ if seen.paused => status.state = NodeState::Frozen,
            _ => {}
        }
        Ok(status)
    }

    fn exec(&self, node: &NodeName, request: &ExecRequest) -> Result<ExecOutput, RuntimeError> {
        let plan = self.node_plan(node)?;
        match self.status(node)?.state {
            NodeState::Off => return Err(RuntimeError::NodeOff(node.clone())),
            NodeState::Frozen => {
                let operation = format!("run `{}` on {node}", request.argv.join(" "));
                return Err(self.refused(operation, format!("node {node} is frozen")));
            }
            _ => {}
        }
        exec::run(
            &self.engine,
            &parts::node_name(&self.plan.name, node),
            plan,
            request,
        )
    }

    fn freeze(&self, node: &NodeName) -> Result<(), RuntimeError> {
        self.pause(node, true)
    }

    fn thaw(&self, node: &NodeName) -> Result<(), RuntimeError> {
        self.pause(node, false)
    }

    fn power_off(&self, node: &NodeName) -> Result<(), RuntimeError> {
        self.node_plan(node)?;
        let operation = || of_node("cut the power of", node);
        let end = Instant::now() + CUTTING;
        while self.seen(node).starting && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
        let name = parts::node_name(&self.plan.name, node);
        if let Some((_, pidfd)) = self.process(&name)? {
            self.storage
                .set_cut(node, true)
                .map_err(|error| system(operation(), error))?;
            let killed = kernel::pidfd_signal(pidfd.as_fd(), nix::libc::SIGKILL);
            if let Err(error) = killed
                && error.raw_os_error() != Some(nix::libc::ESRCH)
            {
                return Err(system(operation(), error));
            }
            if self.seen(node).paused {
                // The kernel delivers the signal when it lets them go, before anything else of theirs runs.
                let _ = self.engine.wait(self.engine.docker.unpause_container(&name));
            }
            self.wait_for_off(node)?;
        }
        self.engine
            .wait(self.engine.remove(&name))
            .map_err(failed(operation()))?;
        lock(&self.book).insert(node.clone(), Seen::default());
        self.storage
            .set_cut(node, false)
            .map_err(|error| system(operation(), error))
    }

    fn signal(&self, node: &NodeName, service: &ServiceName, signal: i32) -> Result<(), RuntimeError> {
        self.known_service(node, service)?;
        let request = SupervisorRequest::Signal {
            service: service.clone(),
            signal,
        };
        let operation = format!("send signal {signal} to {service} on {node}");
        self.supervisor(node, operation, &request)
    }

    fn set_service(&self, node: &NodeName, service: &ServiceName, running: bool) -> Result<(), RuntimeError> {
        self.known_service(node, service)?;
        let name = service.clone();
        let (verb, request) = if running {
            ("start", SupervisorRequest::Start { service: name })
        } else {
            ("stop", SupervisorRequest::Stop { service: name })
        };
        self.supervisor(node, format!("{verb} {service} on {node}"), &request)
    }

    fn logs(
        &self,
        node: &NodeName,
        service: Option<&ServiceName>,
        lines: usize,
    ) -> Result<Vec<LogLine>, RuntimeError> {
        let plan = self.node_plan(node)?;
        logs::read(&self.storage.logs(node), plan, service, lines)
    }

    fn destroy(&self) -> Result<(), RuntimeError> {
        // A container that is just being started would only be in the way.
        let end = Instant::now() + CUTTING;
        while lock(&self.book).values().any(|seen| seen.starting) && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
        recover::remove_lab(&self.engine, &self.plan.name)
    }
}

impl Drop for DockerLab {
    fn drop(&mut self) {
        if self.with_caller {
            let _: Result<(), RuntimeError> = self.destroy();
        }
    }
}
