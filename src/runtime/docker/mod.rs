//! The Docker runtime: each node a container, its links kept by another that holds its network namespace.
//!
//! The engine must run on this machine and faultlab as root, because wires are made straight into the containers' network
//! namespaces. Everything carries labels; the kernel cannot tie containers to a process, so what a killed faultlab leaves
//! is removed by [`recover`].

mod engine;
mod exec;
pub mod image;
pub mod keeper;
mod lab;
mod packages;
mod parts;
pub mod recover;
mod start;
mod storage;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};

use self::engine::{Engine, failed, said, status, system};
use self::lab::{DockerLab, Making};
use self::parts::{Grants, Parts, labels};
use self::storage::Storage;
use crate::base::{LabName, NodeName};
use crate::runtime::{Lab, LabPlan, Lifetime, Runtime, RuntimeError};

/// How long keepers may take to be ready once their containers run.
const KEEPING: Duration = Duration::from_secs(30);

/// Makes and finds labs of Docker containers.
#[derive(Clone, Debug)]
pub struct DockerEngine {
    engine: Arc<Engine>,
    grants: Grants,
    binary: PathBuf,
}

impl DockerEngine {
    /// Connects to the engine of this machine.
    pub fn connect() -> Result<Self, RuntimeError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(RuntimeError::Environment {
                missing: "the privilege to enter the network namespaces of containers".into(),
                hint: "run as root; `--runtime namespaces` also works for an ordinary user".into(),
            });
        }
        let engine = Engine::connect()?;
        let info = engine
            .wait(engine.docker.info())
            .map_err(failed("ask the Docker engine about itself"))?;
        let options = info.security_options.unwrap_or_default();
        if options
            .iter()
            .any(|option| option.contains("userns") || option.contains("rootless"))
        {
            return Err(RuntimeError::Environment {
                missing: "a Docker engine that runs containers as this machine's root".into(),
                hint:
                    "rootless engines and userns-remap keep wires out of containers; use --runtime namespaces"
                        .into(),
            });
        }
        Ok(Self {
            binary: "/proc/self/exe".into(),
            engine: Arc::new(engine),
            grants: Grants {
                bounding: bounding_set(),
                apparmor: options.iter().any(|option| option.contains("apparmor")),
                tun: Path::new("/dev/net/tun").exists(),
            },
        })
    }

    /// Takes another program than the running one for faultlab itself, which becomes the first process of containers.
    #[must_use]
    pub fn with_binary(self, binary: PathBuf) -> Self {
        Self { binary, ..self }
    }

    fn make(&self, plan: &LabPlan, lifetime: Lifetime, image: &str) -> Result<DockerLab, RuntimeError> {
        let name = &plan.name;
        let labels = labels_of(name, lifetime);
        let making = Making {
            image: image.to_owned(),
            labels: labels.clone(),
            grants: self.grants.clone(),
        };
        let text = |key: &str| plan.facts[key].as_str().unwrap_or_default().to_owned();
        let (topology, owner) = (text("topology"), text("owner"));
        let parts = Parts {
            lab: name,
            image,
            storage: None,
            grants: &self.grants,
            labels: &labels,
            topology: &topology,
            owner: &owner,
        };
        let engine = &self.engine;
        let patch = parts::patch_name(name);
        let options = bollard::query_parameters::CreateContainerOptionsBuilder::new()
            .name(&patch)
            .build();
        // Its name is what two labs of the same name would race for.
        match engine.wait(engine.docker.create_container(Some(options), parts.patch())) {
            Err(error) if status(&error) == Some(409) => return Err(RuntimeError::LabExists(name.clone())),
            other => other.map_err(failed(format!("make the patch of lab {name}")))?,
        };
        let made = furnish(engine, &parts, plan, &self.binary);
        match made {
            Ok(storage) => Ok(DockerLab::new(
                Arc::clone(engine),
                plan.clone(),
                storage,
                making,
                lifetime == Lifetime::WithCaller,
            )),
            Err(error) => {
                // The first cause is what the user needs; what cannot be removed now is found by its labels.
                let _ = recover::remove_lab(engine, name);
                Err(error)
            }
        }
    }
}

/// Fills a lab's volume and starts all that stays.
fn furnish(
    engine: &Engine,
    parts: &Parts<'_>,
    plan: &LabPlan,
    binary: &Path,
) -> Result<Storage, RuntimeError> {
    let storage = storage_of(engine, parts.lab)?;
    storage
        .fill(plan, binary)
        .map_err(|error| system(format!("fill the volume of lab {}", parts.lab), error))?;
    let parts = Parts {
        storage: Some(&storage),
        ..*parts
    };
    engine
        .wait(start_all(engine, &parts, plan))
        .map_err(|(what, error)| failed(format!("start {what}"))(error))?;
    wait_for_keepers(engine, &storage, plan)?;
    Ok(storage)
}

/// Starts the patch and all keepers, as many at a time as there are cores.
async fn start_all(
    engine: &Engine,
    parts: &Parts<'_>,
    plan: &LabPlan,
) -> Result<(), (String, bollard::errors::Error)> {
    let patch = parts::patch_name(parts.lab);
    let started = engine.docker.start_container(&patch, None).await;
    started.map_err(|error| (format!("container {patch}"), error))?;
    let keepers = plan.nodes.iter().map(|node| {
        let name = parts::keeper_name(parts.lab, &node.node);
        let body = parts.keeper(node);
        async move {
            let started = engine.start(&name, body).await;
            started.map_err(|error| (format!("container {name}"), error))
        }
    });
    stream::iter(keepers)
        .buffer_unordered(cores())
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

fn wait_for_keepers(engine: &Engine, storage: &Storage, plan: &LabPlan) -> Result<(), RuntimeError> {
    let operation = |node: &NodeName| format!("keep the network namespace of {node}");
    let end = Instant::now() + KEEPING;
    for node in &plan.nodes {
        while storage.status(&node.node).is_err() {
            let name = parts::keeper_name(&plan.name, &node.node);
            let alive = engine
                .wait(engine.pid(&name))
                .map_err(failed(operation(&node.node)))?;
            if alive.is_none() && storage.status(&node.node).is_err() {
                let words = engine.wait(engine.last_words(&name));
                return Err(RuntimeError::Refused {
                    lab: plan.name.clone(),
                    operation: operation(&node.node),
                    reason: format!("its container ended at once: {words}"),
                });
            }
            if Instant::now() > end {
                return Err(RuntimeError::Deadline {
                    operation: operation(&node.node),
                    deadline: KEEPING,
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn labels_of(lab: &LabName, lifetime: Lifetime) -> HashMap<String, String> {
    let lifetime = match lifetime {
        Lifetime::WithCaller => recover::WITH_CALLER,
        Lifetime::Stays => "stays",
    };
    HashMap::from([
        (labels::LAB.to_owned(), lab.to_string()),
        (labels::CREATOR.to_owned(), recover::creator()),
        (labels::LIFETIME.to_owned(), lifetime.to_owned()),
    ])
}

fn storage_of(engine: &Engine, lab: &LabName) -> Result<Storage, RuntimeError> {
    let volume = engine
        .wait(engine.docker.inspect_volume(&parts::volume_name(lab)))
        .map_err(failed(format!("find the volume of lab {lab}")))?;
    Ok(Storage::at(&volume.mountpoint))
}

/// The capabilities that this process, and so what the engine starts, can have at most.
fn bounding_set() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(u64::MAX)
}

impl Runtime for DockerEngine {
    fn create(&self, plan: &LabPlan, lifetime: Lifetime) -> Result<Box<dyn Lab>, RuntimeError> {
        let image = image::ensure(&self.engine, &mut |_| {})?;
        Ok(Box::new(self.make(plan, lifetime, &image.reference)?))
    }

    fn list(&self) -> Result<Vec<LabName>, RuntimeError> {
        Ok(recover::labs(&self.engine)?.into_keys().collect())
    }

    fn open(&self, name: &LabName) -> Result<Box<dyn Lab>, RuntimeError> {
        let mut labs: BTreeMap<LabName, _> = recover::labs(&self.engine)?;
        let Some(found) = labs.remove(name) else {
            return Err(RuntimeError::NoSuchLab {
                name: name.clone(),
                known: labs.into_keys().collect(),
            });
        };
        let storage = storage_of(&self.engine, name);
        let plan = match storage.as_ref().map(Storage::plan) {
            Ok(Ok(plan)) => plan,
            // Half made: it can still be removed.
            _ => LabPlan {
                name: name.clone(),
                nodes: Vec::new(),
                facts: serde_json::Value::Null,
            },
        };
        let making = Making {
            image: found.image,
            labels: found.labels,
            grants: self.grants.clone(),
        };
        let storage = storage.unwrap_or_else(|_| Storage::at("/nonexistent"));
        let engine = Arc::clone(&self.engine);
        Ok(Box::new(DockerLab::new(engine, plan, storage, making, false)))
    }
}

/// Names a node's part of an operation.
fn of_node(operation: &str, node: &NodeName) -> String {
    format!("{operation} {node}")
}

/// What the engine said, as a refusal's reason.
fn reason(error: &bollard::errors::Error) -> String {
    said(error)
}
