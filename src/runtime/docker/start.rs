//! Starting a node's container, as far as the first word of its init.

use std::time::{Duration, Instant};

use super::engine::Engine;
use super::keeper::OFF;
use super::lab::LOOK;
use super::reason;
use super::storage::Storage;
use crate::base::NodeName;
use crate::runtime::NodeState;

/// How long a started container's init may take to report.
const FIRST_WORD: Duration = Duration::from_secs(60);

/// Starts a node's container and waits for its init's first word.
pub(super) async fn start_node(
    engine: &Engine,
    storage: &Storage,
    node: &NodeName,
    name: &str,
    body: bollard::models::ContainerCreateBody,
) -> Result<(), String> {
    let said = |error: bollard::errors::Error| reason(&error);
    engine.remove(name).await.map_err(said)?;
    engine.start(name, body).await.map_err(said)?;
    let end = Instant::now() + FIRST_WORD;
    let mut next_look = Instant::now() + Duration::from_secs(1);
    while storage
        .status(node)
        .is_ok_and(|status| status.state == NodeState::Off)
    {
        tokio::time::sleep(LOOK).await;
        if Instant::now() > next_look {
            next_look = Instant::now() + Duration::from_secs(1);
            let alive = engine.pid(name).await.map_err(said)?.is_some();
            let off = storage.status(node).is_ok_and(|status| status == OFF);
            if !alive && off {
                let words = engine.last_words(name).await;
                return Err(format!("its container ended at once: {words}"));
            }
            if !alive || Instant::now() > end {
                return Ok(());
            }
        }
    }
    Ok(())
}
