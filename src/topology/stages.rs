//! Stages: what nodes wait for must exist, and must not go in a circle.

use indexmap::IndexMap;

use crate::base::suggest::did_you_mean;
use crate::base::{Position, document};

use super::definition::{Levels, Text, scalar};
use super::link_parts::some_of;
use super::shape::Problems;

/// Who waits for whom, by node: containerlab refuses circles of nodes even where their stages would fit.
#[derive(Default)]
pub(super) struct Waits {
    of: IndexMap<String, Vec<Text>>,
}

impl Waits {
    /// Adds what a node waits for on all its levels.
    pub(super) fn add(&mut self, node: &str, levels: &Levels<'_>, problems: &mut Problems) {
        let waits = self.of.entry(node.to_owned()).or_default();
        for stages in levels.nodes("stages") {
            for (_, stage) in stages.as_mapping().unwrap_or_default() {
                let list = stage.get("wait-for").and_then(document::Node::as_sequence);
                for wait in list.unwrap_or_default() {
                    for key in ["node", "stage"] {
                        if wait.as_mapping().is_some() && wait.get(key).and_then(scalar).is_none() {
                            let message = format!("an item of `wait-for` has no `{key}`");
                            problems.add(wait.position, message, None);
                        }
                    }
                    waits.extend(wait.get("node").and_then(scalar));
                }
            }
        }
    }

    /// Checks that all nodes waited for exist, and that they do not wait for each other. A node that a filter left out is
    /// not waited for.
    pub(super) fn check(mut self, left_out: &dyn Fn(&str) -> bool, problems: &mut Problems) {
        for wait in self.of.values().flatten() {
            if !self.of.contains_key(&wait.value) && !left_out(&wait.value) {
                let message = format!("`wait-for` names node `{}`, which is not defined", wait.value);
                let names = || self.of.keys().map(String::as_str);
                let hint = match did_you_mean(&wait.value, names()) {
                    Some(guess) => format!("did you mean `{guess}`?"),
                    None => format!("defined nodes: {}", some_of(names())),
                };
                problems.add(wait.at, message, hint);
            }
        }
        let known: std::collections::HashSet<_> = self.of.keys().cloned().collect();
        for waits in self.of.values_mut() {
            waits.retain(|wait| known.contains(&wait.value));
        }
        if let Some((circle, at)) = self.circle() {
            let message = format!("nodes wait for each other: {}", circle.join(" → "));
            problems.add(at, message, "take one of these waits out".to_owned());
        }
    }

    /// Finds a circle: takes away nodes that wait for nobody left until none can be taken, then follows the waits.
    fn circle(&self) -> Option<(Vec<String>, Position)> {
        let mut waiting: IndexMap<&str, usize> = IndexMap::new();
        let mut waited: IndexMap<&str, Vec<&str>> = IndexMap::new();
        for (node, waits) in &self.of {
            waiting.insert(node, waits.len());
            for wait in waits {
                waited.entry(&wait.value).or_default().push(node);
            }
        }
        let mut free: Vec<&str> = waiting
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(node, _)| *node)
            .collect();
        while let Some(node) = free.pop() {
            for waiter in waited.get(node).into_iter().flatten() {
                let count = waiting.get_mut(waiter)?;
                *count -= 1;
                if *count == 0 {
                    free.push(waiter);
                }
            }
        }
        let stuck = |node: &str| waiting.get(node).is_some_and(|count| *count > 0);
        let mut path: Vec<&Text> = Vec::new();
        let mut here = waiting.keys().find(|node| stuck(node)).copied()?;
        loop {
            let next = self.of.get(here)?.iter().find(|wait| stuck(&wait.value))?;
            if let Some(start) = path.iter().position(|seen| seen.value == next.value) {
                let mut circle: Vec<_> = path[start..].iter().map(|wait| wait.value.clone()).collect();
                circle.push(next.value.clone());
                return Some((circle, next.at));
            }
            path.push(next);
            here = &next.value;
        }
    }
}
