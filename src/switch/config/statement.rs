//! Lines of text ↔ statements: quoting, comments and `[ … ]` lists.
//!
//! A list is only shorthand: `members [ a b ]` becomes two statements, as on the real box, so that one can be deleted alone.

use std::fmt;

use crate::base::{Diagnostics, Position};

/// One configuration statement: the words after `set`.
///
/// Two statements are the same when their words are, wherever they were written.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its words.
    pub words: Vec<Word>,
}

/// A word of a statement and where it was written.
#[derive(Clone, Debug)]
pub struct Word {
    /// Text after unquoting.
    pub text: String,
    /// Where it starts.
    pub position: Position,
}

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Add the statement, or replace the value it had.
    Set,
    /// Remove the statement and everything below it.
    Delete,
}

impl Statement {
    /// Returns the texts of its words.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.text.as_str())
    }

    /// Returns whether this statement is `prefix` or lies below it.
    #[must_use]
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.words.len() >= prefix.words.len() && self.common_prefix(prefix) == prefix.words.len()
    }

    /// Returns how many leading words are the same.
    #[must_use]
    pub fn common_prefix(&self, other: &Self) -> usize {
        self.texts()
            .zip(other.texts())
            .take_while(|(a, b)| a == b)
            .count()
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}

impl Eq for Statement {}

/// The words as they would be entered, without the verb.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.texts().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&quote(word))?;
        }
        Ok(())
    }
}

/// Quotes a word when it would not be read back as one otherwise.
#[must_use]
pub fn quote(word: &str) -> String {
    let bare = |c: char| c.is_alphanumeric() || "-_./:@+,*".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Reads all lines of a text. Lines with problems are reported and left out.
pub(super) fn read_lines(text: &str, diagnostics: &mut Diagnostics) -> Vec<(Verb, Statement)> {
    let mut list = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(words) = split(line, index + 1, diagnostics) else {
            continue;
        };
        let mut words = words.into_iter();
        let Some(first) = words.next() else { continue };
        let verb = match first.text.as_str() {
            "set" => Verb::Set,
            "delete" => Verb::Delete,
            other => {
                diagnostics.push(
                    first.position,
                    format!("`{other}` does not begin a line of configuration"),
                    Some("a line begins with `set` or `delete`, a comment with `#`".to_owned()),
                );
                continue;
            }
        };
        let words: Vec<Word> = words.collect();
        if words.is_empty() {
            let hint = "name a statement, e.g. `set system host-name ca1`".to_owned();
            diagnostics.push(first.position, format!("`{}` of nothing", first.text), Some(hint));
            continue;
        }
        list.extend(
            expand(words, diagnostics)
                .into_iter()
                .map(|statement| (verb, statement)),
        );
    }
    list
}

/// `a b [ c d ]` → `a b c`, `a b d`.
fn expand(words: Vec<Word>, diagnostics: &mut Diagnostics) -> Vec<Statement> {
    let Some(open) = words.iter().position(|word| word.text == "[") else {
        return vec![Statement { words }];
    };
    if words.last().is_none_or(|word| word.text != "]") || open + 2 >= words.len() {
        let hint = "write the list last, e.g. `members [ vlan-10 vlan-97 ]`".to_owned();
        diagnostics.push(
            words[open].position,
            "a list that is empty or does not end with `]`",
            Some(hint),
        );
        return Vec::new();
    }
    let (prefix, list) = words.split_at(open);
    list[1..list.len() - 1]
        .iter()
        .map(|word| {
            let mut words = prefix.to_vec();
            words.push(word.clone());
            Statement { words }
        })
        .collect()
}

fn split(line: &str, number: usize, diagnostics: &mut Diagnostics) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = line.chars().enumerate().peekable();
    while let Some(&(index, first)) = chars.peek() {
        let position = Position {
            line: number,
            column: index + 1,
        };
        let mut text = String::new();
        match first {
            '#' => break,
            c if c.is_whitespace() => {
                chars.next();
                continue;
            }
            '"' => {
                chars.next();
                if !read_quoted(&mut chars, &mut text) {
                    let hint = Some("end it with `\"` on the same line".to_owned());
                    diagnostics.push(position, "a quoted text that does not end", hint);
                    return None;
                }
            }
            '[' | ']' => {
                chars.next();
                text.push(first);
            }
            _ => {
                while let Some((_, c)) = chars.next_if(|(_, c)| !c.is_whitespace() && !"\"[]".contains(*c)) {
                    text.push(c);
                }
            }
        }
        words.push(Word { text, position });
    }
    Some(words)
}

/// Returns whether the closing quote was found.
fn read_quoted(chars: &mut impl Iterator<Item = (usize, char)>, text: &mut String) -> bool {
    while let Some((_, c)) = chars.next() {
        match c {
            '"' => return true,
            '\\' => match chars.next() {
                Some((_, escaped)) => text.push(escaped),
                None => return false,
            },
            other => text.push(other),
        }
    }
    false
}
