//! Environment variables in a topology's text, expanded before YAML is read.
//!
//! The rules are containerlab's, oddities included: a variable that is unset *or empty* and has no default stays in the text
//! as `$name` (braces lost), `+` and `:+` both ask only whether it is set, and comments are expanded too.

use std::collections::BTreeMap;

use crate::base::Position;

/// Nested defaults deeper than this are a mistake, not a configuration.
const DEEPEST: usize = 16;

/// A place where expansion is impossible.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadExpansion {
    pub(super) position: Position,
    pub(super) message: String,
}

/// Expands `$v`, `${v}`, `${v-d}`, `${v:-d}`, `${v=d}`, `${v:=d}`, `${v+o}`, `${v:+o}` and `$$`.
pub(super) fn expand(text: &str, variables: &BTreeMap<String, String>) -> Result<String, BadExpansion> {
    Expander { text, variables }.run(0, text.len(), 0)
}

struct Expander<'a> {
    text: &'a str,
    variables: &'a BTreeMap<String, String>,
}

impl Expander<'_> {
    /// Expands the bytes `from..to`, which lie on character boundaries.
    fn run(&self, from: usize, to: usize, depth: usize) -> Result<String, BadExpansion> {
        let mut out = String::with_capacity(to - from);
        let mut at = from;
        while let Some(offset) = self.text[at..to].find('$') {
            let dollar = at + offset;
            out.push_str(&self.text[at..dollar]);
            let rest = &self.text[dollar + 1..to];
            let mut ahead = rest.chars();
            match (ahead.next(), ahead.next()) {
                (Some('$'), _) => {
                    out.push('$');
                    at = dollar + 2;
                }
                (Some('{'), second) if !second.is_some_and(char::is_numeric) => {
                    let (value, next) = self.braces(dollar, to, depth)?;
                    out.push_str(&value);
                    at = next;
                }
                (Some(first), _) if is_name(first) && !first.is_numeric() => {
                    let name = name_at(rest);
                    out.push_str(&self.value_or_name(name));
                    at = dollar + 1 + name.len();
                }
                _ => {
                    out.push('$');
                    at = dollar + 1;
                }
            }
        }
        out.push_str(&self.text[at..to]);
        Ok(out)
    }

    /// Expands `${…}` whose dollar sign stands at `dollar`; returns its value and where the text goes on.
    fn braces(&self, dollar: usize, to: usize, depth: usize) -> Result<(String, usize), BadExpansion> {
        let inside = dollar + 2;
        let Some(close) = self.closing_brace(inside, to) else {
            return Err(self.bad(dollar, "`${` without its `}` on the same line"));
        };
        if depth >= DEEPEST {
            return Err(self.bad(dollar, "defaults nested too deeply"));
        }
        let body = &self.text[inside..close];
        let name = name_at(body);
        if name.is_empty() {
            return Err(self.bad(dollar, "`${` without a variable name"));
        }
        let operation = &body[name.len()..];
        let value = self.variables.get(name);
        let mark = operation.trim_start_matches(':').chars().next();
        let colon = operation.starts_with(':');
        let word_at = inside + name.len() + usize::from(colon) + 1;
        let fallback = || self.run(word_at, close, depth + 1);
        let expanded = match mark {
            None if operation.is_empty() => self.value_or_name(name),
            Some('-' | '=') => match value {
                None => fallback()?,
                Some(text) if text.is_empty() && colon => fallback()?,
                Some(_) => self.value_or_name(name),
            },
            Some('+') if value.is_some() => fallback()?,
            Some('+') => String::new(),
            _ => {
                let message = format!("`${{{body}}}` uses an operator other than - :- = := + :+");
                return Err(self.bad(dollar, &message));
            }
        };
        Ok((expanded, close + 1))
    }

    /// Finds the brace that closes the one before `from`, skipping nested pairs; none beyond the end of the line.
    fn closing_brace(&self, from: usize, to: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut open = 0_usize;
        let mut at = from;
        while at < to {
            match bytes[at] {
                b'\n' => return None,
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    open += 1;
                    at += 1;
                }
                b'}' if open == 0 => return Some(at),
                b'}' => open -= 1,
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn value_or_name(&self, name: &str) -> String {
        match self.variables.get(name) {
            Some(value) if !value.is_empty() => value.clone(),
            _ => format!("${name}"),
        }
    }

    fn bad(&self, offset: usize, message: &str) -> BadExpansion {
        BadExpansion {
            position: position_of(self.text, offset),
            message: message.to_owned(),
        }
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
    c == '_' || c.is_alphanumeric()
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let variables = [("SET", "value"), ("EMPTY", ""), ("ünï", "unicode")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        expand(text, &variables).unwrap()
    }

    #[test]
    fn variables_expand_as_containerlab_expands_them() {
        for (text, expected) in [
            ("a $SET b", "a value b"),
            ("${SET}", "value"),
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
            ("$$SET $$ $", "$SET $ $"),
            ("$1 ${1} ${1", "$1 ${1} ${1"),
            ("${UNSET:=\"\"}", "\"\""),
            ("${UNSET:-$SET} ${UNSET:-${SET}x}", "value valuex"),
            ("${UNSET:-}", ""),
            ("price: 5$ \"$\"", "price: 5$ \"$\""),
            ("# ${SET}", "# value"),
        ] {
            assert_eq!(expanded(text), expected, "{text}");
        }
    }

    #[test]
    fn an_open_brace_is_refused_with_its_place() {
        let problem = expand("name: x\n  ä ${HOME\n}", &BTreeMap::new()).unwrap_err();
        assert_eq!(problem.position, Position { line: 2, column: 5 });
        assert!(expand("${}", &BTreeMap::new()).is_err());
        assert!(expand("${A?b}", &BTreeMap::new()).is_err());
    }
}
