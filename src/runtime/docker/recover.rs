//! What of a lab is left on the engine, found by its labels alone, and its removal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::engine::{Engine, failed};
use super::parts::{self, labels};
use super::storage::Storage;
use super::{DockerEngine, cores};
use crate::base::LabName;
use crate::runtime::RuntimeError;

/// Label value of labs that end with their maker.
pub(super) const WITH_CALLER: &str = "with-caller";

/// How long the removal of a lab may take.
const VANISH: Duration = Duration::from_secs(120);

/// What is found of a lab.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The image of its containers.
    pub(super) image: String,
    /// The labels that all of it carries.
    pub(super) labels: HashMap<String, String>,
}

/// All labs of which anything is left, whole or not.
pub(super) fn labs(engine: &Engine) -> Result<BTreeMap<LabName, Found>, RuntimeError> {
    let label = [labels::LAB.to_owned()];
    let (containers, volumes) = engine
        .wait(async { Ok((engine.containers(&label).await?, engine.volumes(&label).await?)) })
        .map_err(failed("list containers and volumes"))?;
    let mut found: BTreeMap<LabName, Found> = BTreeMap::new();
    let own = |all: HashMap<String, String>| {
        let shared = [labels::LAB, labels::CREATOR, labels::LIFETIME];
        let own: HashMap<_, _> = all
            .into_iter()
            .filter(|(key, _)| shared.contains(&key.as_str()))
            .collect();
        own.get(labels::LAB).map(LabName::new).map(|lab| (lab, own))
    };
    for volume in volumes {
        found.extend(own(volume.labels).map(|(lab, labels)| {
            (
                lab,
                Found {
                    labels,
                    ..Found::default()
                },
            )
        }));
    }
    for container in containers {
        if let Some((lab, labels)) = own(container.labels.unwrap_or_default()) {
            let image = container.image.unwrap_or_default();
            found.insert(lab, Found { image, labels });
        }
    }
    Ok(found)
}

/// Removes everything that carries a lab's label. Idempotent; returns once nothing is left.
pub(super) fn remove_lab(engine: &Engine, lab: &LabName) -> Result<(), RuntimeError> {
    let label = [format!("{}={lab}", labels::LAB)];
    let end = Instant::now() + VANISH;
    loop {
        let left = engine.wait(async {
            let mut containers = engine.containers(&label).await?;
            // Nodes first: the engine does not let a namespace go before those that joined it.
            containers.sort_by_key(|container| {
                let part = container
                    .labels
                    .as_ref()
                    .and_then(|labels| labels.get(labels::PART));
                part.is_none_or(|part| part != "node")
            });
            let ids: Vec<String> = containers
                .into_iter()
                .filter_map(|container| container.id)
                .collect();
            let removed = stream::iter(ids.iter().map(|id| engine.remove(id))).buffered(cores());
            let problems: Vec<_> = removed
                .filter_map(|result| async { result.err() })
                .collect()
                .await;
            for volume in engine.volumes(&label).await? {
                if ids.is_empty() {
                    engine.remove_volume(&volume.name).await?;
                }
            }
            match problems.into_iter().next() {
                Some(problem) => Err(problem),
                None => Ok(!ids.is_empty()),
            }
        });
        match left {
            Ok(false) => return Ok(()),
            Err(error) if Instant::now() > end => return Err(failed(format!("remove lab {lab}"))(error)),
            Ok(true) if Instant::now() > end => {
                return Err(RuntimeError::Deadline {
                    operation: format!("removing lab {lab}"),
                    deadline: VANISH,
                });
            }
            // A container that was just being made appears at the next look.
            Ok(true) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Names this process so that nothing later is taken for it: pid, start time and boot.
pub(super) fn creator() -> String {
    let pid = std::process::id();
    let started = start_time(&pid.to_string()).unwrap_or_default();
    format!("{pid}/{started}/{}", boot())
}

fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Field 22 of proc(5) stat.
fn start_time(pid: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

/// Whether the process that a label names lives.
fn lives(creator: &str) -> bool {
    let mut parts = creator.split('/');
    let (Some(pid), Some(started), Some(on)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    on == boot() && start_time(pid).as_deref() == Some(started)
}

impl DockerEngine {
    /// Removes what dead runs left, and labs whose making was cut short. Returns their names.
    ///
    /// Labs that somebody brought up to stay, and those whose maker lives, are left alone.
    pub fn recover(&self) -> Result<Vec<LabName>, RuntimeError> {
        let engine = &self.engine;
        let mut dead = BTreeSet::new();
        for (lab, found) in labs(engine)? {
            let label = |key: &str| found.labels.get(key).map(String::as_str).unwrap_or_default();
            if lives(label(labels::CREATOR)) {
                continue;
            }
            let whole = || {
                let volume = engine.wait(engine.docker.inspect_volume(&parts::volume_name(&lab)));
                volume.is_ok_and(|volume| Storage::at(&volume.mountpoint).all_were_up())
            };
            if label(labels::LIFETIME) == WITH_CALLER || !whole() {
                dead.insert(lab);
            }
        }
        for lab in &dead {
            remove_lab(engine, lab)?;
        }
        Ok(dead.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_number() {
        assert!(lives(&creator()));
        let pid = std::process::id();
        assert!(!lives(&format!("{pid}/1/{}", boot())));
        assert!(!lives(&format!(
            "{pid}/{}/another-boot",
            start_time("self").unwrap()
        )));
        assert!(!lives("nonsense"));
    }
}
