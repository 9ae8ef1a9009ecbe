//! One expectation against one experiment: timelines in, verdict with words, numbers and evidence out.

use std::time::Duration;

use super::deadline;
use super::facts::Facts;
use super::model::{
    Expectation, LogPredicate, Predicate, Selection, Temporal, TrafficPredicate, TrafficState, matches,
};
use super::outage::{self, as_measure, bars, limits};
use super::temporal::{self, Spans};
use super::timeline::{Segment, Timeline, Truth};
use super::traffic::{self, Traffic};
use crate::base::MonoTime;
use crate::base::duration::human;
use crate::record::{Event, Evidence, ExpectationResult, Measure, Verdict};

/// A verdict with its words; becomes an [`ExpectationResult`].
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) seen: String,
    pub(super) hint: Option<String>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) measures: Vec<Measure>,
}

impl Outcome {
    pub(super) fn inconclusive(seen: impl Into<String>, hint: &str) -> Self {
        Self {
            verdict: Verdict::Inconclusive,
            seen: seen.into(),
            hint: Some(hint.to_owned()),
            ..Self::default()
        }
    }

    pub(super) fn point_at(mut self, at: MonoTime, until: Option<MonoTime>, what: impl Into<String>) -> Self {
        let what = what.into();
        self.evidence.push(Evidence { at, until, what });
        self
    }
}

/// The window of an expectation.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: MonoTime,
    pub(super) to: MonoTime,
    /// Whether what lasts at its end may go on beyond what was recorded.
    open_end: bool,
}

pub(super) fn evaluate(facts: &Facts<'_>, expectation: &Expectation) -> ExpectationResult {
    let outcome = judge(facts, expectation).unwrap_or_else(|outcome| outcome);
    ExpectationResult {
        name: expectation.name.clone(),
        verdict: outcome.verdict,
        expected: expectation.to_string(),
        seen: outcome.seen,
        source: expectation.source.clone(),
        hint: (outcome.verdict != Verdict::Pass)
            .then_some(outcome.hint)
            .flatten(),
        evidence: outcome.evidence,
        measures: outcome.measures,
    }
}

fn judge(facts: &Facts<'_>, expectation: &Expectation) -> Result<Outcome, Outcome> {
    const NO_POINT: &str = "see the run's steps for how far it came";
    let never_reached = |reason| Outcome::inconclusive(reason, NO_POINT);
    let from = facts.instant(&expectation.from()).map_err(never_reached)?;
    let to = facts.instant(&expectation.to()).map_err(never_reached)?;
    let span = Span {
        from,
        to: to.min(facts.horizon),
        open_end: to >= facts.horizon,
    };
    if span.from >= span.to {
        return Err(Outcome::inconclusive(
            format!(
                "the window is empty: it begins at {} and ends at {}",
                facts.clock(from),
                facts.clock(to)
            ),
            "let the window end after it begins, or let the experiment run longer",
        ));
    }
    if let Predicate::Traffic(predicate) = &expectation.what {
        return traffic_outcome(facts, expectation, predicate, span);
    }
    let timeline = timeline(facts, &expectation.what, span)?;
    Ok(by_form(facts, expectation, &timeline, span, from))
}

/// The timeline of a predicate that is not about traffic.
fn timeline(facts: &Facts<'_>, predicate: &Predicate, span: Span) -> Result<Timeline, Outcome> {
    let resolved = |selection: &Selection| {
        if selection.nodes.is_empty() {
            let seen = format!("selector `{}` selects no node", selection.selector);
            return Err(Outcome::inconclusive(seen, "name nodes of this topology"));
        }
        Ok(())
    };
    match predicate {
        Predicate::State(predicate) => {
            resolved(&predicate.on)?;
            let timeline = super::state::timeline(facts, predicate, span.from, span.to);
            if timeline
                .segments()
                .iter()
                .all(|segment| segment.truth == Truth::Unknown)
            {
                return Err(Outcome::inconclusive(
                    format!("no usable observation for `{predicate}` in the window"),
                    "check the state's key and field, and that its collector ran (`CollectorFailed` in the history)",
                ));
            }
            Ok(timeline)
        }
        Predicate::Log(predicate) => {
            resolved(&predicate.on)?;
            log_timeline(facts, predicate, span)
        }
        Predicate::Reached(point) => Ok(latch(facts.instant(point).ok(), span)),
        Predicate::Traffic(_) => Ok(Timeline::default()),
    }
}

/// False until an instant, true from then on.
fn latch(at: Option<MonoTime>, span: Span) -> Timeline {
    let changes = [(span.from, Truth::False)]
        .into_iter()
        .chain(at.filter(|at| *at >= span.from).map(|at| (at, Truth::True)));
    Timeline::new(span.from, span.to, changes)
}

fn log_timeline(facts: &Facts<'_>, predicate: &LogPredicate, span: Span) -> Result<Timeline, Outcome> {
    let mut any = false;
    let mut found = None;
    for entry in &facts.entries {
        let Event::Log { node, daemon, line } = &entry.event else {
            continue;
        };
        if !predicate.on.nodes.contains(node) {
            continue;
        }
        any = true;
        let wanted = predicate
            .daemon
            .as_deref()
            .is_none_or(|pattern| matches(pattern, daemon));
        if wanted && entry.at >= span.from && line.contains(&predicate.contains) {
            found = Some(entry.at);
            break;
        }
    }
    if !any {
        return Err(Outcome::inconclusive(
            format!("no log line of {} was recorded at all", predicate.on.selector),
            "check that logs of this node are followed",
        ));
    }
    Ok(latch(found, span))
}

/// Where traffic stops being counted although nothing went wrong; `end` where it stopped too early.
pub(super) fn traffic_end(facts: &Facts<'_>, traffic: &Traffic<'_>, end: MonoTime) -> MonoTime {
    let needed = facts.method_end.map_or(end, |method_end| method_end.min(end));
    traffic
        .end()
        .filter(|counted| *counted >= needed)
        .map_or(end, |counted| counted.min(end))
}

fn traffic_outcome(
    facts: &Facts<'_>,
    expectation: &Expectation,
    predicate: &TrafficPredicate,
    span: Span,
) -> Result<Outcome, Outcome> {
    let traffic = Traffic::gather(facts);
    let end = traffic_end(facts, &traffic, span.to);
    let counted_to_end = traffic.end().is_some_and(|counted| counted <= end);
    let traffic_span = Span {
        to: end,
        open_end: span.open_end || counted_to_end,
        ..span
    };
    let Span { from, to, open_end } = traffic_span;
    let pairs = traffic.pairs(&predicate.flows, from, to);
    if pairs.is_empty() {
        return Err(Outcome::inconclusive(
            format!("no flow was sent for {}", predicate.flows),
            "check the traffic groups' names and the selectors of both ends",
        ));
    }
    if predicate.is == TrafficState::Out {
        let outages = outage::measure(&pairs, from, to, open_end);
        match &expectation.how {
            Temporal::NeverLongerThan { .. } | Temporal::LongerThan { .. } => {
                return Ok(outage::outcome(facts, &expectation.how, &outages));
            }
            Temporal::Never if outages.iter().all(|outage| outage.any.longest.is_none()) => {
                return Ok(Outcome {
                    seen: format!("no packet lost on {} pairs", outages.len()),
                    ..Outcome::default()
                });
            }
            _ => {}
        }
    }
    let timeline = traffic::timeline(&pairs, predicate, from, to);
    Ok(by_form(facts, expectation, &timeline, traffic_span, span.from))
}

fn by_form(
    facts: &Facts<'_>,
    expectation: &Expectation,
    timeline: &Timeline,
    span: Span,
    from: MonoTime,
) -> Outcome {
    match &expectation.how {
        Temporal::Always => held(facts, timeline, "held"),
        Temporal::Never => held(facts, &timeline.not(), "never happened"),
        Temporal::AtEnd => at_end(facts, timeline, span),
        Temporal::Eventually { .. } => deadline::eventually(facts, &expectation.how, timeline, span),
        Temporal::NeverLongerThan { .. } | Temporal::LongerThan { .. } => {
            lasting(facts, &expectation.how, &temporal::spans(timeline, span.open_end))
        }
        Temporal::StableFor { hold, within } => {
            let deadline = within.map_or(span.to, |within| from + within);
            let (verdict, segment) = temporal::stable(timeline, *hold, deadline);
            let outcome = Outcome {
                verdict,
                seen: match segment {
                    Some(segment) => format!(
                        "held for {} from {}",
                        human(segment.length()),
                        facts.clock(segment.from)
                    ),
                    None => longest_true(facts, timeline),
                },
                hint: Some("look for what flapped in the timeline".to_owned()),
                ..Outcome::default()
            };
            match segment {
                Some(segment) => outcome.point_at(segment.from, Some(segment.to), "held from here"),
                None => outcome,
            }
        }
    }
}

fn longest_true(facts: &Facts<'_>, timeline: &Timeline) -> String {
    match temporal::spans(timeline, false)
        .longest
        .and_then(|run| run.certain)
    {
        Some(segment) => format!(
            "held at best for {} from {}",
            human(segment.length()),
            facts.clock(segment.from)
        ),
        None => "never held".to_owned(),
    }
}

fn held(facts: &Facts<'_>, timeline: &Timeline, words: &str) -> Outcome {
    let (verdict, segment) = temporal::always(timeline);
    let length = timeline.segments().iter().map(Segment::length).sum();
    let not = if words == "held" {
        "did not hold"
    } else {
        "happened"
    };
    let Some(segment) = segment else {
        return Outcome {
            verdict,
            seen: format!("{words} in {}", human(length)),
            ..Outcome::default()
        };
    };
    let (seen, hint) = if verdict == Verdict::Fail {
        (
            format!(
                "{not} from {} for {}",
                facts.clock(segment.from),
                human(segment.length())
            ),
            "look at what happened just before that time",
        )
    } else {
        (
            format!(
                "not known from {} for {}",
                facts.clock(segment.from),
                human(segment.length())
            ),
            "nothing was observed there: see whether the collector failed, or move the window",
        )
    };
    Outcome {
        verdict,
        hint: Some(hint.to_owned()),
        seen: seen.clone(),
        ..Outcome::default()
    }
    .point_at(segment.from, Some(segment.to), seen)
}

fn at_end(facts: &Facts<'_>, timeline: &Timeline, span: Span) -> Outcome {
    let (verdict, words) = match timeline.last() {
        Truth::True => (Verdict::Pass, "holds"),
        Truth::False => (Verdict::Fail, "does not hold"),
        Truth::Unknown => (Verdict::Inconclusive, "is not known"),
    };
    let since = timeline
        .segments()
        .last()
        .map_or(span.from, |segment| segment.from);
    Outcome {
        verdict,
        seen: format!(
            "it {words} at {}, since {}",
            facts.clock(span.to),
            facts.clock(since)
        ),
        hint: Some("look at the last change before that time".to_owned()),
        ..Outcome::default()
    }
    .point_at(since, Some(span.to), format!("{words} since then"))
}

fn lasting(facts: &Facts<'_>, how: &Temporal, spans: &Spans) -> Outcome {
    let verdict = match how {
        Temporal::LongerThan { limit } => temporal::beyond(spans.at_least, spans.at_most, *limit),
        _ => limits(how, spans),
    };
    let mut outcome = Outcome {
        verdict,
        seen: match spans.longest {
            Some(run) => format!(
                "longest {} from {}",
                bars(spans.at_least, spans.at_most),
                facts.clock(run.from)
            ),
            None => "never".to_owned(),
        },
        hint: Some("the evidence says when; look at what changed there".to_owned()),
        ..Outcome::default()
    };
    outcome
        .measures
        .push(as_measure("longest", spans.at_least, spans.at_most));
    outcome
        .measures
        .push(as_measure("total", spans.total_at_least, spans.total_at_most));
    match spans.longest {
        Some(run) => outcome.point_at(run.from, Some(run.to), "longest"),
        None => outcome,
    }
}

/// The truth of a predicate at an instant; for state, log and reached predicates.
pub(super) fn truth_at(facts: &Facts<'_>, predicate: &Predicate, at: MonoTime) -> Truth {
    let span = Span {
        from: facts.method_start.unwrap_or_default().min(at),
        to: at + Duration::from_nanos(1),
        open_end: true,
    };
    if let Predicate::Traffic(predicate) = predicate {
        let traffic = Traffic::gather(facts);
        let pairs = traffic.pairs(&predicate.flows, span.from, span.to);
        return traffic::timeline(&pairs, predicate, span.from, span.to).at(at);
    }
    timeline(facts, predicate, span).map_or(Truth::Unknown, |timeline| timeline.at(at))
}
