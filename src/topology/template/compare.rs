//! Comparing, indexing and measuring values.

use super::value::Value;

/// Go's `eq` of two values: numbers of different kinds and text do not compare, nothing equals only nothing.
pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        #[expect(clippy::float_cmp, reason = "equality is what was asked for")]
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (a, b) if a.is_nil() || b.is_nil() => Ok(a.is_nil() && b.is_nil()),
        (a, b) => Err(incomparable(a, b)),
    }
}

/// Go's `lt`.
pub(super) fn less(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a < b),
        (Value::Float(a), Value::Float(b)) => Ok(a < b),
        (Value::Text(a), Value::Text(b)) => Ok(a < b),
        (a, b) => Err(incomparable(a, b)),
    }
}

fn incomparable(a: &Value, b: &Value) -> String {
    format!("{} and {} cannot be compared", a.kind(), b.kind())
}

pub(super) fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.len(),
        other => return Err(format!("expected text, a list or a map, found {}", other.kind())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// `index x 1 2 3` is `x[1][2][3]`.
pub(super) fn index(args: &[Value]) -> Result<Value, String> {
    let (value, keys) = args.split_first().ok_or("expected a list or a map")?;
    let mut value = value.clone();
    for key in keys {
        value = match &value {
            Value::List(list) => match position(key, list.items.len())? {
                Some(at) => list.items[at].clone(),
                None => return Err(out_of_range(key, list.items.len())),
            },
            Value::Text(text) => match position(key, text.len())? {
                Some(at) => Value::Int(i64::from(text.as_bytes()[at])),
                None => return Err(out_of_range(key, text.len())),
            },
            Value::Map(map) => {
                let wanted = key
                    .as_key()
                    .ok_or_else(|| format!("{} is no key of a map", key.kind()))?;
                map.get(&wanted).cloned().unwrap_or(Value::Null)
            }
            other => return Err(format!("expected a list or a map, found {}", other.kind())),
        };
    }
    Ok(value)
}

fn position(key: &Value, length: usize) -> Result<Option<usize>, String> {
    match key {
        Value::Int(number) => Ok(usize::try_from(*number).ok().filter(|at| *at < length)),
        other => Err(format!(
            "expected a whole number as index, found {}",
            other.kind()
        )),
    }
}

fn out_of_range(key: &Value, length: usize) -> String {
    match key {
        Value::Int(number) => format!(
            "index {number} is out of range (0 to {})",
            i128::try_from(length).unwrap_or(0) - 1
        ),
        _ => "index out of range".to_owned(),
    }
}
