//! How Go prints values: `print`, and what an action without a function leaves in the text.

use super::budget::Budget;
use super::value::{Key, Value};

/// Text under construction, paid from a budget.
pub(super) struct Printer<'b> {
    pub(super) out: String,
    pub(super) budget: &'b mut Budget,
}

impl<'b> Printer<'b> {
    pub(super) fn new(budget: &'b mut Budget) -> Self {
        Self {
            out: String::new(),
            budget,
        }
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), String> {
        self.budget.bytes(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    pub(super) fn pad(&mut self, with: char, count: usize) -> Result<(), String> {
        self.budget.bytes(count)?;
        self.out.extend(std::iter::repeat_n(with, count));
        Ok(())
    }

    /// Prints a value as `%v` does.
    pub(super) fn value(&mut self, value: &Value) -> Result<(), String> {
        self.each(value, &|printer, value| {
            let text = match value {
                Value::Text(text) => return printer.text(text),
                Value::Missing | Value::Null => "<nil>".to_owned(),
                Value::Bool(yes) => yes.to_string(),
                Value::Int(number) => number.to_string(),
                Value::Float(number) => float(*number),
                _ => "&{}".to_owned(),
            };
            printer.text(&text)
        })
    }

    /// Prints the scalars of a value with `scalar`, within Go's brackets for lists and maps.
    pub(super) fn each(
        &mut self,
        value: &Value,
        scalar: &dyn Fn(&mut Self, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        self.budget.steps(1)?;
        match value {
            Value::List(list) => {
                self.text("[")?;
                for (index, item) in list.items.iter().enumerate() {
                    self.text(if index > 0 { " " } else { "" })?;
                    self.each(item, scalar)?;
                }
                self.text("]")
            }
            Value::Map(map) => {
                self.text("map[")?;
                for (index, (key, value)) in map.iter().enumerate() {
                    self.text(if index > 0 { " " } else { "" })?;
                    self.key(key, scalar)?;
                    self.each(value, scalar)?;
                }
                self.text("]")
            }
            other => scalar(self, other),
        }
    }

    fn key(
        &mut self,
        key: &Key,
        scalar: &dyn Fn(&mut Self, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        scalar(self, &key.value())?;
        self.text(":")
    }

    /// Prints values as `print` does: a space between two of which neither is text.
    pub(super) fn values(&mut self, values: &[Value]) -> Result<(), String> {
        for (index, value) in values.iter().enumerate() {
            let is_text = |value: &Value| matches!(value, Value::Text(_));
            if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
                self.text(" ")?;
            }
            self.value(value)?;
        }
        Ok(())
    }
}

/// The shortest decimal form that is read back as the same number; an exponent below 1e-4 and from 1e6.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        return exponent(&format!("{number:e}"));
    }
    format!("{number}")
}

/// Rust's `1.5e7` as Go's `1.5e+07`.
pub(super) fn exponent(text: &str) -> String {
    let Some((digits, power)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    format!("{digits}e{sign}{power:0>2}")
}
