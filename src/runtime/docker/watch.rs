//! What others do to a lab's containers (`docker kill`, `docker pause`), learned from the engine's events.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{ContainerSummaryStateEnum, EventMessage};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;

use super::engine::Engine;
use super::lab::{Book, lock};
use super::parts::labels;
use crate::base::{LabName, NodeName};

/// Writes into the book what the engine tells, until the engine's client is gone. Returns once the book is up to date.
pub(super) fn follow(engine: &Arc<Engine>, lab: &LabName, book: &Book) {
    let docker = engine.docker.clone();
    let label = format!("{}={lab}", labels::LAB);
    let filters = HashMap::from([
        ("type", vec!["container".to_owned()]),
        ("label", vec![label.clone()]),
    ]);
    let weak = Arc::downgrade(book);
    // Subscribed before the first look, so that nothing falls between them.
    let options = EventsOptionsBuilder::new().filters(&filters).build();
    let mut events = Box::pin(docker.events(Some(options)));
    engine.tasks.spawn(async move {
        while let Some(event) = events.next().await {
            let Some(book) = weak.upgrade() else { return };
            match event {
                Ok(event) => note(&book, &event),
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    });
    look(engine, label, book);
}

fn look(engine: &Engine, label: String, book: &Book) {
    let containers = engine.wait(engine.containers(&[label])).unwrap_or_default();
    let mut book = lock(book);
    for container in containers {
        let all = container.labels.unwrap_or_default();
        let (Some(part), Some(node)) = (all.get(labels::PART), all.get(labels::NODE)) else {
            continue;
        };
        let seen = book.entry(NodeName::new(node)).or_default();
        match (part.as_str(), container.state) {
            ("node", Some(ContainerSummaryStateEnum::PAUSED)) => seen.paused = true,
            ("node", Some(ContainerSummaryStateEnum::EXITED)) => {
                seen.ended = container.status.as_deref().and_then(exit_code);
            }
            ("keeper", Some(ContainerSummaryStateEnum::EXITED | ContainerSummaryStateEnum::DEAD)) => {
                seen.lost = true;
            }
            _ => {}
        }
    }
}

/// The number in `Exited (137) 2 seconds ago`.
fn exit_code(status: &str) -> Option<i64> {
    let (_, rest) = status.split_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

fn note(book: &Book, event: &EventMessage) {
    let Some(actor) = event.actor.as_ref().and_then(|actor| actor.attributes.as_ref()) else {
        return;
    };
    let (Some(part), Some(node)) = (actor.get(labels::PART), actor.get(labels::NODE)) else {
        return;
    };
    let mut book = lock(book);
    let seen = book.entry(NodeName::new(node)).or_default();
    match (part.as_str(), event.action.as_deref()) {
        ("node", Some("pause")) => seen.paused = true,
        ("node", Some("unpause")) => seen.paused = false,
        ("node", Some("die")) => {
            seen.paused = false;
            seen.ended = actor.get("exitCode").and_then(|code| code.parse().ok());
        }
        ("keeper", Some("die")) => seen.lost = true,
        _ => {}
    }
}
