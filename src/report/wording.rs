//! How verdicts and measures are put into words, the same in every report.

use std::time::Duration;

use crate::base::duration::human;
use crate::record::{ExperimentResult, Measure, Verdict};

/// A verdict for a table's cell.
pub(super) fn verdict(verdict: Verdict, expected_finding: bool) -> &'static str {
    match verdict {
        Verdict::Pass if expected_finding => "pass (expected finding)",
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "FAIL",
        Verdict::Error => "ERROR",
    }
}

/// A class name for a verdict.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Inconclusive => "warn",
        Verdict::Fail | Verdict::Error => "bad",
    }
}

/// A verdict of a whole run.
pub(super) fn run_verdict(results: &[ExperimentResult]) -> Verdict {
    results
        .iter()
        .map(|result| result.verdict)
        .max()
        .unwrap_or(Verdict::Inconclusive)
}

/// A measure with its error bars: `2.31 s [2.26, 2.36]`, or `≥ 2.31 s` when its end was not seen.
pub(super) fn measure(measure: &Measure) -> String {
    let low = Duration::from_nanos(measure.at_least_ns);
    match measure.at_most_ns {
        None => format!("≥ {}", human(low)),
        Some(0) => "none".to_owned(),
        Some(high) => bars(low, Duration::from_nanos(high)),
    }
}

fn bars(low: Duration, high: Duration) -> String {
    let middle = low + high.saturating_sub(low) / 2;
    if high == low {
        return human(middle);
    }
    if high.as_secs_f64() >= 119.5 {
        return format!("{} [{}, {}]", human(middle), human(low), human(high));
    }
    let (factor, unit) = if high >= Duration::from_secs(1) {
        (1.0, "s")
    } else if high >= Duration::from_millis(1) {
        (1e3, "ms")
    } else {
        (1e6, "µs")
    };
    let scaled = |duration: Duration| duration.as_secs_f64() * factor;
    let decimals = decimals((scaled(high) - scaled(low)) / 2.0);
    format!(
        "{:.decimals$} {unit} [{:.decimals$}, {:.decimals$}]",
        scaled(middle),
        scaled(low),
        scaled(high)
    )
}

/// One or two significant figures of the error are worth printing, and never more than three decimals.
fn decimals(error: f64) -> usize {
    match error {
        error if error >= 3.0 => 0,
        error if error >= 0.3 => 1,
        error if error >= 0.03 => 2,
        _ => 3,
    }
}

/// `1 pair`, `2 pairs`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Names joined for people, shortened after a few: `eth1, eth2, eth3 and 4 more`.
pub(super) fn some_of(names: &[String], most: usize) -> String {
    if names.len() <= most + 1 {
        return names.join(", ");
    }
    format!("{} and {} more", names[..most].join(", "), names.len() - most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_read_as_value_with_error_bars() {
        let text = |low: u64, high: Option<u64>| {
            measure(&Measure {
                name: String::new(),
                at_least_ns: low * 1_000_000,
                at_most_ns: high.map(|ms| ms * 1_000_000),
            })
        };
        assert_eq!(text(2260, Some(2360)), "2.31 s [2.26, 2.36]");
        assert_eq!(text(29_123, Some(29_141)), "29.132 s [29.123, 29.141]");
        assert_eq!(text(240, Some(280)), "260 ms [240, 280]");
        assert_eq!(text(0, Some(0)), "none");
        assert_eq!(text(2310, None), "≥ 2.31 s");
        assert_eq!(
            text(1_752_000, Some(1_756_000)),
            "29 min 14 s [29 min 12 s, 29 min 16 s]"
        );
    }
}
