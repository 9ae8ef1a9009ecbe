//! Evaluates pipelines: fields, variables and calls of functions.

use super::eval::Run;
use super::functions::{self, Function};
use super::tree::{Mistake, Operand, Pipeline, Spot, Word};
use super::value::{Key, Value};

impl Run<'_> {
    /// Evaluates a pipeline and sets its variables. A null is nothing once a pipeline has passed it on.
    pub(super) fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Mistake> {
        self.spend(pipeline.at, 1)?;
        self.deeper(pipeline.at)?;
        let mut passed = None;
        for command in &pipeline.commands {
            let value = self.command(command, dot, passed)?;
            passed = Some(match value {
                Value::Null => Value::Missing,
                value => value,
            });
        }
        self.shallower();
        let value = passed.unwrap_or(Value::Missing);
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(pipeline.at, name, value.clone())?;
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    /// Evaluates a command; `passed` is what stood before its `|`.
    fn command(&mut self, words: &[Operand], dot: &Value, passed: Option<Value>) -> Result<Value, Mistake> {
        let Some((first, arguments)) = words.split_first() else {
            return Ok(Value::Missing);
        };
        match &first.word {
            Word::Function(name) => {
                let function = functions::find(name);
                let function = function.ok_or_else(|| {
                    Mistake::new(first.at, format!("there is no template function `{name}`"))
                })?;
                self.call_function(first.at, function, arguments, dot, passed)
            }
            Word::Chain(base, path) => {
                let value = self.operand(base, dot)?;
                if let (Value::Namespace(space), [name]) = (&value, path.as_slice()) {
                    let function = in_namespace(first.at, space, name)?;
                    return self.call_function(first.at, function, arguments, dot, passed);
                }
                alone(first, arguments, passed.as_ref())?;
                walk(first.at, value, path)
            }
            Word::Nil => Err(Mistake::new(
                first.at,
                "nil is no value of its own (it can only be an argument)",
            )),
            _ => {
                alone(first, arguments, passed.as_ref())?;
                self.operand(first, dot)
            }
        }
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Mistake> {
        self.spend(operand.at, 1)?;
        match &operand.word {
            Word::Dot => Ok(dot.clone()),
            Word::Nil => Ok(Value::Null),
            Word::Constant(value) => Ok(value.clone()),
            Word::Field(path) => walk(operand.at, dot.clone(), path),
            Word::Variable(name, path) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let Some((_, value)) = found else {
                    let message = format!("variable `{name}` is not defined here");
                    return Err(Mistake::new(operand.at, message));
                };
                walk(operand.at, value.clone(), path)
            }
            Word::Pipeline(pipeline) => self.pipeline(pipeline, dot),
            Word::Function(_) | Word::Chain(..) => self.command(std::slice::from_ref(operand), dot, None),
        }
    }

    fn call_function(
        &mut self,
        at: Spot,
        function: &Function,
        words: &[Operand],
        dot: &Value,
        passed: Option<Value>,
    ) -> Result<Value, Mistake> {
        let count = words.len() + usize::from(passed.is_some());
        if count < function.least || count > function.most {
            let wanted = match (function.least, function.most) {
                (least, most) if least == most => format!("{least}"),
                (least, usize::MAX) => format!("at least {least}"),
                (least, most) => format!("{least} to {most}"),
            };
            let message = format!(
                "`{}` takes {wanted} argument{}, found {count}",
                function.name,
                if wanted == "1" || wanted == "at least 1" {
                    ""
                } else {
                    "s"
                }
            );
            return Err(Mistake::new(at, message));
        }
        self.spend(at, 1)?;
        // These two stop at the argument that decides; what follows is not even evaluated.
        let decides = match function.name {
            "and" => Some(false),
            "or" => Some(true),
            _ => None,
        };
        let mut values = Vec::with_capacity(count);
        for word in words {
            let value = match self.operand(word, dot)? {
                Value::Missing => Value::Null,
                value => value,
            };
            if decides == Some(value.truth()) {
                return Ok(value);
            }
            values.push(value);
        }
        values.extend(passed.map(|value| if value.is_nil() { Value::Null } else { value }));
        if decides.is_some() {
            return Ok(values.pop().unwrap_or(Value::Missing));
        }
        (function.run)(&mut self.budget, &values)
            .map_err(|message| Mistake::new(at, format!("`{}`: {message}", function.name)))
    }
}

fn in_namespace(at: Spot, space: &str, name: &str) -> Result<&'static Function, Mistake> {
    functions::find(&format!("{space}.{name}")).ok_or_else(|| {
        let names = functions::names();
        let known: Vec<_> = names
            .iter()
            .filter(|known| known.starts_with(&format!("{space}.")))
            .copied()
            .collect();
        Mistake::new(at, format!("there is no template function `{space}.{name}`"))
            .hint(format!("known functions: {}", known.join(", ")))
    })
}

/// Only functions take arguments.
fn alone(first: &Operand, arguments: &[Operand], passed: Option<&Value>) -> Result<(), Mistake> {
    if arguments.is_empty() && passed.is_none() {
        return Ok(());
    }
    let at = arguments.first().map_or(first.at, |argument| argument.at);
    Err(Mistake::new(
        at,
        "only a function takes arguments, and what stands first is a value",
    ))
}

/// Follows field names into maps. A key that is not there has no value, and neither have its fields.
fn walk(at: Spot, value: Value, path: &[String]) -> Result<Value, Mistake> {
    let mut value = value;
    for name in path {
        value = match &value {
            Value::Missing => return Ok(Value::Missing),
            Value::Map(map) => map
                .get(&Key::Text(name.as_str().into()))
                .cloned()
                .unwrap_or(Value::Missing),
            Value::Null => {
                let message = format!("`.{name}` of a value that is null");
                return Err(Mistake::new(at, message).hint("test it first with {{ if }} or {{ with }}"));
            }
            other => {
                let message = format!("`.{name}` of {} (expected a map)", other.kind());
                return Err(Mistake::new(at, message));
            }
        };
    }
    Ok(value)
}
