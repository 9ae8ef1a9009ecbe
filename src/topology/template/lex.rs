//! Text → tokens, by the rules of Go's text/template: space separates arguments, and trim markers need a space of their own.

use std::ops::Range;

use super::tree::{Mistake, Spot};

/// Space as Go's templates see it.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) at: Spot,
    pub(super) kind: Kind,
    /// As written.
    pub(super) text: &'a str,
}

/// Kinds of token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text(Range<usize>),
    Open,
    Close,
    Space,
    Word,
    /// `.name`.
    Field,
    /// `$` or `$name`.
    Variable,
    Dot,
    Number,
    Quoted,
    Raw,
    Character,
    LeftParen,
    RightParen,
    Bar,
    Comma,
    /// `:=`.
    Declare,
    /// `=`.
    Assign,
    End,
}

/// Splits a file into tokens. The last one is [`Kind::End`].
pub(super) fn lex(file: usize, text: &str) -> Result<Vec<Token<'_>>, Mistake> {
    let mut lexer = Lexer {
        file,
        text,
        at: 0,
        opened: 0,
        parens: 0,
        tokens: Vec::new(),
    };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    file: usize,
    text: &'a str,
    at: usize,
    opened: usize,
    parens: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), Mistake> {
        while let Some(found) = self.rest().find("{{") {
            let start = self.at;
            let open = start + found;
            let after = &self.text[open + 2..];
            let trims = after.starts_with('-') && after[1..].starts_with(SPACE);
            let mut plain = &self.text[start..open];
            if trims {
                plain = plain.trim_end_matches(SPACE);
            }
            self.plain(start..start + plain.len());
            self.opened = open;
            self.at = open + 2 + if trims { 2 } else { 0 };
            if self.rest().starts_with("/*") {
                self.comment()?;
            } else {
                self.push(open, Kind::Open);
                self.action()?;
            }
        }
        self.plain(self.at..self.text.len());
        self.at = self.text.len();
        self.push(self.at, Kind::End);
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn plain(&mut self, bytes: Range<usize>) {
        if !bytes.is_empty() {
            let end = bytes.end;
            self.tokens.push(Token {
                at: Spot {
                    file: self.file,
                    offset: bytes.start,
                },
                text: &self.text[bytes.start..end],
                kind: Kind::Text(bytes),
            });
        }
    }

    fn push(&mut self, from: usize, kind: Kind) {
        self.tokens.push(Token {
            at: Spot {
                file: self.file,
                offset: from,
            },
            kind,
            text: &self.text[from..self.at],
        });
    }

    fn mistake(&self, offset: usize, message: impl Into<String>) -> Mistake {
        let file = self.file;
        Mistake::new(Spot { file, offset }, message)
    }

    fn comment(&mut self) -> Result<(), Mistake> {
        let Some(end) = self.rest()[2..].find("*/") else {
            return Err(self.mistake(self.opened, "the comment never ends (expected `*/}}`)"));
        };
        self.at += 2 + end + 2;
        if !self.close()? {
            let message = "a comment must fill its braces (expected `}}` or ` -}}` right after `*/`)";
            return Err(self.mistake(self.at, message));
        }
        Ok(())
    }

    /// Takes `}}` or ` -}}`, if one stands here; the latter with the space after it.
    fn close(&mut self) -> Result<bool, Mistake> {
        let rest = self.rest();
        let trims = rest.starts_with(SPACE) && rest[1..].starts_with("-}}");
        if !trims && !rest.starts_with("}}") {
            return Ok(false);
        }
        if self.parens > 0 {
            return Err(self.mistake(self.at, "`(` without its `)`"));
        }
        self.at += if trims { 4 } else { 2 };
        if trims {
            let kept = self.rest().trim_start_matches(SPACE);
            self.at = self.text.len() - kept.len();
        }
        Ok(true)
    }

    fn action(&mut self) -> Result<(), Mistake> {
        self.parens = 0;
        loop {
            let from = self.at;
            if self.close()? {
                let after = self.at;
                self.at = from;
                self.push(from, Kind::Close);
                self.at = after;
                return Ok(());
            }
            let Some(first) = self.rest().chars().next() else {
                let message = "`{{` without its `}}`";
                return Err(self
                    .mistake(self.opened, message)
                    .hint("every `{{` begins a template action, also in comments; for a literal one write {{ \"{{\" }}"));
            };
            let kind = self.token(from, first)?;
            self.push(from, kind);
        }
    }

    fn token(&mut self, from: usize, first: char) -> Result<Kind, Mistake> {
        self.at += first.len_utf8();
        let next = self.rest().chars().next();
        Ok(match first {
            ' ' | '\t' | '\r' | '\n' => {
                while self.rest().starts_with(SPACE) && !self.rest()[1..].starts_with("-}}") {
                    self.at += 1;
                }
                Kind::Space
            }
            '=' => Kind::Assign,
            ':' if next == Some('=') => {
                self.at += 1;
                Kind::Declare
            }
            ':' => return Err(self.mistake(from, "expected `:=`")),
            '|' => Kind::Bar,
            ',' => Kind::Comma,
            '(' => {
                self.parens += 1;
                Kind::LeftParen
            }
            ')' if self.parens == 0 => return Err(self.mistake(from, "`)` without its `(`")),
            ')' => {
                self.parens -= 1;
                Kind::RightParen
            }
            '"' => self.quoted(from, '"', Kind::Quoted)?,
            '\'' => self.quoted(from, '\'', Kind::Character)?,
            '`' => {
                let Some(end) = self.rest().find('`') else {
                    return Err(self.mistake(from, "the raw text never ends (expected a second backquote)"));
                };
                self.at += end + 1;
                Kind::Raw
            }
            '.' if !next.is_some_and(|c| c.is_ascii_digit()) => self.name(Kind::Dot, Kind::Field)?,
            '$' => self.name(Kind::Variable, Kind::Variable)?,
            '.' | '+' | '-' | '0'..='9' => self.number(from)?,
            c if is_name(c) => self.name(Kind::Word, Kind::Word)?,
            c => {
                let message = format!("`{}` has no meaning in a template", c.escape_debug());
                return Err(self.mistake(from, message));
            }
        })
    }

    fn quoted(&mut self, from: usize, quote: char, kind: Kind) -> Result<Kind, Mistake> {
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices() {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => {
                    self.at += offset + 1;
                    return Ok(kind);
                }
                _ => {}
            }
        }
        let message = format!("the text never ends (expected a second {quote} on the same line)");
        Err(self.mistake(from, message))
    }

    /// Takes a name; `alone` when there is none, as in `.` and `$`.
    fn name(&mut self, alone: Kind, named: Kind) -> Result<Kind, Mistake> {
        let rest = self.rest();
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        self.at += length;
        match self.rest().chars().next() {
            Some(c) if !SPACE.contains(&c) && !".,|:)(".contains(c) && !self.rest().starts_with("}}") => {
                let message = format!("`{}` cannot follow a name", c.escape_debug());
                let mistake = self.mistake(self.at, message);
                let dash = "a name has letters, digits and `_`; for other keys write index . \"the-key\"";
                Err(match c {
                    '-' => mistake.hint(dash),
                    '=' => mistake.hint("put a space before `=`"),
                    _ => mistake,
                })
            }
            _ => Ok(if length == 0 { alone } else { named }),
        }
    }

    fn number(&mut self, from: usize) -> Result<Kind, Mistake> {
        let bytes = self.text.as_bytes();
        let digit = |at: usize| {
            bytes
                .get(at)
                .is_some_and(|b| b.is_ascii_alphanumeric() || b"_.".contains(b))
        };
        let hex = self.text[from..]
            .trim_start_matches(['+', '-'])
            .starts_with(['0'])
            && self.text[from..].trim_start_matches(['+', '-'])[1..].starts_with(['x', 'X']);
        while digit(self.at)
            || (b"+-".contains(bytes.get(self.at).unwrap_or(&0)) && exponent(bytes[self.at - 1], hex))
        {
            self.at += 1;
        }
        if self.rest().chars().next().is_some_and(is_name) {
            return Err(self.mistake(from, "this is not a number"));
        }
        Ok(Kind::Number)
    }
}

fn exponent(before: u8, hex: bool) -> bool {
    if hex {
        matches!(before, b'p' | b'P')
    } else {
        matches!(before, b'e' | b'E')
    }
}

pub(super) fn is_name(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_ascii_digit()
}
