//! The temporal forms over a three-valued timeline. Pure arithmetic; words are added by `evaluate`.

use std::time::Duration;

use super::timeline::{Run, Segment, Timeline, Truth};
use crate::base::MonoTime;
use crate::record::Verdict;

/// `always`: fails on one certain violation, and is inconclusive where nothing is known or nothing was looked at.
pub(super) fn always(timeline: &Timeline) -> (Verdict, Option<Segment>) {
    let first = |wanted| {
        timeline
            .segments()
            .iter()
            .find(|segment| segment.truth == wanted)
            .copied()
    };
    if let Some(violation) = first(Truth::False) {
        return (Verdict::Fail, Some(violation));
    }
    match first(Truth::Unknown) {
        Some(unknown) => (Verdict::Inconclusive, Some(unknown)),
        None if timeline.segments().is_empty() => (Verdict::Inconclusive, None),
        None => (Verdict::Pass, None),
    }
}

/// How an `eventually` came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// It became true in `(not_before, at]`, in time.
    InTime { not_before: MonoTime, at: MonoTime },
    /// It was true from the start: vacuous unless that is allowed.
    FromStart { at: MonoTime },
    /// It was not seen to be false before it was seen to be true, in time.
    NotSeenFalse { at: MonoTime },
    /// It may have become true just in time or just too late.
    AtTheLimit { not_before: MonoTime, at: MonoTime },
    /// It became true, too late.
    Late { not_before: MonoTime, at: MonoTime },
    /// It was false throughout, beyond the deadline.
    Never,
    /// It was not seen to become true, and not known to be false throughout the time it had.
    Unknown,
}

/// `eventually` over a timeline that begins at the reference; `deadline` may lie beyond the timeline.
pub(super) fn eventually(timeline: &Timeline, deadline: MonoTime) -> Reached {
    let segments = timeline.segments();
    let Some(first) = segments.first() else {
        return Reached::Unknown;
    };
    if first.truth == Truth::True {
        return Reached::FromStart { at: first.from };
    }
    let Some(index) = segments.iter().position(|segment| segment.truth == Truth::True) else {
        let end = segments.last().map_or(first.from, |last| last.to);
        let possible = segments
            .iter()
            .any(|segment| segment.truth == Truth::Unknown && segment.from <= deadline);
        return if possible || end < deadline {
            Reached::Unknown
        } else {
            Reached::Never
        };
    };
    let at = segments[index].from;
    let before = &segments[..index];
    let possible = before.iter().find(|segment| segment.truth == Truth::Unknown);
    let not_before = possible.map_or(at, |segment| segment.from);
    if at <= deadline {
        // With an unknown between, the sampling bound reaches back to the end of the last time it was false.
        return match before.iter().rfind(|segment| segment.truth == Truth::False) {
            Some(last_false) => Reached::InTime {
                not_before: last_false.to,
                at,
            },
            None => Reached::NotSeenFalse { at },
        };
    }
    if not_before <= deadline {
        Reached::AtTheLimit { not_before, at }
    } else {
        Reached::Late { not_before, at }
    }
}

/// Measured durations of "true without a break".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spans {
    /// The run with the longest certain part, or else the longest possible one.
    pub(super) longest: Option<Run>,
    /// Longest certain part of any run.
    pub(super) at_least: Duration,
    /// Longest run possible; none when one may go on beyond what was seen.
    pub(super) at_most: Option<Duration>,
    /// Certain time altogether.
    pub(super) total_at_least: Duration,
    /// Possible time altogether; none like `at_most`.
    pub(super) total_at_most: Option<Duration>,
    /// How many runs have a certain part.
    pub(super) count_at_least: u32,
    /// How many times it was possibly true.
    pub(super) count_at_most: u32,
}

/// Measures a timeline; with `open_end` a run at its end may go on beyond what was seen.
pub(super) fn spans(timeline: &Timeline, open_end: bool) -> Spans {
    let runs = timeline.runs();
    let end = timeline.segments().last().map(|segment| segment.to);
    let open = open_end && runs.last().is_some_and(|run| Some(run.to) == end);
    let longest = runs
        .iter()
        .copied()
        .max_by_key(|run| (run.at_least(), run.at_most()));
    let at_most = runs.iter().map(Run::at_most).max().unwrap_or_default();
    let total: Duration = runs.iter().map(Run::at_most).sum();
    // Unknown parts within one run may hide further breaks, so a run counts at most once more per certain part.
    let most: u32 = runs.iter().map(|run| run.certain_parts.max(1)).sum();
    let certain = runs.iter().filter(|run| run.certain.is_some()).count();
    Spans {
        longest,
        at_least: runs.iter().map(Run::at_least).max().unwrap_or_default(),
        at_most: (!open).then_some(at_most),
        total_at_least: runs.iter().map(|run| run.certain_total).sum(),
        total_at_most: (!open).then_some(total),
        count_at_least: u32::try_from(certain).unwrap_or(u32::MAX),
        count_at_most: most,
    }
}

/// Compares a measured interval with a limit it must not exceed.
pub(super) fn within<T: PartialOrd + Copy>(at_least: T, at_most: Option<T>, limit: T) -> Verdict {
    if at_least > limit {
        Verdict::Fail
    } else if at_most.is_some_and(|at_most| at_most <= limit) {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    }
}

/// Compares a measured interval with a limit it must exceed.
pub(super) fn beyond(at_least: Duration, at_most: Option<Duration>, limit: Duration) -> Verdict {
    match within(at_least, at_most, limit) {
        Verdict::Pass => Verdict::Fail,
        Verdict::Fail => Verdict::Pass,
        other => other,
    }
}

/// `stable for`: a run of at least `hold` that starts by `deadline`.
pub(super) fn stable(timeline: &Timeline, hold: Duration, deadline: MonoTime) -> (Verdict, Option<Segment>) {
    let certain = timeline
        .segments()
        .iter()
        .find(|segment| segment.truth == Truth::True && segment.from <= deadline && segment.length() >= hold);
    if let Some(segment) = certain {
        return (Verdict::Pass, Some(*segment));
    }
    let end = timeline.segments().last().map(|segment| segment.to);
    let possible = timeline.runs().into_iter().any(|run| {
        let cut_short = Some(run.to) == end;
        run.from <= deadline && (run.at_most() >= hold || cut_short)
    });
    if possible || timeline.segments().is_empty() {
        (Verdict::Inconclusive, None)
    } else {
        (Verdict::Fail, None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One character per nanosecond: `1` true, `0` false, `?` unknown.
    fn timeline(text: &str) -> Timeline {
        let changes = text
            .bytes()
            .zip(0u64..)
            .map(|(byte, at)| (MonoTime(at), letter(byte)));
        Timeline::new(
            MonoTime(0),
            MonoTime(text.len() as u64),
            changes.collect::<Vec<_>>(),
        )
    }

    fn letter(byte: u8) -> Truth {
        match byte {
            b'1' => Truth::True,
            b'0' => Truth::False,
            _ => Truth::Unknown,
        }
    }

    #[test]
    fn always_needs_every_instant() {
        for (text, expected) in [
            ("1111", Verdict::Pass),
            ("1101", Verdict::Fail),
            ("11?1", Verdict::Inconclusive),
            ("?101", Verdict::Fail),
            ("", Verdict::Inconclusive),
        ] {
            assert_eq!(always(&timeline(text)).0, expected, "{text}");
        }
    }

    #[test]
    fn eventually_needs_to_be_false_first_and_in_time() {
        let (not_before, at) = (MonoTime(2), MonoTime(4));
        for (text, deadline, expected) in [
            ("00??11", 4, Reached::InTime { not_before, at }),
            ("00??11", 3, Reached::AtTheLimit { not_before, at }),
            ("00??11", 1, Reached::Late { not_before, at }),
            ("1100", 3, Reached::FromStart { at: MonoTime(0) }),
            ("??11", 3, Reached::NotSeenFalse { at: MonoTime(2) }),
            ("0000", 3, Reached::Never),
            ("0000", 9, Reached::Unknown),
            ("00?0", 3, Reached::Unknown),
            ("", 3, Reached::Unknown),
        ] {
            assert_eq!(
                eventually(&timeline(text), MonoTime(deadline)),
                expected,
                "{text} by {deadline}"
            );
        }
    }

    #[test]
    fn a_limit_inside_the_error_bars_is_inconclusive() {
        let limit = Duration::from_nanos;
        let judge = |text: &str, limit: Duration| {
            let spans = spans(&timeline(text), true);
            within(spans.at_least, spans.at_most, limit)
        };
        assert_eq!(judge("00?111??000", limit(6)), Verdict::Pass);
        assert_eq!(judge("00?111??000", limit(5)), Verdict::Inconclusive);
        assert_eq!(judge("00?111??000", limit(3)), Verdict::Inconclusive);
        assert_eq!(judge("00?111??000", limit(2)), Verdict::Fail);
        assert_eq!(judge("000001", limit(5)), Verdict::Inconclusive, "it may go on");
        assert_eq!(judge("000000", limit(0)), Verdict::Pass);
    }

    #[test]
    fn stability_cut_short_by_the_window_is_inconclusive() {
        let hold = Duration::from_nanos(3);
        for (text, deadline, expected) in [
            ("001110", 2, Verdict::Pass),
            ("001110", 1, Verdict::Fail),
            ("001101", 9, Verdict::Inconclusive),
            ("0110110", 9, Verdict::Fail),
            ("01?1100", 9, Verdict::Inconclusive),
        ] {
            assert_eq!(
                stable(&timeline(text), hold, MonoTime(deadline)).0,
                expected,
                "{text}"
            );
        }
    }

    /// Every way of replacing unknowns by answers.
    fn worlds(text: &[u8]) -> Vec<Vec<bool>> {
        let mut worlds = vec![Vec::new()];
        for byte in text {
            let answers: &[bool] = match byte {
                b'1' => &[true],
                b'0' => &[false],
                _ => &[false, true],
            };
            worlds = worlds
                .into_iter()
                .flat_map(|world| {
                    answers
                        .iter()
                        .map(move |answer| [world.as_slice(), &[*answer]].concat())
                })
                .collect();
        }
        worlds
    }

    fn longest(world: &[bool]) -> u64 {
        world
            .split(|is_true| !is_true)
            .map(|run| run.len() as u64)
            .max()
            .unwrap_or(0)
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just('0'), Just('1'), Just('?')], 1..10)
            .prop_map(|letters| letters.into_iter().collect())
    }

    fn merged(answers: impl Iterator<Item = bool>) -> Verdict {
        let answers: Vec<_> = answers.collect();
        if answers.iter().all(|answer| *answer) {
            Verdict::Pass
        } else if answers.iter().any(|answer| *answer) {
            Verdict::Inconclusive
        } else {
            Verdict::Fail
        }
    }

    proptest! {
        #[test]
        fn always_says_what_all_possible_worlds_say(text in text()) {
            let naive = merged(worlds(text.as_bytes()).iter().map(|world| world.iter().all(|t| *t)));
            prop_assert_eq!(always(&timeline(&text)).0, naive);
        }

        #[test]
        fn never_longer_says_what_all_possible_worlds_say(text in text(), limit in 0u64..10) {
            let spans = spans(&timeline(&text), false);
            let limit_ns = Duration::from_nanos(limit);
            let found = within(spans.at_least, spans.at_most, limit_ns);
            let naive = merged(worlds(text.as_bytes()).iter().map(|world| longest(world) <= limit));
            prop_assert_eq!(found, naive);
        }

        #[test]
        fn stable_never_contradicts_any_possible_world(text in text(), hold in 1u64..6, deadline in 0u64..10) {
            let found = stable(&timeline(&text), Duration::from_nanos(hold), MonoTime(deadline)).0;
            let holds = |world: &Vec<bool>| {
                let n = world.len() as u64;
                (0..n).any(|start| start <= deadline && start + hold <= n
                    && (start..start + hold).all(|at| world[usize::try_from(at).unwrap()]))
            };
            let naive = merged(worlds(text.as_bytes()).iter().map(holds));
            prop_assert!(found == naive || found == Verdict::Inconclusive, "{found:?} against {naive:?}");
        }

        #[test]
        fn a_longer_limit_never_makes_a_verdict_worse(text in text(), limit in 0u64..10, more in 0u64..10) {
            let spans = spans(&timeline(&text), true);
            let judge = |limit| within(spans.at_least, spans.at_most, Duration::from_nanos(limit));
            prop_assert!(judge(limit + more) <= judge(limit));
        }

        #[test]
        fn a_later_deadline_never_turns_in_time_into_late(text in text(), deadline in 0u64..10, more in 0u64..10) {
            let rank = |reached| match reached {
                Reached::InTime { .. } | Reached::FromStart { .. } | Reached::NotSeenFalse { .. } => 0,
                Reached::AtTheLimit { .. } | Reached::Unknown => 1,
                Reached::Late { .. } | Reached::Never => 2,
            };
            let early = rank(eventually(&timeline(&text), MonoTime(deadline)));
            let late = rank(eventually(&timeline(&text), MonoTime(deadline + more)));
            // A deadline beyond what was seen can only become unknown.
            prop_assert!(late <= early);
        }

        #[test]
        fn any_is_the_or_of_every_instant(a in text(), b in text()) {
            let n = a.len().min(b.len());
            let (a, b) = (&a[..n], &b[..n]);
            let (from, to) = (MonoTime(0), MonoTime(n as u64));
            let any = Timeline::any(&[timeline(a), timeline(b)], from, to);
            for at in 0..n {
                let expected = letter(a.as_bytes()[at]).max(letter(b.as_bytes()[at]));
                prop_assert_eq!(any.at(MonoTime(at as u64)), expected);
            }
        }
    }
}
