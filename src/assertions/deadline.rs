//! `eventually … within` in words: when it came, when it was due, and why that may show nothing.

use std::time::Duration;

use super::evaluate::{Outcome, Span};
use super::facts::Facts;
use super::model::Temporal;
use super::outage::{as_measure, bars};
use super::temporal::{self, Reached};
use super::timeline::Timeline;
use crate::base::MonoTime;
use crate::record::Verdict;

/// Judges an `eventually`; other forms do not come here.
pub(super) fn eventually(facts: &Facts<'_>, how: &Temporal, timeline: &Timeline, span: Span) -> Outcome {
    let Temporal::Eventually {
        within,
        after,
        already_true,
    } = how
    else {
        return Outcome::default();
    };
    let reference = match after.as_ref().map_or(Ok(span.from), |point| facts.instant(point)) {
        Ok(reference) => reference.max(span.from),
        Err(reason) => return Outcome::inconclusive(reason, "the reference of `within` never came"),
    };
    let deadline = within.map_or(span.to, |within| reference + within);
    let reached = temporal::eventually(&timeline.clip(reference, span.to), deadline);
    let (verdict, seen, hint) = words(facts, reached, *already_true, reference, span.to);
    let mut outcome = Outcome {
        verdict,
        seen: seen.clone(),
        hint: Some(hint.to_owned()),
        ..Outcome::default()
    };
    if let Some((at_least, at_most)) = took(reached, reference) {
        let measure = as_measure("time until true", at_least, Some(at_most));
        outcome.measures.push(measure);
    }
    let at = match reached {
        Reached::InTime { at, .. }
        | Reached::AtTheLimit { at, .. }
        | Reached::Late { at, .. }
        | Reached::FromStart { at }
        | Reached::NotSeenFalse { at } => at,
        Reached::Never => span.to,
        Reached::Unknown => return outcome,
    };
    outcome.point_at(at, None, seen)
}

/// How long after the reference it became true, with bounds.
fn took(reached: Reached, reference: MonoTime) -> Option<(Duration, Duration)> {
    match reached {
        Reached::InTime { not_before, at }
        | Reached::AtTheLimit { not_before, at }
        | Reached::Late { not_before, at } => Some((not_before.since(reference), at.since(reference))),
        _ => None,
    }
}

/// The verdict, what was seen, and the next move.
fn words(
    facts: &Facts<'_>,
    reached: Reached,
    already_true: bool,
    reference: MonoTime,
    end: MonoTime,
) -> (Verdict, String, &'static str) {
    let timing = |at: MonoTime| {
        let (at_least, at_most) = took(reached, reference).unwrap_or_default();
        format!(
            "true after {}, at {}",
            bars(at_least, Some(at_most)),
            facts.clock(at)
        )
    };
    match reached {
        Reached::InTime { at, .. } => (Verdict::Pass, timing(at), ""),
        Reached::AtTheLimit { at, .. } => (
            Verdict::Inconclusive,
            timing(at),
            "the limit lies inside the sampling bound: give it more room, or poll more often",
        ),
        Reached::Late { at, .. } => (
            Verdict::Fail,
            timing(at),
            "it came, but late: look at what it waited for",
        ),
        Reached::FromStart { at } | Reached::NotSeenFalse { at } if already_true => {
            (Verdict::Pass, format!("true from {}", facts.clock(at)), "")
        }
        Reached::FromStart { .. } => (
            Verdict::Inconclusive,
            "already true at the start: that it holds shows nothing".to_owned(),
            "let the window begin when it is false, or write `already-true: ok`",
        ),
        Reached::NotSeenFalse { at } => (
            Verdict::Inconclusive,
            format!("true at {}, but never seen to be false before", facts.clock(at)),
            "let the window begin while its state is observed, or write `already-true: ok`",
        ),
        Reached::Never => (
            Verdict::Fail,
            format!("still false at {}", facts.clock(end)),
            "look at why it did not come",
        ),
        Reached::Unknown => (
            Verdict::Inconclusive,
            format!(
                "not seen to become true by {}, and not known to stay false",
                facts.clock(end)
            ),
            "nothing was observed when it mattered, or the experiment ended before the deadline",
        ),
    }
}
