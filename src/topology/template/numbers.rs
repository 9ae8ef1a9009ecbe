//! Numbers and quoted text as Go writes and reads them.

use super::value::Value;

/// Reads an integer as Go does with base 0: sign, `0x`, `0o`, `0b`, a leading 0 for octal, `_` between digits.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some(_) if lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.is_empty() || digits.ends_with('_') || digits.contains("__") || digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

fn parse_float(text: &str) -> Option<f64> {
    let plain = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    if text.chars().all(plain) && text.contains(|c: char| c.is_ascii_digit()) {
        return text.parse().ok();
    }
    match text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str() {
        "inf" | "infinity" | "nan" => text.parse().ok(),
        _ => None,
    }
}

/// A number as written in a template.
pub(super) fn literal(text: &str) -> Result<Value, String> {
    if let Some(number) = parse_int(text) {
        return Ok(Value::Int(number));
    }
    match parse_float(&text.replace('_', "")) {
        Some(number) if text.contains(['.', 'e', 'E']) => Ok(Value::Float(number)),
        Some(_) => Err(format!("`{text}` is too large for a whole number of 64 bits")),
        None => Err(format!("`{text}` is not a number")),
    }
}

/// A character constant: its code point.
pub(super) fn character(quoted: &str) -> Result<Value, String> {
    let text = unescape(&quoted[1..quoted.len() - 1])?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(Value::Int(i64::from(u32::from(only)))),
        _ => Err(format!(
            "{quoted} is not one character (text stands in double quotes)"
        )),
    }
}

/// The text within double quotes or backquotes.
pub(super) fn unquote(quoted: &str) -> Result<String, String> {
    let inside = &quoted[1..quoted.len() - 1];
    if quoted.starts_with('`') {
        // Go drops carriage returns from raw text.
        return Ok(inside.replace('\r', ""));
    }
    unescape(inside)
}

fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest[at + 1..].chars().next().unwrap_or_default();
        let after = &rest[at + 1 + escape.len_utf8().min(rest.len() - at - 1)..];
        let bad = || format!("`\\{escape}` is not an escape (a backslash is written \\\\)");
        let (digits, radix) = match escape {
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            '0'..='7' => (3, 8),
            _ => (0, 0),
        };
        if digits == 0 {
            let plain = match escape {
                'a' => 7,
                'b' => 8,
                'f' => 12,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 11,
                '\\' | '\'' | '"' => escape as u8,
                _ => return Err(bad()),
            };
            bytes.push(plain);
            rest = after;
            continue;
        }
        let from = if radix == 8 { &rest[at + 1..] } else { after };
        let code = from
            .get(..digits)
            .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = code
            .and_then(|text| u32::from_str_radix(text, radix).ok())
            .ok_or_else(bad)?;
        if matches!(escape, 'u' | 'U') {
            let character = char::from_u32(code).ok_or_else(bad)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            bytes.push(u8::try_from(code).map_err(|_| bad())?);
        }
        rest = &from[digits..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "the escapes do not make UTF-8 text".to_owned())
}

/// Reads a value as a whole number, as gomplate's functions do: text may be a number, fractions are cut.
#[expect(
    clippy::cast_possible_truncation,
    reason = "fractions are cut, and what is too large is clamped"
)]
pub(super) fn to_int(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Float(number) => Ok(*number as i64),
        Value::Bool(yes) => Ok(i64::from(*yes)),
        Value::Text(text) => {
            let text = text.replace(',', "");
            let number = parse_int(&text).or_else(|| parse_float(&text).map(|number| number as i64));
            number.ok_or_else(|| format!("expected a number, found `{text}`"))
        }
        other => Err(format!("expected a number, found {}", other.kind())),
    }
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion loses the same digits")]
pub(super) fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Text(text) => {
            let text = text.replace(',', "");
            let number = parse_int(&text).map(|number| number as f64);
            let number = number.or_else(|| parse_float(&text));
            number.ok_or_else(|| format!("expected a number, found `{text}`"))
        }
        other => to_int(other).map(|number| number as f64),
    }
}

/// Whether arithmetic with this value is done in fractions.
pub(super) fn is_fraction(value: &Value) -> bool {
    match value {
        Value::Float(_) => true,
        Value::Text(text) => parse_int(text).is_none() && parse_float(text).is_some(),
        _ => false,
    }
}
