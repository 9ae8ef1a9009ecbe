//! The statement table: every statement there is, and matching of what was written against it.
//!
//! A pattern is a line of keywords and `<kinds>`; a trailing `*` says that several may stand side by side, otherwise a
//! new value replaces the old one. Suggestions need no list of their own: what could stand at a place follows from the
//! patterns that match up to there.

use std::sync::LazyLock;

use super::kinds::Kind;
use super::statement::Statement;
use crate::base::{Diagnostics, suggest};

/// Names and order follow Junos; what it does not have stands below `faultlab`.
const TABLE: &str = "
system host-name <host-name>
vlans <vlan> description <text>
vlans <vlan> vlan-id <vlan-id>
vlans <vlan> l3-interface <irb.unit>
vlans <vlan> mcae-mac-synchronize
interfaces <port> description <text>
interfaces <port> disable
interfaces <port> ether-options 802.3ad <aggregate>
interfaces <port> unit <0> family ethernet-switching interface-mode <trunk|access>
interfaces <port> unit <0> family ethernet-switching vlan members <vlan>*
interfaces <aggregate> description <text>
interfaces <aggregate> disable
interfaces <aggregate> aggregated-ether-options lacp active
interfaces <aggregate> aggregated-ether-options lacp periodic <fast|slow>
interfaces <aggregate> aggregated-ether-options lacp system-id <mac>
interfaces <aggregate> aggregated-ether-options lacp admin-key <number>
interfaces <aggregate> aggregated-ether-options mc-ae mc-ae-id <number>
interfaces <aggregate> aggregated-ether-options mc-ae chassis-id <0|1>
interfaces <aggregate> aggregated-ether-options mc-ae mode <active-active>
interfaces <aggregate> aggregated-ether-options mc-ae status-control <active|standby>
interfaces <aggregate> aggregated-ether-options mc-ae init-delay-time <seconds>
interfaces <aggregate> unit <0> family ethernet-switching interface-mode <trunk|access>
interfaces <aggregate> unit <0> family ethernet-switching vlan members <vlan>*
interfaces irb unit <unit> family inet address <ipv4/length>*
interfaces irb unit <unit> family inet6 address <ipv6/length>*
protocols iccp local-ip-addr <ipv4>
protocols iccp peer <ipv4> session-establishment-hold-time <seconds>
protocols iccp peer <ipv4> liveness-detection minimum-interval <milliseconds>
protocols iccp peer <ipv4> liveness-detection multiplier <multiplier>
protocols iccp peer <ipv4> backup-liveness-detection backup-peer-ip <ipv4>
multi-chassis multi-chassis-protection <ipv4> interface <interface>
switch-options mac-table-aging-time <seconds>
faultlab frr <text>*
faultlab defect mcae-mac-synchronize-abort recovers-after <aborts>
";

/// Returns all statements there are, one pattern each, for documentation.
pub fn statements() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.is_empty())
}

/// A statement of the table.
#[derive(Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// Whether several values may stand side by side.
    pub(super) many: bool,
    /// Whether the same line may stand there twice: FRR's lines are a script, not a set.
    pub(super) repeats: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Word(&'static str),
    Value(Kind),
}

impl Part {
    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Value(kind) => kind.accepts(text),
        }
    }
}

impl Pattern {
    fn compile(line: &'static str) -> Self {
        let many = line.ends_with('*');
        let parts = line.trim_end_matches('*').split(' ').map(|part| {
            match part.strip_prefix('<').and_then(|part| part.strip_suffix('>')) {
                Some(kind) => Part::Value(Kind::named(kind).expect("the table names only kinds there are")),
                None => Part::Word(part),
            }
        });
        Self {
            parts: parts.collect(),
            many,
            repeats: line.starts_with("faultlab frr "),
        }
    }

    /// Whether its last word is a value that a new one replaces.
    pub(super) fn replaces(&self) -> bool {
        !self.many && matches!(self.parts.last(), Some(Part::Value(_)))
    }
}

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| statements().map(Pattern::compile).collect());

/// Finds the pattern of a whole statement, or reports why there is none.
pub(super) fn match_whole(statement: &Statement, diagnostics: &mut Diagnostics) -> Option<&'static Pattern> {
    let alive = walk(statement, diagnostics)?;
    let length = statement.words.len();
    let whole = alive.iter().find(|pattern| pattern.parts.len() == length);
    if whole.is_none() {
        let last = statement.words.last()?;
        let message = format!("`{statement}` is not complete");
        let hint = format!("expected next: {}", expected(&alive, length));
        diagnostics.push(last.position, message, Some(hint));
    }
    whole.copied()
}

/// Reports whether a statement is the beginning of anything that could exist.
pub(super) fn match_prefix(statement: &Statement, diagnostics: &mut Diagnostics) -> bool {
    walk(statement, diagnostics).is_some()
}

fn walk(statement: &Statement, diagnostics: &mut Diagnostics) -> Option<Vec<&'static Pattern>> {
    let mut alive: Vec<&'static Pattern> = PATTERNS.iter().collect();
    for (index, word) in statement.words.iter().enumerate() {
        let next: Vec<_> = alive
            .iter()
            .copied()
            .filter(|pattern| {
                pattern
                    .parts
                    .get(index)
                    .is_some_and(|part| part.accepts(&word.text))
            })
            .collect();
        if next.is_empty() {
            report(statement, index, &alive, diagnostics);
            return None;
        }
        alive = next;
    }
    Some(alive)
}

fn report(statement: &Statement, index: usize, alive: &[&Pattern], diagnostics: &mut Diagnostics) {
    let word = &statement.words[index];
    let before = Statement {
        words: statement.words[..index].to_vec(),
    };
    let parts = parts_at(alive, index);
    let words: Vec<&str> = parts
        .iter()
        .flat_map(|part| match part {
            Part::Word(word) => std::slice::from_ref(word),
            Part::Value(kind) => kind.choices(),
        })
        .copied()
        .collect();
    let hint = match suggest::did_you_mean(&word.text, words.iter().copied()) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None if parts.is_empty() => "write what follows as a `set` line of its own".to_owned(),
        None => format!("expected: {}", expected(alive, index)),
    };
    let message = match parts.as_slice() {
        [] => format!("nothing may follow `{before}`, found `{}`", word.text),
        [Part::Value(kind)] => {
            format!(
                "`{}` after `{before}`: expected {}",
                word.text,
                kind.expectation()
            )
        }
        _ if index == 0 => format!("unknown statement `{}`", word.text),
        _ => format!("unknown `{}` after `{before}`", word.text),
    };
    let redundant = matches!(parts.as_slice(), [Part::Value(_)]) && hint.starts_with("expected: ");
    diagnostics.push(word.position, message, (!redundant).then_some(hint));
}

fn parts_at(alive: &[&Pattern], index: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    for part in alive.iter().filter_map(|pattern| pattern.parts.get(index)) {
        if !parts.contains(part) {
            parts.push(*part);
        }
    }
    parts
}

fn expected(alive: &[&Pattern], index: usize) -> String {
    let parts = parts_at(alive, index);
    let texts: Vec<_> = parts
        .iter()
        .map(|part| match part {
            Part::Word(word) => (*word).to_owned(),
            Part::Value(kind) => kind.expectation().to_owned(),
        })
        .collect();
    texts.join(", ")
}
