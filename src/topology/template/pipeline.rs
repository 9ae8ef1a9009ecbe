//! Pipelines, commands and operands.

use super::lex::Kind;
use super::numbers;
use super::parse::{Parser, unexpected};
use super::tree::{Mistake, Operand, Pipeline, Word};
use super::value::Value;

/// The variables that may be used at a place, innermost last.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn mark(&self) -> usize {
        self.0.len()
    }

    pub(super) fn forget(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    fn has(&self, name: &str) -> bool {
        name == "$" || self.0.iter().any(|known| known == name)
    }
}

impl Parser<'_> {
    /// Reads a pipeline and the token that ends it; `place` names it in messages.
    pub(super) fn pipeline(&mut self, place: &str, end: &Kind) -> Result<Pipeline, Mistake> {
        self.skip_space();
        let at = self.peek().at;
        self.deeper(at)?;
        let (variables, assigns) = self.declarations(place)?;
        let mut commands = Vec::new();
        loop {
            self.skip_space();
            let token = self.peek().clone();
            if token.kind == *end {
                self.take();
                break;
            }
            let command = self.command(place)?;
            if !commands.is_empty() && !executable(&command) {
                let message = "after `|` there must be a function (its last argument is what stands before)";
                return Err(Mistake::new(token.at, message));
            }
            commands.push(command);
        }
        if commands.is_empty() {
            let what = if place.starts_with(['a', 'p']) {
                place.to_owned()
            } else {
                format!("`{place}`")
            };
            return Err(Mistake::new(at, format!("{what} without a value")));
        }
        self.depth -= 1;
        Ok(Pipeline {
            at,
            variables,
            assigns,
            commands,
        })
    }

    /// Reads `$x :=`, `$x =` or, for range, `$i, $x :=`.
    fn declarations(&mut self, place: &str) -> Result<(Vec<String>, bool), Mistake> {
        let mut names = Vec::new();
        loop {
            self.skip_space();
            let start = self.place();
            let token = self.take();
            if token.kind != Kind::Variable {
                self.back_to(start);
                return Ok((names, false));
            }
            self.skip_space();
            let next = self.take();
            match next.kind {
                Kind::Declare | Kind::Assign => {
                    self.declare(token.text, &mut names);
                    return Ok((names, next.kind == Kind::Assign));
                }
                Kind::Comma if place == "range" && names.is_empty() => {
                    self.declare(token.text, &mut names);
                    self.skip_space();
                    if !matches!(self.peek().kind, Kind::Variable | Kind::Close) {
                        return Err(unexpected(self.peek(), "expected a second variable after `,`"));
                    }
                }
                Kind::Comma => {
                    let message = format!("too many variables in `{place}`");
                    return Err(Mistake::new(next.at, message));
                }
                _ => {
                    self.back_to(start);
                    return Ok((names, false));
                }
            }
        }
    }

    fn declare(&mut self, name: &str, names: &mut Vec<String>) {
        names.push(name.to_owned());
        self.names.0.push(name.to_owned());
    }

    fn command(&mut self, place: &str) -> Result<Vec<Operand>, Mistake> {
        let mut words = Vec::new();
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                words.push(operand);
            }
            let token = self.peek().clone();
            match token.kind {
                Kind::Space => {}
                Kind::Close | Kind::RightParen => break,
                Kind::Bar => {
                    self.take();
                    break;
                }
                _ if words.is_empty() => {
                    return Err(unexpected(&token, &format!("expected a value in {place}")));
                }
                _ => return Err(unexpected(&token, "expected a space, `|` or the end")),
            }
        }
        if words.is_empty() {
            return Err(unexpected(self.peek(), "expected a value"));
        }
        Ok(words)
    }

    fn operand(&mut self) -> Result<Option<Operand>, Mistake> {
        let Some(mut operand) = self.term()? else {
            return Ok(None);
        };
        let mut fields = Vec::new();
        let dot = self.peek().clone();
        while self.peek().kind == Kind::Field {
            fields.push(self.take().text[1..].to_owned());
        }
        if fields.is_empty() {
            return Ok(Some(operand));
        }
        match &mut operand.word {
            Word::Field(path) | Word::Variable(_, path) => path.append(&mut fields),
            Word::Dot | Word::Nil | Word::Constant(_) => {
                return Err(unexpected(&dot, "expected a space after a value"));
            }
            Word::Function(_) | Word::Pipeline(_) | Word::Chain(..) => {
                let at = operand.at;
                operand = Operand {
                    at,
                    word: Word::Chain(Box::new(operand), fields),
                };
            }
        }
        Ok(Some(operand))
    }

    fn term(&mut self) -> Result<Option<Operand>, Mistake> {
        let start = self.place();
        let token = self.take();
        let at = token.at;
        let mistake = |message| Mistake::new(at, message);
        let word = match token.kind {
            Kind::Dot => Word::Dot,
            Kind::Field => Word::Field(vec![token.text[1..].to_owned()]),
            Kind::Variable => {
                if !self.names.has(token.text) {
                    let message = format!("variable `{}` is not defined here", token.text);
                    let hint = "a variable lives until the end of the block that defines it";
                    return Err(mistake(message).hint(hint));
                }
                Word::Variable(token.text.to_owned(), Vec::new())
            }
            Kind::Word => match token.text {
                "true" | "false" => Word::Constant(Value::Bool(token.text == "true")),
                "nil" => Word::Nil,
                "if" | "else" | "end" | "range" | "with" | "define" | "template" | "block" => {
                    return Err(mistake(format!("`{}` cannot stand here", token.text)));
                }
                name => Word::Function(Self::function(at, name)?),
            },
            Kind::Number => Word::Constant(numbers::literal(token.text).map_err(mistake)?),
            Kind::Character => Word::Constant(numbers::character(token.text).map_err(mistake)?),
            Kind::Quoted | Kind::Raw => {
                Word::Constant(Value::text(numbers::unquote(token.text).map_err(mistake)?))
            }
            Kind::LeftParen => Word::Pipeline(self.pipeline("parentheses", &Kind::RightParen)?),
            _ => {
                self.back_to(start);
                return Ok(None);
            }
        };
        Ok(Some(Operand { at, word }))
    }
}

/// Whether a command can take the value before it.
fn executable(command: &[Operand]) -> bool {
    !matches!(
        command.first().map(|operand| &operand.word),
        Some(Word::Dot | Word::Nil | Word::Constant(_))
    )
}
