//! Values as JSON, written as Go's encoder writes it: sorted keys, `<`, `>` and `&` escaped.

use super::print::{Printer, exponent};
use super::value::{Key, Value};

/// Where lines break.
pub(super) struct Layout<'a> {
    pub(super) prefix: &'a str,
    pub(super) indent: &'a str,
}

/// Writes a value; on one line unless a layout is given.
pub(super) fn write(
    printer: &mut Printer<'_>,
    value: &Value,
    layout: Option<&Layout<'_>>,
    level: usize,
) -> Result<(), String> {
    printer.budget.steps(1)?;
    match value {
        Value::Missing | Value::Null => printer.text("null"),
        Value::Bool(yes) => printer.text(if *yes { "true" } else { "false" }),
        Value::Int(number) => printer.text(&number.to_string()),
        Value::Float(number) => printer.text(&float(*number)?),
        Value::Text(text) => string(printer, text),
        Value::List(list) => {
            let items = list.items.iter().map(|item| (None, item));
            group(printer, ('[', ']'), items, layout, level)
        }
        Value::Map(map) => {
            let mut items: Vec<_> = map.iter().map(|(key, value)| (Some(key), value)).collect();
            // The encoder sorts what it writes: 10 before 2.
            items.sort_by_cached_key(|(key, _)| key.map(Key::written));
            group(printer, ('{', '}'), items.into_iter(), layout, level)
        }
        Value::Namespace(_) => printer.text("{}"),
    }
}

fn group<'v>(
    printer: &mut Printer<'_>,
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<&'v Key>, &'v Value)>,
    layout: Option<&Layout<'_>>,
    level: usize,
) -> Result<(), String> {
    printer.pad(open, 1)?;
    let mut any = false;
    for (key, value) in items {
        printer.text(if any { "," } else { "" })?;
        any = true;
        line(printer, layout, level + 1)?;
        if let Some(key) = key {
            string(printer, &key.written())?;
            printer.text(if layout.is_some() { ": " } else { ":" })?;
        }
        write(printer, value, layout, level + 1)?;
    }
    if any {
        line(printer, layout, level)?;
    }
    printer.pad(close, 1)
}

fn line(printer: &mut Printer<'_>, layout: Option<&Layout<'_>>, level: usize) -> Result<(), String> {
    let Some(layout) = layout else {
        return Ok(());
    };
    printer.text("\n")?;
    printer.text(layout.prefix)?;
    for _ in 0..level {
        printer.text(layout.indent)?;
    }
    Ok(())
}

fn string(printer: &mut Printer<'_>, text: &str) -> Result<(), String> {
    printer.text("\"")?;
    for c in text.chars() {
        match c {
            '"' => printer.text("\\\"")?,
            '\\' => printer.text("\\\\")?,
            '\n' => printer.text("\\n")?,
            '\r' => printer.text("\\r")?,
            '\t' => printer.text("\\t")?,
            '\u{8}' => printer.text("\\b")?,
            '\u{c}' => printer.text("\\f")?,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                printer.text(&format!("\\u{:04x}", u32::from(c)))?;
            }
            c => printer.pad(c, 1)?,
        }
    }
    printer.text("\"")
}

fn float(number: f64) -> Result<String, String> {
    if !number.is_finite() {
        return Err("JSON has no form for this number".to_owned());
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // Go shortens a negative exponent of one digit.
        return Ok(exponent(&format!("{number:e}")).replace("e-0", "e-"));
    }
    Ok(format!("{number}"))
}
