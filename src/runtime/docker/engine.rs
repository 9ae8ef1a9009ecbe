//! The Docker engine behind blocking calls, and what its refusals mean.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, ContainerSummary, Volume};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::StreamExt;
use tokio::runtime::Runtime;

use crate::runtime::RuntimeError;

/// How long the engine may take for one call.
const ANSWER: Duration = Duration::from_secs(120);

/// A connection to the engine.
pub(super) struct Engine {
    pub(super) docker: Docker,
    /// Runs the client, and what goes on behind a call that returned at once.
    pub(super) tasks: Runtime,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names, or to the local one, and agrees on a version.
    pub(super) fn connect() -> Result<Self, RuntimeError> {
        let tasks = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("docker")
            .enable_all()
            .build()
            .map_err(|source| system("start the Docker client", source))?;
        let connect = async {
            let docker = Docker::connect_with_local_defaults()?.with_timeout(ANSWER);
            docker.negotiate_version().await
        };
        let docker = tasks
            .block_on(connect)
            .map_err(|error| RuntimeError::Environment {
                missing: format!("a Docker engine ({})", said(&error)),
                hint: "start it, or use the embedded runtime: --runtime namespaces".into(),
            })?;
        Ok(Self { docker, tasks })
    }

    /// Waits for a call.
    pub(super) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.tasks.block_on(call)
    }

    /// Lists containers with all these labels (`key` or `key=value`), running or not.
    pub(super) async fn containers(&self, labels: &[String]) -> Result<Vec<ContainerSummary>, Error> {
        let filters = HashMap::from([("label", labels.to_vec())]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        self.docker.list_containers(Some(options)).await
    }

    /// Lists volumes with all these labels.
    pub(super) async fn volumes(&self, labels: &[String]) -> Result<Vec<Volume>, Error> {
        let filters = HashMap::from([("label", labels.to_vec())]);
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let found = self.docker.list_volumes(Some(options)).await?;
        Ok(found.volumes.unwrap_or_default())
    }

    /// Makes a container and starts it.
    pub(super) async fn start(&self, name: &str, body: ContainerCreateBody) -> Result<(), Error> {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        self.docker.create_container(Some(options), body).await?;
        self.docker.start_container(name, None).await
    }

    /// Kills and removes a container. One that is not there counts as removed.
    pub(super) async fn remove(&self, name: &str) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        gone_is_fine(self.docker.remove_container(name, Some(options)).await)
    }

    /// Removes a volume. One that is not there counts as removed.
    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        gone_is_fine(self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await)
    }

    /// What a container last wrote, to explain why it ended.
    pub(super) async fn last_words(&self, name: &str) -> String {
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .tail("5")
            .build();
        let mut lines = Box::pin(self.docker.logs(name, Some(options)));
        let mut words = String::new();
        while let Some(Ok(part)) = lines.next().await {
            words.push_str(&part.to_string());
        }
        words.trim().to_owned()
    }

    /// The first process of a running container, as the host numbers it.
    pub(super) async fn pid(&self, name: &str) -> Result<Option<i32>, Error> {
        let found = match self.docker.inspect_container(name, None).await {
            Err(error) if status(&error) == Some(404) => return Ok(None),
            other => other?,
        };
        let state = found.state.unwrap_or_default();
        let pid = state.pid.and_then(|pid| i32::try_from(pid).ok());
        Ok(pid.filter(|pid| *pid > 0 && state.running == Some(true)))
    }
}

fn gone_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        // 409: somebody else is removing it just now.
        Err(error) if status(&error) == Some(404) || is_being_removed(&error) => Ok(()),
        other => other,
    }
}

fn is_being_removed(error: &Error) -> bool {
    status(error) == Some(409) && said(error).contains("already in progress")
}

/// The engine's status code, when it answered with one.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// What the engine said, without the client's own words around it.
pub(super) fn said(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                text.push_str(": ");
                text.push_str(&cause.to_string());
                source = cause.source();
            }
            text
        }
    }
}

/// Names what was being done when the engine refused.
pub(super) fn failed(operation: impl Into<String>) -> impl FnOnce(Error) -> RuntimeError {
    let operation = operation.into();
    move |error| system(operation, io::Error::other(said(&error)))
}

/// Names what was being done when the system refused.
pub(super) fn system(operation: impl Into<String>, source: io::Error) -> RuntimeError {
    RuntimeError::System {
        operation: operation.into(),
        source,
    }
}
