//! Runs templates: walks the tree, prints into the output and remembers where each piece of it came from.

use std::ops::Range;

use super::budget::Budget;
use super::print::Printer;
use super::tree::{Branch, Item, Mistake, Pipeline, Spot, Template, Templates};
use super::value::Value;

/// Text that a run leaves may be this long, in bytes.
pub(in crate::topology) const LONGEST: usize = 16 << 20;
/// Templates calling templates; it also bounds the stack.
const DEEPEST_CALL: usize = 40;
/// Blocks, parentheses and calls in all.
const DEEPEST: usize = 200;

/// A piece of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::topology) struct Piece {
    /// Bytes of the output before it.
    pub(in crate::topology) at: usize,
    /// Where it comes from.
    pub(in crate::topology) from: Spot,
    /// The place in the first file that called for it, in bytes.
    pub(in crate::topology) outer: usize,
    /// Whether it stands there as it is.
    pub(in crate::topology) verbatim: bool,
}

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

pub(super) struct Run<'a> {
    texts: &'a [&'a str],
    templates: &'a Templates,
    pub(super) variables: Vec<(String, Value)>,
    out: String,
    pieces: Vec<Piece>,
    pub(super) budget: Budget,
    calls: usize,
    /// Place of the outermost call.
    outer: usize,
    depth: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(texts: &'a [&'a str], templates: &'a Templates, data: &Value) -> Self {
        Self {
            texts,
            templates,
            variables: vec![("$".to_owned(), data.clone())],
            out: String::new(),
            pieces: Vec::new(),
            budget: Budget::default(),
            calls: 0,
            outer: 0,
            depth: 0,
        }
    }

    /// Runs the template and returns what it printed.
    pub(super) fn run(
        mut self,
        template: &'a Template,
        data: &Value,
    ) -> Result<(String, Vec<Piece>), Mistake> {
        self.body(&template.body, data)?;
        Ok((self.out, self.pieces))
    }

    pub(super) fn spend(&mut self, at: Spot, steps: usize) -> Result<(), Mistake> {
        self.budget
            .steps(steps)
            .map_err(|message| Mistake::new(at, message))
    }

    pub(super) fn deeper(&mut self, at: Spot) -> Result<(), Mistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Mistake::new(
                at,
                format!("blocks and templates are nested deeper than {DEEPEST}"),
            ));
        }
        Ok(())
    }

    pub(super) fn shallower(&mut self) {
        self.depth -= 1;
    }

    fn body(&mut self, items: &'a [Item], dot: &Value) -> Result<Flow, Mistake> {
        for item in items {
            let flow = match item {
                Item::Text { file, bytes } => self.copy(*file, bytes)?,
                Item::Action(pipeline) => self.action(pipeline, dot)?,
                Item::Branch(branch) => self.branch(branch, dot)?,
                Item::Range(branch) => self.range(branch, dot)?,
                Item::Call { at, name, data } => self.call(*at, name, data.as_ref(), dot)?,
                Item::Break => Flow::Break,
                Item::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn copy(&mut self, file: usize, bytes: &Range<usize>) -> Result<Flow, Mistake> {
        let from = Spot {
            file,
            offset: bytes.start,
        };
        self.spend(from, 1)?;
        let text = self.texts[file].get(bytes.clone()).unwrap_or_default();
        self.print(text, from, true)
    }

    fn print(&mut self, text: &str, from: Spot, verbatim: bool) -> Result<Flow, Mistake> {
        if self.out.len() + text.len() > LONGEST {
            let message = format!("the text after the template is longer than {} MiB", LONGEST >> 20);
            return Err(Mistake::new(from, message));
        }
        if !text.is_empty() {
            let at = self.out.len();
            let outer = if from.file == 0 { from.offset } else { self.outer };
            self.pieces.push(Piece {
                at,
                from,
                outer,
                verbatim,
            });
            self.out.push_str(text);
        }
        Ok(Flow::On)
    }

    fn action(&mut self, pipeline: &'a Pipeline, dot: &Value) -> Result<Flow, Mistake> {
        let value = self.pipeline(pipeline, dot)?;
        if !pipeline.variables.is_empty() {
            return Ok(Flow::On);
        }
        let text = match &value {
            Value::Missing | Value::Null => "<no value>".to_owned(),
            Value::Namespace(name) => {
                let message =
                    format!("`{name}` is a group of functions (expected one of them, as in strings.Split)");
                return Err(Mistake::new(pipeline.at, message));
            }
            value => {
                let mut printer = Printer::new(&mut self.budget);
                let printed = printer.value(value);
                let text = printer.out;
                printed.map_err(|message| Mistake::new(pipeline.at, message))?;
                text
            }
        };
        self.print(&text, pipeline.at, false)
    }

    fn branch(&mut self, branch: &'a Branch, dot: &Value) -> Result<Flow, Mistake> {
        let mark = self.variables.len();
        self.deeper(branch.pipeline.at)?;
        let value = self.pipeline(&branch.pipeline, dot)?;
        let flow = if !value.truth() {
            self.body(&branch.otherwise, dot)?
        } else if branch.sets_dot {
            self.body(&branch.body, &value)?
        } else {
            self.body(&branch.body, dot)?
        };
        self.shallower();
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, branch: &'a Branch, dot: &Value) -> Result<Flow, Mistake> {
        let at = branch.pipeline.at;
        let mark = self.variables.len();
        self.deeper(at)?;
        let value = self.pipeline(&branch.pipeline, dot)?;
        let inner = self.variables.len();
        let mut any = false;
        let turns =
            turns(&value, branch.pipeline.variables.len()).map_err(|message| Mistake::new(at, message))?;
        for (key, item) in turns {
            any = true;
            self.spend(at, 1)?;
            self.turn(&branch.pipeline, inner, key, &item)?;
            let flow = self.body(&branch.body, &item)?;
            self.variables.truncate(inner);
            if flow == Flow::Break {
                break;
            }
        }
        let mut flow = Flow::On;
        if !any {
            flow = self.body(&branch.otherwise, dot)?;
        }
        self.shallower();
        self.variables.truncate(mark);
        Ok(flow)
    }

    /// Sets the variables of a range for one turn.
    fn turn(&mut self, pipeline: &Pipeline, inner: usize, key: Value, item: &Value) -> Result<(), Mistake> {
        let names = &pipeline.variables;
        let values = match names.len() {
            0 => return Ok(()),
            1 => vec![item.clone()],
            _ => vec![key, item.clone()],
        };
        for (index, (name, value)) in names.iter().zip(values).enumerate() {
            if pipeline.assigns {
                self.assign(pipeline.at, name, value)?;
            } else {
                let slot = inner - names.len() + index;
                self.variables[slot].1 = value;
            }
        }
        Ok(())
    }

    pub(super) fn assign(&mut self, at: Spot, name: &str, value: Value) -> Result<(), Mistake> {
        let Some(slot) = self.variables.iter_mut().rev().find(|(known, _)| known == name) else {
            let message = format!("variable `{name}` is not defined here");
            return Err(Mistake::new(at, message).hint(format!("the first time it is written {name} := …")));
        };
        slot.1 = value;
        Ok(())
    }

    fn call(
        &mut self,
        at: Spot,
        name: &str,
        data: Option<&'a Pipeline>,
        dot: &Value,
    ) -> Result<Flow, Mistake> {
        let Some(template) = self.templates.by_name.get(name) else {
            let known: Vec<_> = self.templates.by_name.keys().map(String::as_str).collect();
            let hint = format!(
                "known templates: {}; files in clab_templates/ are templates, too",
                known.join(", ")
            );
            return Err(Mistake::new(at, format!("there is no template `{name}`")).hint(hint));
        };
        if self.calls == 0 {
            self.outer = at.offset;
        }
        self.calls += 1;
        if self.calls > DEEPEST_CALL {
            let message =
                format!("templates call each other more than {DEEPEST_CALL} deep; does `{name}` ever end?");
            return Err(Mistake::new(at, message));
        }
        self.deeper(at)?;
        self.spend(at, 1)?;
        let mark = self.variables.len();
        let data = match data {
            Some(pipeline) => self.pipeline(pipeline, dot)?,
            None => Value::Missing,
        };
        self.variables.truncate(mark);
        // A template sees no variables of its caller.
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        self.body(&template.body, &data)?;
        self.variables = outer;
        self.shallower();
        self.calls -= 1;
        Ok(Flow::On)
    }
}

type Turns = Box<dyn Iterator<Item = (Value, Value)>>;

/// What a range visits: key or index, and item.
fn turns(value: &Value, variables: usize) -> Result<Turns, String> {
    match value {
        Value::Missing | Value::Null => Ok(Box::new(std::iter::empty())),
        Value::List(list) => {
            let list = list.clone();
            Ok(Box::new((0..list.items.len()).map(move |index| {
                let number = i64::try_from(index).unwrap_or(i64::MAX);
                (Value::Int(number), list.items[index].clone())
            })))
        }
        Value::Map(map) => {
            let pairs: Vec<_> = map
                .iter()
                .map(|(key, value)| (key.value(), value.clone()))
                .collect();
            Ok(Box::new(pairs.into_iter()))
        }
        Value::Int(_) if variables > 1 => Err("a range over a number has only one variable".to_owned()),
        Value::Int(count) => Ok(Box::new(
            (0..*count).map(|number| (Value::Missing, Value::Int(number))),
        )),
        other => Err(format!(
            "range goes over a list, a map or a whole number, found {}",
            other.kind()
        )),
    }
}
