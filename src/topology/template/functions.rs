//! The functions of templates: Go's own, and those that containerlab adds to them.

use super::budget::{Budget, DEEPEST_LIST};
use super::compare;
use super::escape;
use super::json::{self, Layout};
use super::numbers::{is_fraction, to_float, to_int};
use super::print::Printer;
use super::printf::printf;
use super::value::Value;

/// A function: how many arguments it takes, and what it does.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) run: fn(&mut Budget, &[Value]) -> Result<Value, String>,
}

const ANY: usize = usize::MAX;

/// Namespaces, whose functions are written with a dot.
pub(super) const NAMESPACES: [&str; 3] = ["conv", "net", "strings"];

const fn function(
    name: &'static str,
    least: usize,
    most: usize,
    run: fn(&mut Budget, &[Value]) -> Result<Value, String>,
) -> Function {
    Function {
        name,
        least,
        most,
        run,
    }
}

/// All functions, by name. `and` and `or` are here for their names and counts; the evaluator runs them, since they stop early.
static FUNCTIONS: &[Function] = &[
    function("ToJSON", 1, 1, |budget, args| json(budget, &args[0], None)),
    function("ToJSONPretty", 3, 3, |budget, args| {
        let layout = Layout {
            prefix: text(&args[1])?,
            indent: text(&args[2])?,
        };
        json(budget, &args[0], Some(&layout))
    }),
    function("add", 2, 2, |_, args| {
        arithmetic(args, |a, b| a + b, i64::wrapping_add)
    }),
    function("and", 1, ANY, |_, args| Ok(args[0].clone())),
    function("call", 1, ANY, |_, args| {
        Err(format!("expected a function, found {}", args[0].kind()))
    }),
    function("conv.Join", 2, 2, |budget, args| {
        join(budget, &args[0], text(&args[1])?)
    }),
    function("conv.ToInt", 1, 1, |_, args| to_int(&args[0]).map(Value::Int)),
    function("div", 2, 2, |_, args| {
        let (a, b) = (to_float(&args[0])?, to_float(&args[1])?);
        if b == 0.0 {
            Err("division by 0".to_owned())
        } else {
            Ok(Value::Float(a / b))
        }
    }),
    function("eq", 2, ANY, |_, args| {
        for other in &args[1..] {
            if compare::equal(&args[0], other)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    function("ge", 2, 2, |_, args| {
        Ok(Value::Bool(!compare::less(&args[0], &args[1])?))
    }),
    function("gt", 2, 2, |_, args| {
        Ok(Value::Bool(compare::less(&args[1], &args[0])?))
    }),
    function("html", 0, ANY, |budget, args| escaped(budget, args, escape::html)),
    function("idiv", 2, 2, |_, args| whole(args, i64::wrapping_div)),
    function("index", 1, ANY, |_, args| compare::index(args)),
    function("js", 0, ANY, |budget, args| escaped(budget, args, escape::js)),
    function("le", 2, 2, |_, args| {
        Ok(Value::Bool(!compare::less(&args[1], &args[0])?))
    }),
    function("len", 1, 1, |_, args| compare::length(&args[0])),
    function("lt", 2, 2, |_, args| {
        Ok(Value::Bool(compare::less(&args[0], &args[1])?))
    }),
    function("mul", 2, 2, |_, args| {
        arithmetic(args, |a, b| a * b, i64::wrapping_mul)
    }),
    function("ne", 2, 2, |_, args| {
        Ok(Value::Bool(!compare::equal(&args[0], &args[1])?))
    }),
    function("net.CIDRHost", 2, 2, |budget, args| {
        let prefix = string(budget, &args[1])?;
        super::host::cidr_host(to_int(&args[0])?, &prefix).map(Value::text)
    }),
    function("not", 1, 1, |_, args| Ok(Value::Bool(!args[0].truth()))),
    function("or", 1, ANY, |_, args| Ok(args[0].clone())),
    function("print", 0, ANY, |budget, args| {
        let mut printer = Printer::new(budget);
        printer.values(args)?;
        Ok(Value::text(printer.out))
    }),
    function("printf", 1, ANY, |budget, args| {
        printf(budget, text(&args[0])?, &args[1..]).map(Value::text)
    }),
    function("println", 0, ANY, |budget, args| {
        let mut printer = Printer::new(budget);
        for (index, value) in args.iter().enumerate() {
            printer.text(if index > 0 { " " } else { "" })?;
            printer.value(value)?;
        }
        printer.text("\n")?;
        Ok(Value::text(printer.out))
    }),
    function("rem", 2, 2, |_, args| whole(args, i64::wrapping_rem)),
    function("seq", 1, 3, seq),
    function("slice", 0, ANY, |budget, args| {
        budget.steps(args.len())?;
        let list = Value::list(args.to_vec());
        if list.depth() > DEEPEST_LIST {
            return Err(format!("lists are nested deeper than {DEEPEST_LIST}"));
        }
        Ok(list)
    }),
    function("strings.ReplaceAll", 3, 3, |budget, args| {
        let (old, new) = (text(&args[0])?, text(&args[1])?);
        if args[2].is_nil() && !old.is_empty() {
            return Ok(Value::text(""));
        }
        let whole = string(budget, &args[2])?;
        if old.is_empty() {
            return Ok(Value::text(whole));
        }
        let found = whole.matches(old).count();
        budget.bytes(whole.len() + found.saturating_mul(new.len()))?;
        Ok(Value::text(whole.replace(old, new)))
    }),
    function("strings.Split", 2, 2, |budget, args| {
        let (separator, whole) = (text(&args[0])?, string(budget, &args[1])?);
        let parts: Vec<Value> = match separator {
            "" => whole
                .chars()
                .map(|c| Value::text(c.encode_utf8(&mut [0; 4])))
                .collect(),
            _ => whole.split(separator).map(Value::text).collect(),
        };
        budget.steps(parts.len())?;
        Ok(Value::list(parts))
    }),
    function("subtract", 2, 2, |_, args| {
        arithmetic(args, |a, b| a - b, i64::wrapping_sub)
    }),
    function("urlquery", 0, ANY, |budget, args| {
        escaped(budget, args, escape::urlquery)
    }),
    function("conv", 0, 0, |_, _| Ok(Value::Namespace("conv"))),
    function("net", 0, 0, |_, _| Ok(Value::Namespace("net"))),
    function("strings", 0, 0, |_, _| Ok(Value::Namespace("strings"))),
];

/// Finds a function; those of a namespace as `strings.Split`.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

pub(super) fn exists(name: &str) -> bool {
    find(name).is_some()
}

/// Names as people write them.
pub(super) fn names() -> Vec<&'static str> {
    let all = FUNCTIONS.iter().map(|function| function.name);
    all.filter(|name| !NAMESPACES.contains(name)).collect()
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("expected text, found {}", other.kind())),
    }
}

/// A value as text in the way of gomplate's functions.
fn string(budget: &mut Budget, value: &Value) -> Result<String, String> {
    if value.is_nil() {
        return Ok("nil".to_owned());
    }
    let mut printer = Printer::new(budget);
    printer.value(value)?;
    Ok(printer.out)
}

fn json(budget: &mut Budget, value: &Value, layout: Option<&Layout<'_>>) -> Result<Value, String> {
    let mut printer = Printer::new(budget);
    json::write(&mut printer, value, layout, 0)?;
    Ok(Value::text(printer.out))
}

fn escaped(budget: &mut Budget, args: &[Value], escape: fn(&str) -> String) -> Result<Value, String> {
    let shown: Vec<Value> = args
        .iter()
        .map(|value| {
            if value.is_nil() {
                Value::text("<no value>")
            } else {
                value.clone()
            }
        })
        .collect();
    let mut printer = Printer::new(budget);
    printer.values(&shown)?;
    let out = escape(&printer.out);
    budget.bytes(out.len())?;
    Ok(Value::text(out))
}

fn join(budget: &mut Budget, value: &Value, separator: &str) -> Result<Value, String> {
    let Value::List(list) = value else {
        return Err(format!("expected a list, found {}", value.kind()));
    };
    let mut out = String::new();
    for (index, item) in list.items.iter().enumerate() {
        budget.bytes(separator.len())?;
        out.push_str(if index > 0 { separator } else { "" });
        out.push_str(&string(budget, item)?);
    }
    Ok(Value::text(out))
}

fn arithmetic(
    args: &[Value],
    fractions: fn(f64, f64) -> f64,
    whole: fn(i64, i64) -> i64,
) -> Result<Value, String> {
    if args.iter().any(is_fraction) {
        return Ok(Value::Float(fractions(to_float(&args[0])?, to_float(&args[1])?)));
    }
    Ok(Value::Int(whole(to_int(&args[0])?, to_int(&args[1])?)))
}

fn whole(args: &[Value], operation: fn(i64, i64) -> i64) -> Result<Value, String> {
    let (a, b) = (to_int(&args[0])?, to_int(&args[1])?);
    if b == 0 {
        return Err("division by 0".to_owned());
    }
    Ok(Value::Int(operation(a, b)))
}

/// Numbers from a start (1) to an end in steps (1), counting down when the end is below the start.
fn seq(budget: &mut Budget, args: &[Value]) -> Result<Value, String> {
    let number = |index: usize| to_int(&args[index]).map(i128::from);
    let (start, end, step) = match args.len() {
        1 => (1, number(0)?, 1),
        2 => (number(0)?, number(1)?, 1),
        _ => (number(0)?, number(1)?, number(2)?),
    };
    if step == 0 {
        return Ok(Value::list(Vec::new()));
    }
    let step = if end < start { -step.abs() } else { step.abs() };
    let count = (end - start) / step + 1;
    budget.steps(usize::try_from(count).unwrap_or(usize::MAX))?;
    let numbers = (0..count).filter_map(|turn| i64::try_from(start + turn * step).ok());
    Ok(Value::list(numbers.map(Value::Int).collect()))
}
