//! Durations as people write them: `500ms`, `3s`, `4m`.

use std::time::Duration;

/// Parses `250us`, `500ms`, `3s`, `1.5s`, `4m`, `1h`, `0`; several parts may follow each other (`1m 30s`).
///
/// # Errors
/// Returns what was expected, as a fragment for a diagnostic.
pub fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if let Some(fraction) = parse_fraction(text) {
        return Ok(fraction);
    }
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is not a duration (expected e.g. 500ms, 3s, 1.5s, 4m)"))
}

fn parse_fraction(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number
        .contains('.')
        .then(|| number.trim().parse().ok())
        .flatten()?;
    let factor = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * factor).ok()
}

/// Prints a duration with three significant figures and the unit that fits: `842 µs`, `13.2 ms`, `3.64 s`, `29 min 14 s`.
#[must_use]
pub fn human(duration: Duration) -> String {
    let secs = duration.as_secs_f64();
    let (value, unit) = if secs >= 119.5 {
        let whole = secs.round();
        return format!("{} min {} s", (whole / 60.0).floor(), whole % 60.0);
    } else if secs >= 0.9995 {
        (secs, "s")
    } else if secs >= 0.000_999_5 {
        (secs * 1e3, "ms")
    } else {
        (secs * 1e6, "µs")
    };
    let text = if value >= 99.95 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    format!("{text} {unit}")
}

/// Durations in serde, written as a string in the form of [`parse`].
pub mod text {
    use super::{Duration, parse};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes e.g. `1m 30s`.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*value))
    }

    /// Reads what [`parse`] reads.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("4m"), Ok(Duration::from_secs(240)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        assert!(parse("3 parsecs").is_err());
        assert!(parse("5").is_err());
    }

    #[test]
    fn durations_print_with_three_figures() {
        assert_eq!(human(Duration::from_micros(842)), "842 µs");
        assert_eq!(human(Duration::from_micros(13_240)), "13.2 ms");
        assert_eq!(human(Duration::from_millis(3_640)), "3.64 s");
        assert_eq!(human(Duration::from_secs(1754)), "29 min 14 s");
        assert_eq!(human(Duration::from_secs(3)), "3 s");
        assert_eq!(human(Duration::from_secs(100)), "100 s");
    }
}
