//! Statements in the form with braces, as people know it from `show configuration`.

use std::fmt::Write as _;

use super::statement::{self, Statement};
use super::tree::Tree;

/// Words that name what follows them and stand on one line with it.
const CONTAINERS: [&str; 5] = ["unit", "family", "peer", "multi-chassis-protection", "defect"];

pub(super) fn render(statements: &[Statement]) -> String {
    let mut text = String::new();
    // FRR's lines are a script in which a line may come twice; a tree would merge those.
    let (script, rest): (Vec<_>, Vec<_>) = statements
        .iter()
        .cloned()
        .partition(|s| s.texts().take(2).eq(["faultlab", "frr"]));
    level(&Tree::grow(&rest), 0, &mut text);
    if !script.is_empty() {
        let _ = writeln!(text, "faultlab {{");
        for line in script.iter().filter_map(|s| s.words.get(2)) {
            let _ = writeln!(text, "    frr {};", statement::quote(&line.text));
        }
        let _ = writeln!(text, "}}");
    }
    text
}

fn level(tree: &Tree, depth: usize, text: &mut String) {
    let pad = "    ".repeat(depth);
    for (word, below) in &tree.children {
        let word = statement::quote(word);
        if CONTAINERS.contains(&word.as_str()) && below.children.values().any(|c| !c.children.is_empty()) {
            for (name, below) in &below.children {
                block(&format!("{word} {}", statement::quote(name)), below, depth, text);
            }
        } else if !below.children.is_empty() && below.children.values().all(|c| c.children.is_empty()) {
            leaves(&word, below, depth, text);
        } else if below.children.is_empty() {
            let _ = writeln!(text, "{pad}{word};");
        } else {
            block(&word, below, depth, text);
        }
    }
}

fn block(head: &str, below: &Tree, depth: usize, text: &mut String) {
    let pad = "    ".repeat(depth);
    if below.children.is_empty() {
        let _ = writeln!(text, "{pad}{head};");
        return;
    }
    let _ = writeln!(text, "{pad}{head} {{");
    level(below, depth + 1, text);
    let _ = writeln!(text, "{pad}}}");
}

/// A word with nothing but single words below: a value, a list, or a block of flags.
fn leaves(word: &str, below: &Tree, depth: usize, text: &mut String) {
    let pad = "    ".repeat(depth);
    let flags = ["disable", "active", "mcae-mac-synchronize"];
    let values: Vec<_> = below
        .children
        .keys()
        .map(|value| statement::quote(value))
        .collect();
    if values.iter().any(|value| flags.contains(&value.as_str())) && word != "status-control" {
        block(word, below, depth, text);
    } else if values.len() == 1 {
        let _ = writeln!(text, "{pad}{word} {};", values[0]);
    } else {
        let _ = writeln!(text, "{pad}{word} [ {} ];", values.join(" "));
    }
}
