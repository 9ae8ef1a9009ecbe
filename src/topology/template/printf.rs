//! `printf` with Go's verbs and flags. A verb that does not fit its value is printed as Go prints it, not refused.

use super::budget::Budget;
use super::print::{Printer, exponent, float};
use super::value::Value;

/// Go prints no wider than this.
const WIDEST: usize = 1_000_000;
/// Rust formats no longer ones.
const MOST_DIGITS: usize = 60_000;

#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "Go's five flags")]
struct Directive {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats `arguments` by `format`.
pub(super) fn printf(budget: &mut Budget, format: &str, arguments: &[Value]) -> Result<String, String> {
    let mut state = Formatter {
        printer: Printer::new(budget),
        rest: format,
        arguments,
        next: 0,
        reordered: false,
    };
    state.run()?;
    Ok(state.printer.out)
}

struct Formatter<'a, 'b> {
    printer: Printer<'b>,
    rest: &'a str,
    arguments: &'a [Value],
    next: usize,
    reordered: bool,
}

impl Formatter<'_, '_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(at) = self.rest.find('%') {
            self.printer.text(&self.rest[..at])?;
            self.rest = &self.rest[at + 1..];
            self.directive()?;
        }
        self.printer.text(self.rest)?;
        if self.next < self.arguments.len() && !self.reordered {
            self.printer.text("%!(EXTRA ")?;
            for (index, extra) in self.arguments[self.next..].iter().enumerate() {
                self.printer.text(if index > 0 { ", " } else { "" })?;
                typed(&mut self.printer, extra)?;
            }
            self.printer.text(")")?;
        }
        Ok(())
    }

    fn directive(&mut self) -> Result<(), String> {
        let mut how = Directive::default();
        while let Some(flag) = self.rest.chars().next() {
            match flag {
                '-' => how.minus = true,
                '+' => how.plus = true,
                ' ' => how.space = true,
                '0' => how.zero = true,
                '#' => how.sharp = true,
                _ => break,
            }
            self.rest = &self.rest[1..];
        }
        let mut good = self.index();
        how.width = self.size(&mut how.minus);
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            good &= self.index();
            how.precision = Some(self.size(&mut false).unwrap_or(0));
        }
        if how.precision.is_some_and(|precision| precision > MOST_DIGITS) {
            return Err(format!("more than {MOST_DIGITS} digits after a `.`"));
        }
        good &= self.index();
        let Some(verb) = self.rest.chars().next() else {
            return self.printer.text("%!(NOVERB)");
        };
        self.rest = &self.rest[verb.len_utf8()..];
        if verb == '%' {
            return self.printer.text("%");
        }
        if !good {
            return self.printer.text(&format!("%!{verb}(BADINDEX)"));
        }
        let Some(value) = self.arguments.get(self.next) else {
            return self.printer.text(&format!("%!{verb}(MISSING)"));
        };
        self.next += 1;
        if matches!(value, Value::Missing | Value::Null) && !matches!(verb, 'v' | 'T') {
            return self.printer.text(&format!("%!{verb}(<nil>)"));
        }
        match verb {
            'T' => padded(&mut self.printer, type_name(value), &how, false),
            _ => self
                .printer
                .each(value, &|printer, scalar| one(printer, verb, &how, scalar)),
        }
    }

    /// Takes `[n]`, the number of the argument to use next; returns false when there is no such argument.
    fn index(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix('[') else {
            return true;
        };
        self.reordered = true;
        let Some((number, rest)) = inside.split_once(']') else {
            return false;
        };
        self.rest = rest;
        match number.parse::<usize>() {
            Ok(number) if (1..=self.arguments.len()).contains(&number) => {
                self.next = number - 1;
                true
            }
            _ => false,
        }
    }

    /// Takes a number or `*`, which stands for an argument.
    fn size(&mut self, minus: &mut bool) -> Option<usize> {
        if let Some(rest) = self.rest.strip_prefix('*') {
            self.rest = rest;
            let value = self.arguments.get(self.next);
            self.next += 1;
            let Some(Value::Int(number)) = value else {
                return None;
            };
            *minus |= *number < 0;
            return usize::try_from(number.unsigned_abs())
                .ok()
                .filter(|size| *size <= WIDEST);
        }
        let length = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let size = self.rest[..length].parse().ok().filter(|size| *size <= WIDEST);
        self.rest = &self.rest[length..];
        size
    }
}

fn one(printer: &mut Printer<'_>, verb: char, how: &Directive, value: &Value) -> Result<(), String> {
    match (value, verb) {
        (Value::Int(number), _) => integer(printer, verb, how, *number),
        (Value::Float(number), _) => fraction(printer, verb, how, *number),
        (Value::Text(text), _) => characters(printer, verb, how, text),
        (Value::Bool(yes), 't' | 'v') => padded(printer, if *yes { "true" } else { "false" }, how, false),
        (Value::Missing | Value::Null, _) => padded(printer, "<nil>", how, false),
        _ => bad(printer, verb, value),
    }
}

fn integer(printer: &mut Printer<'_>, verb: char, how: &Directive, number: i64) -> Result<(), String> {
    let size = number.unsigned_abs();
    let (prefix, mut digits) = match verb {
        'd' | 'v' => ("", size.to_string()),
        'b' => ("0b", format!("{size:b}")),
        'o' => ("0", format!("{size:o}")),
        'O' => return integer_text(printer, how, number, &format!("0o{size:o}")),
        'x' => ("0x", format!("{size:x}")),
        'X' => ("0X", format!("{size:X}")),
        'c' | 'q' | 'U' => {
            let character = u32::try_from(number)
                .ok()
                .and_then(char::from_u32)
                .unwrap_or('\u{fffd}');
            let text = match verb {
                'c' => character.to_string(),
                'U' => format!("U+{number:04X}"),
                _ => format!("'{}'", character.escape_debug()),
            };
            return padded(printer, &text, how, false);
        }
        _ => return bad(printer, verb, &Value::Int(number)),
    };
    if let Some(precision) = how.precision {
        printer.budget.bytes(precision)?;
        digits = format!("{digits:0>precision$}");
    }
    if how.sharp {
        digits.insert_str(0, prefix);
    }
    integer_text(printer, how, number, &digits)
}

fn integer_text(printer: &mut Printer<'_>, how: &Directive, number: i64, digits: &str) -> Result<(), String> {
    let zeros = how.zero && how.precision.is_none();
    signed(printer, how, number < 0, digits, zeros)
}

fn fraction(printer: &mut Printer<'_>, verb: char, how: &Directive, number: f64) -> Result<(), String> {
    let size = number.abs();
    if !number.is_finite() {
        let text = float(size);
        return signed(printer, how, number < 0.0, text.trim_start_matches('+'), false);
    }
    let precision = how.precision.unwrap_or(6);
    printer.budget.bytes(precision)?;
    let text = match verb {
        'v' | 'g' | 'G' if how.precision.is_none() => float(size),
        'v' | 'g' | 'G' => shortest(size, precision),
        'f' | 'F' => format!("{size:.precision$}"),
        'e' | 'E' => exponent(&format!("{size:.precision$e}")),
        _ => return bad(printer, verb, &Value::Float(number)),
    };
    let text = if verb.is_uppercase() {
        text.to_uppercase()
    } else {
        text
    };
    signed(printer, how, number.is_sign_negative(), &text, how.zero)
}

/// `%.Ng`: that many significant digits, without trailing zeros.
fn shortest(size: f64, precision: usize) -> String {
    let digits = precision.max(1);
    let scientific = format!("{size:.*e}", digits - 1);
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let power: i64 = power.parse().unwrap_or(0);
    if power < -4 || power >= i64::try_from(digits).unwrap_or(i64::MAX) {
        return exponent(&format!("{}e{power}", trim(mantissa)));
    }
    let decimals = usize::try_from(i64::try_from(digits).unwrap_or(i64::MAX) - 1 - power).unwrap_or(0);
    trim(&format!("{size:.decimals$}"))
}

fn characters(printer: &mut Printer<'_>, verb: char, how: &Directive, text: &str) -> Result<(), String> {
    let cut: String = match how.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    printer.budget.bytes(cut.len())?;
    let formed = match verb {
        's' | 'v' => cut,
        'q' => quote(&cut),
        'x' => cut.bytes().map(|byte| format!("{byte:02x}")).collect(),
        'X' => cut.bytes().map(|byte| format!("{byte:02X}")).collect(),
        _ => return bad(printer, verb, &Value::text(text)),
    };
    padded(printer, &formed, how, how.zero)
}

/// Text in double quotes as Go writes it.
pub(super) fn quote(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn signed(
    printer: &mut Printer<'_>,
    how: &Directive,
    negative: bool,
    digits: &str,
    zeros: bool,
) -> Result<(), String> {
    let sign = match (negative, how.plus, how.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    if zeros && !how.minus {
        printer.text(sign)?;
        let width = how.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
        printer.pad('0', width)?;
        return printer.text(digits);
    }
    padded(printer, &format!("{sign}{digits}"), how, false)
}

fn padded(printer: &mut Printer<'_>, text: &str, how: &Directive, zeros: bool) -> Result<(), String> {
    let missing = how.width.unwrap_or(0).saturating_sub(text.chars().count());
    if !how.minus {
        printer.pad(if zeros { '0' } else { ' ' }, missing)?;
    }
    printer.text(text)?;
    printer.pad(' ', if how.minus { missing } else { 0 })
}

fn bad(printer: &mut Printer<'_>, verb: char, value: &Value) -> Result<(), String> {
    printer.text(&format!("%!{verb}("))?;
    typed(printer, value)?;
    printer.text(")")
}

fn typed(printer: &mut Printer<'_>, value: &Value) -> Result<(), String> {
    if !value.is_nil() {
        printer.text(type_name(value))?;
        printer.text("=")?;
    }
    printer.value(value)
}

/// Go's name of a value's type.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Missing | Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::Text(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        Value::Namespace(_) => "*utils.Funcs",
    }
}
