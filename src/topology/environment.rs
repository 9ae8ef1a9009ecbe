//! Environment variables in a topology's text, expanded after the template and before YAML is read.
//!
//! The rules are containerlab's, oddities included: a variable that is unset *or empty* and has no default stays in the text
//! as `$name` (braces lost), `+` and `:+` both ask only whether it is set, an operator without a word counts as none, defaults
//! may be one `$OTHER` but no `${OTHER}`, and comments are expanded too.

use std::collections::{BTreeMap, VecDeque};

use crate::base::Position;

use super::template::{LONGEST, Piece, Spot};

/// A place where expansion is impossible.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadExpansion {
    /// Bytes of the text before it.
    pub(super) offset: usize,
    pub(super) message: String,
}

/// Expands `$v`, `${v}`, `${v-d}`, `${v:-d}`, `${v=d}`, `${v:=d}`, `${v+o}`, `${v:+o}` and `$$`.
///
/// Returns the text, and where each piece of it comes from.
pub(super) fn expand(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<(String, Vec<Piece>), BadExpansion> {
    let mut expander = Expander {
        tokens: Tokens::new(text),
        variables,
        out: String::with_capacity(text.len()),
        pieces: Vec::new(),
    };
    expander.run()?;
    Ok((expander.out, expander.pieces))
}

/// What replaces a variable that gives no value of its own.
enum Word<'a> {
    Text(String),
    Variable(&'a str),
}

struct Expander<'a> {
    tokens: Tokens<'a>,
    variables: &'a BTreeMap<String, String>,
    out: String,
    pieces: Vec<Piece>,
}

impl<'a> Expander<'a> {
    fn run(&mut self) -> Result<(), BadExpansion> {
        loop {
            let token = self.tokens.next()?;
            match token.kind {
                Kind::End => return Ok(()),
                Kind::Variable => {
                    let value = self.value(token.text.strip_prefix('$').unwrap_or(token.text));
                    self.push(&value, token.at, false)?;
                }
                Kind::Open if self.tokens.peek()?.kind == Kind::Variable => {
                    let value = self.braces(token.at)?;
                    self.push(&value, token.at, false)?;
                }
                _ => self.push(token.text, token.at, true)?,
            }
        }
    }

    fn push(&mut self, text: &str, from: usize, verbatim: bool) -> Result<(), BadExpansion> {
        if self.out.len() + text.len() > LONGEST {
            return Err(BadExpansion {
                offset: from,
                message: format!(
                    "with variables filled in the text is longer than {} MiB",
                    LONGEST >> 20
                ),
            });
        }
        let at = self.out.len();
        let goes_on = self
            .pieces
            .last()
            .is_some_and(|last| verbatim && last.verbatim && last.from.offset + (at - last.at) == from);
        if !goes_on && !text.is_empty() {
            let from = Spot {
                file: 0,
                offset: from,
            };
            self.pieces.push(Piece {
                at,
                from,
                outer: from.offset,
                verbatim,
            });
        }
        self.out.push_str(text);
        Ok(())
    }

    /// Expands `${…}`, of which `${` has been taken.
    fn braces(&mut self, opened: usize) -> Result<String, BadExpansion> {
        let name = self.tokens.next()?.text;
        let mut operator = None;
        let mut word = None;
        loop {
            let token = self.tokens.next()?;
            match token.kind {
                Kind::Close => break,
                Kind::End => return Err(self.tokens.unclosed(opened)),
                Kind::Variable => {
                    word = Some(Word::Variable(token.text.strip_prefix('$').unwrap_or(token.text)));
                }
                Kind::Text => {
                    let mut text = token.text.to_owned();
                    while !matches!(self.tokens.peek()?.kind, Kind::Close | Kind::End) {
                        text.push_str(self.tokens.next()?.text);
                    }
                    word = Some(Word::Text(text));
                }
                Kind::Operator | Kind::Open => operator = Some(token.text),
            }
        }
        let own = self.variables.get(name);
        let (Some(operator), Some(word)) = (operator, word) else {
            return Ok(self.value(name));
        };
        let filled = |word: Word<'a>| match word {
            Word::Text(text) => text,
            Word::Variable(name) => self.value(name),
        };
        Ok(match (operator, own) {
            ("+" | ":+", None) => String::new(),
            ("+" | ":+", Some(_)) | (_, None) => filled(word),
            (":-" | ":=", Some(own)) if own.is_empty() || *own == format!("${name}") => filled(word),
            _ => self.value(name),
        })
    }

    fn value(&self, name: &str) -> String {
        match self.variables.get(name) {
            Some(value) if !value.is_empty() => value.clone(),
            _ => format!("${name}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Variable,
    /// `${`.
    Open,
    Close,
    Operator,
    End,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    at: usize,
    text: &'a str,
}

#[derive(Clone, Copy)]
enum State {
    Plain,
    Braces,
    Name,
    Done,
}

/// The reader of `$` and braces. What it does after `${_}` is not sensible, but it is what containerlab does.
struct Tokens<'a> {
    text: &'a str,
    state: State,
    at: usize,
    start: usize,
    /// Start of the token made last.
    last: usize,
    depth: usize,
    opened: usize,
    made: VecDeque<Token<'a>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            state: State::Plain,
            at: 0,
            start: 0,
            last: 0,
            depth: 0,
            opened: 0,
            made: VecDeque::new(),
        }
    }

    fn next(&mut self) -> Result<Token<'a>, BadExpansion> {
        let token = self.peek()?;
        self.made.pop_front();
        Ok(token)
    }

    fn peek(&mut self) -> Result<Token<'a>, BadExpansion> {
        loop {
            if let Some(token) = self.made.front() {
                return Ok(*token);
            }
            self.state = match self.state {
                State::Plain => self.plain(),
                State::Braces => self.inside()?,
                State::Name => self.name(),
                State::Done => {
                    self.emit(Kind::End);
                    State::Done
                }
            };
        }
    }

    fn emit(&mut self, kind: Kind) {
        self.made.push_back(Token {
            kind,
            at: self.start,
            text: &self.text[self.start..self.at],
        });
        self.last = self.start;
        self.start = self.at;
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn unclosed(&self, opened: usize) -> BadExpansion {
        BadExpansion {
            offset: opened.min(self.text.len()),
            message: "`${` without its `}` on the same line".to_owned(),
        }
    }

    fn plain(&mut self) -> State {
        loop {
            let Some(found) = self.rest().find('$') else {
                self.at = self.text.len();
                if self.at > self.start {
                    self.emit(Kind::Text);
                }
                return State::Done;
            };
            self.at += found;
            if self.at > self.start {
                self.emit(Kind::Text);
            }
            self.at += 1;
            let mut ahead = self.rest().chars();
            match (ahead.next(), ahead.next()) {
                (Some(digit), _) if digit.is_ascii_digit() => self.at += 1,
                (Some('$'), _) => {
                    self.start = self.at;
                    self.at += 1;
                }
                (Some('{'), Some(digit)) if digit.is_ascii_digit() => self.at += 2,
                (Some('{'), _) => {
                    self.opened = self.start;
                    self.at += 1;
                    self.depth += 1;
                    self.emit(Kind::Open);
                    return State::Braces;
                }
                (Some(c), _) if is_name(c) => return State::Name,
                _ => continue,
            }
            self.emit(Kind::Text);
            return State::Plain;
        }
    }

    fn name(&mut self) -> State {
        let rest = self.rest();
        self.at += rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if matches!(&self.text[self.start..self.at], "_" | "$_") {
            return State::Plain;
        }
        self.emit(Kind::Variable);
        if self.depth > 0 {
            State::Braces
        } else {
            State::Plain
        }
    }

    fn inside(&mut self) -> Result<State, BadExpansion> {
        let Some(first) = self.rest().chars().next() else {
            return Err(self.unclosed(self.opened));
        };
        self.at += first.len_utf8();
        match first {
            '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.emit(Kind::Close);
                return Ok(State::Plain);
            }
            '\r' | '\n' => return Err(self.unclosed(self.opened)),
            '$' => return Ok(State::Name),
            c if is_name(c) && self.text[self.last..].starts_with("${") => return Ok(State::Name),
            '+' | '-' | '=' => self.emit(Kind::Operator),
            ':' => {
                let second = self.rest().chars().next();
                self.at += second.map_or(0, char::len_utf8);
                self.emit(match second {
                    Some('+' | '-' | '=') => Kind::Operator,
                    _ => Kind::Text,
                });
            }
            _ => self.emit(Kind::Text),
        }
        Ok(State::Braces)
    }
}

/// Returns line and column of a byte offset.
pub(super) fn position_of(text: &str, offset: usize) -> Position {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let variables = [("SET", "value"), ("EMPTY", ""), ("ünï", "unicode")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        expand(text, &variables).unwrap().0
    }

    #[test]
    fn variables_expand_as_containerlab_expands_them() {
        for (text, expected) in [
            ("a $SET b", "a value b"),
            ("$SET$SET", "valuevalue"),
            ("${SET}x", "valuex"),
            ("${ünï}", "unicode"),
            ("$UNSET ${UNSET}", "$UNSET $UNSET"),
            ("${EMPTY}", "$EMPTY"),
            ("${UNSET-d} ${UNSET:-d} ${UNSET=d} ${UNSET:=d}", "d d d d"),
            (
                "${EMPTY-d} ${EMPTY:-d} ${EMPTY=d} ${EMPTY:=d}",
                "$EMPTY d $EMPTY d",
            ),
            ("${SET:-d}", "value"),
            ("${SET+o} ${SET:+o} ${EMPTY:+o}", "o o o"),
            ("[${UNSET+o}]", "[]"),
            ("${UNSET:=\"\"}", "\"\""),
            ("${UNSET:-http://x:80/a-b_c}", "http://x:80/a-b_c"),
            ("price: 5$ \"$\"", "price: 5$ \"$\""),
            ("# ${SET}", "# value"),
        ] {
            assert_eq!(expanded(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_odd_in_containerlab_is_odd_here() {
        for (text, expected) in [
            ("$$SET $$ $", "$SET $ $"),
            ("$${SET} $$$SET", "${SET} $value"),
            ("$1 ${1} ${1 $1SET", "$1 ${1} ${1 $1SET"),
            ("$_ bar", "$_ bar"),
            ("${_} bar", "${_} bar"),
            // An operator without a word is none.
            ("${UNSET:-} ${SET+}", "$UNSET value"),
            // A default is text or one variable; braces do not nest.
            ("${UNSET:-$SET} ${UNSET-$EMPTY}", "value $EMPTY"),
            ("${UNSET:-a$SET}", "a$SET"),
            ("${UNSET:-${SET}} ${SET:-${X}}", "{SET} value}"),
            ("${UNSET:--d}", "d"),
            ("${} ${-x} ${ SET}", "${} ${-x} ${ SET}"),
            ("${SET?d}", "value"),
        ] {
            assert_eq!(expanded(text), expected, "{text}");
        }
    }

    #[test]
    fn an_open_brace_is_refused_with_its_place() {
        for (text, offset) in [
            ("name: x\n  ä ${HOME\n}", 13),
            ("${A:-$_}", 0),
            ("${A:}", 0),
            ("${", 0),
        ] {
            let problem = expand(text, &BTreeMap::new()).unwrap_err();
            assert_eq!(problem.offset, offset, "{text}");
        }
        assert_eq!(
            position_of("name: x\n  ä ${HOME", 13),
            Position { line: 2, column: 5 }
        );
    }
}
