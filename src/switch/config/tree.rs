//! Statements as a tree of words, for looking values up.

use indexmap::IndexMap;

use super::statement::Statement;
use crate::base::Position;

/// A word and what stands below it, in the order of the statements.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Where the word was written first.
    pub(super) position: Position,
    /// What follows it.
    pub(super) children: IndexMap<String, Self>,
}

impl Tree {
    pub(super) fn grow(statements: &[Statement]) -> Self {
        let mut root = Self::default();
        for statement in statements {
            let mut at = &mut root;
            for word in &statement.words {
                at = at.children.entry(word.text.clone()).or_insert_with(|| Self {
                    position: word.position,
                    children: IndexMap::new(),
                });
            }
        }
        root
    }

    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, word| tree.children.get(*word))
    }

    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.at(path).is_some()
    }

    /// The words that follow a path, e.g. all VLAN names after `vlans`.
    pub(super) fn below(&self, path: &[&str]) -> impl Iterator<Item = (&str, &Self)> {
        self.at(path)
            .into_iter()
            .flat_map(|tree| tree.children.iter().map(|(word, tree)| (word.as_str(), tree)))
    }

    /// The value after a path, e.g. the number after `vlan-id`.
    pub(super) fn value(&self, path: &[&str]) -> Option<&str> {
        self.below(path).next().map(|(word, _)| word)
    }

    /// Where a path was written, or the part of it that exists.
    pub(super) fn place(&self, path: &[&str]) -> Position {
        let mut tree = self;
        for word in path {
            match tree.children.get(*word) {
                Some(child) => tree = child,
                None => break,
            }
        }
        if tree.position == Position::default() {
            return Position { line: 1, column: 1 };
        }
        tree.position
    }
}
