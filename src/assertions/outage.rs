//! Outages per pair, and the numbers of an experiment that come from them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::evaluate::Outcome;
use super::facts::Facts;
use super::model::{FlowSelection, Temporal};
use super::temporal::{self, Spans, spans};
use super::timeline::Timeline;
use super::traffic::{Pair, Traffic, out};
use crate::base::MonoTime;
use crate::base::duration::human;
use crate::record::{Measure, Verdict};

/// How many pairs with an outage are named in a result.
const EVIDENCE: usize = 5;

/// Outages of one pair.
pub(super) struct PairOutage {
    pub(super) pair: Pair,
    /// While any of its flows is out.
    pub(super) any: Spans,
    /// While all of its flows are out.
    pub(super) all: Spans,
}

/// Measures each pair over `[from, to)`.
pub(super) fn measure(
    pairs: &BTreeMap<Pair, Vec<Timeline>>,
    from: MonoTime,
    to: MonoTime,
    open_end: bool,
) -> Vec<PairOutage> {
    let measured = pairs.iter().map(|(pair, flows)| {
        let (any, all) = out(flows, from, to);
        PairOutage {
            pair: pair.clone(),
            any: spans(&any, open_end),
            all: spans(&all, open_end),
        }
    });
    measured.collect()
}

/// Returns the pair with the longest outage; the lower bound decides, then the upper.
pub(super) fn worst(outages: &[PairOutage]) -> Option<&PairOutage> {
    outages
        .iter()
        .rev()
        .max_by_key(|outage| (outage.any.at_least, outage.any.at_most.unwrap_or(Duration::MAX)))
}

/// Returns the bounds of the longest outage over all pairs.
pub(super) fn bounds(outages: &[PairOutage]) -> (Duration, Option<Duration>) {
    let at_least = outages.iter().map(|outage| outage.any.at_least).max();
    let at_most = outages
        .iter()
        .map(|outage| outage.any.at_most)
        .try_fold(Duration::ZERO, |most, next| Some(most.max(next?)));
    (at_least.unwrap_or_default(), at_most)
}

/// Prints `2.31 s [2.26 s, 2.36 s]`, the middle first; `over 2.26 s` when the end was not seen.
pub(super) fn bars(at_least: Duration, at_most: Option<Duration>) -> String {
    match at_most {
        Some(at_most) => format!(
            "{} [{}, {}]",
            human((at_least + at_most) / 2),
            human(at_least),
            human(at_most)
        ),
        None => format!("over {} (not over when the experiment ended)", human(at_least)),
    }
}

/// Judges `never for longer than` and its opposite, for each pair on its own.
pub(super) fn outcome(facts: &Facts<'_>, how: &Temporal, outages: &[PairOutage]) -> Outcome {
    let (at_least, at_most) = bounds(outages);
    let each = outages.iter().map(|outage| limits(how, &outage.any));
    let (verdict, limit, hint) = match how {
        Temporal::LongerThan { limit } => (
            temporal::beyond(at_least, at_most, *limit),
            *limit,
            "this design is stated to lose service here; if it really keeps it now, change the statement",
        ),
        Temporal::NeverLongerThan { longest, .. } => (
            each.max().unwrap_or_default(),
            *longest,
            "follow the evidence times in the timeline: which protocol noticed, and when",
        ),
        _ => (Verdict::Error, Duration::ZERO, "this form is judged elsewhere"),
    };
    let hint = match verdict {
        Verdict::Inconclusive => {
            "the limit lies inside the error bars: send more often, or let the experiment run longer"
        }
        _ => hint,
    };
    let mut outcome = Outcome {
        verdict,
        hint: Some(hint.to_owned()),
        ..Outcome::default()
    };
    let Some(worst) = worst(outages) else {
        return outcome;
    };
    outcome.seen = seen(worst, outages, limit);
    let (any, all) = (&worst.any, &worst.all);
    outcome.measures = vec![
        as_measure("longest outage", at_least, at_most),
        as_measure("all flows of that pair out", all.at_least, all.at_most),
        as_measure(
            "outage of that pair in total",
            any.total_at_least,
            any.total_at_most,
        ),
    ];
    let mut ranked: Vec<_> = outages
        .iter()
        .filter(|outage| outage.any.longest.is_some())
        .collect();
    ranked.sort_by_key(|outage| std::cmp::Reverse(outage.any.at_least));
    for outage in ranked.into_iter().take(EVIDENCE) {
        let Some(run) = outage.any.longest else { continue };
        let (from, to) = (facts.clock(run.from), facts.clock(run.to));
        let what = format!("{} out from {from} to {to}", outage.pair);
        outcome = outcome.point_at(run.from, Some(run.to), what);
    }
    outcome
}

fn seen(worst: &PairOutage, outages: &[PairOutage], limit: Duration) -> String {
    if worst.any.longest.is_none() {
        return format!("no packet lost on {} pairs", outages.len());
    }
    let beyond = outages
        .iter()
        .filter(|outage| outage.any.at_least > limit)
        .count();
    format!(
        "longest outage {} {}; {beyond} of {} pairs out for longer than {}",
        worst.pair,
        bars(worst.any.at_least, worst.any.at_most),
        outages.len(),
        human(limit)
    )
}

/// Compares the runs of one timeline with the limits of `never for longer than`.
pub(super) fn limits(how: &Temporal, spans: &Spans) -> Verdict {
    let Temporal::NeverLongerThan {
        longest,
        total,
        count,
    } = how
    else {
        return Verdict::Error;
    };
    let mut verdict = temporal::within(spans.at_least, spans.at_most, *longest);
    if let Some(total) = total {
        verdict = verdict.max(temporal::within(
            spans.total_at_least,
            spans.total_at_most,
            *total,
        ));
    }
    if let Some(count) = count {
        verdict = verdict.max(temporal::within(
            spans.count_at_least,
            Some(spans.count_at_most),
            *count,
        ));
    }
    verdict
}

/// Makes a measure of bounds.
pub(super) fn as_measure(name: &str, at_least: Duration, at_most: Option<Duration>) -> Measure {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Measure {
        name: name.to_owned(),
        at_least_ns: nanos(at_least),
        at_most_ns: at_most.map(nanos),
    }
}

/// Numbers of an experiment as a whole.
pub(super) struct Totals {
    pub(super) longest: Option<Measure>,
    pub(super) kept: u32,
    pub(super) pairs: u32,
    pub(super) spoiled: Option<String>,
}

/// Computes them from the method's start to the experiment's end.
pub(super) fn totals(facts: &Facts<'_>, groups: &[String], limit: Option<Duration>) -> Totals {
    let traffic = Traffic::gather(facts);
    let Some(from) = facts.method_start else {
        // Without a method nothing was measured: no pair may be called kept.
        return Totals {
            longest: None,
            kept: 0,
            pairs: 0,
            spoiled: None,
        };
    };
    let to = super::evaluate::traffic_end(facts, &traffic, facts.horizon);
    let mut pairs = traffic.pairs(&FlowSelection::default(), from, to);
    pairs.retain(|pair, _| groups.is_empty() || groups.contains(&pair.group));
    let outages = measure(&pairs, from, to, true);
    let keeps = |outage: &&PairOutage| match (limit, outage.any.at_most) {
        (Some(limit), Some(at_most)) => at_most <= limit,
        (None, Some(at_most)) => at_most.is_zero(),
        (_, None) => false,
    };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let (at_least, at_most) = bounds(&outages);
    let (sent, spoiled) = traffic.spoiled();
    Totals {
        longest: (!outages.is_empty()).then(|| as_measure("longest outage", at_least, at_most)),
        kept: number(outages.iter().filter(keeps).count()),
        pairs: number(outages.len()),
        spoiled: (spoiled * 100 > sent).then(|| {
            format!(
                "the prober was late for {spoiled} of {sent} packets (over 1 %): the machine is overloaded"
            )
        }),
    }
}
