//! Three-valued truth over time, piecewise constant.
//!
//! Instants are half-open intervals of nanoseconds: something that was true only at one instant (a single lost packet) is
//! true for one nanosecond, so that "never" sees it.

use std::time::Duration;

use crate::base::MonoTime;

/// True, false, or not known. Ordered so that `min` is "and" and `max` is "or" (Kleene).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// Shown not to hold.
    False,
    /// Cannot be told.
    Unknown,
    /// Shown to hold.
    True,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// An interval `[from, to)` of one truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Start.
    pub(super) from: MonoTime,
    /// End.
    pub(super) to: MonoTime,
    /// Its truth.
    pub(super) truth: Truth,
}

impl Segment {
    /// Returns its length.
    #[must_use]
    pub(super) fn length(&self) -> Duration {
        self.to.since(self.from)
    }
}

/// Truth over a window. Segments adjoin, differ from their neighbours and cover the window; an empty window has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    segments: Vec<Segment>,
}

impl Timeline {
    /// Builds a timeline over `[from, to)` from changes `(since, truth)` in order of time; unknown before the first.
    #[must_use]
    pub(super) fn new(
        from: MonoTime,
        to: MonoTime,
        changes: impl IntoIterator<Item = (MonoTime, Truth)>,
    ) -> Self {
        let mut timeline = Self::default();
        let (mut since, mut truth) = (from, Truth::Unknown);
        for (at, next) in changes {
            timeline.push(since, at.min(to), truth);
            since = at.max(since);
            truth = next;
        }
        timeline.push(since, to, truth);
        timeline
    }

    fn push(&mut self, from: MonoTime, to: MonoTime, truth: Truth) {
        if from >= to {
            return;
        }
        match self.segments.last_mut() {
            Some(last) if last.truth == truth => last.to = to,
            _ => self.segments.push(Segment { from, to, truth }),
        }
    }

    /// Returns its segments in order.
    #[must_use]
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns the truth at an instant; unknown outside the window.
    #[must_use]
    pub(super) fn at(&self, instant: MonoTime) -> Truth {
        let index = self.segments.partition_point(|segment| segment.to <= instant);
        match self.segments.get(index) {
            Some(segment) if segment.from <= instant => segment.truth,
            _ => Truth::Unknown,
        }
    }

    /// Returns the truth just before the window's end.
    #[must_use]
    pub(super) fn last(&self) -> Truth {
        self.segments
            .last()
            .map_or(Truth::Unknown, |segment| segment.truth)
    }

    /// Returns the part of it in `[from, to)`.
    #[must_use]
    pub(super) fn clip(&self, from: MonoTime, to: MonoTime) -> Self {
        let mut clipped = Self::default();
        for segment in &self.segments {
            clipped.push(segment.from.max(from), segment.to.min(to), segment.truth);
        }
        clipped
    }

    /// Returns the negation.
    #[must_use]
    pub(super) fn not(&self) -> Self {
        let segments = self.segments.iter().map(|segment| Segment {
            truth: match segment.truth {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Unknown => Truth::Unknown,
            },
            ..*segment
        });
        Self {
            segments: segments.collect(),
        }
    }

    /// Combines timelines of the same window, instant by instant.
    ///
    /// `decide` gets how many are true and how many are unknown.
    #[must_use]
    pub(super) fn count<'a>(
        timelines: impl IntoIterator<Item = &'a Self>,
        from: MonoTime,
        to: MonoTime,
        decide: impl Fn(usize, usize) -> Truth,
    ) -> Self {
        let mut changes: Vec<(MonoTime, Truth, Truth)> = Vec::new();
        let mut number = 0usize;
        for timeline in timelines {
            number += 1;
            let mut before = Truth::Unknown;
            for segment in &timeline.segments {
                changes.push((segment.from, before, segment.truth));
                before = segment.truth;
            }
        }
        changes.sort_by_key(|(at, _, _)| *at);
        let (mut is_true, mut unknown) = (0usize, number);
        let mut combined = Self::default();
        let mut since = from;
        for (at, before, after) in changes {
            if at > since {
                combined.push(since, at.min(to), decide(is_true, unknown));
                since = at;
            }
            is_true -= usize::from(before == Truth::True);
            unknown -= usize::from(before == Truth::Unknown);
            is_true += usize::from(after == Truth::True);
            unknown += usize::from(after == Truth::Unknown);
        }
        combined.push(since, to, decide(is_true, unknown));
        combined
    }

    /// Returns "one of them is true" of timelines of the same window.
    #[must_use]
    pub(super) fn any<'a>(
        timelines: impl IntoIterator<Item = &'a Self>,
        from: MonoTime,
        to: MonoTime,
    ) -> Self {
        Self::count(timelines, from, to, |is_true, unknown| match (is_true, unknown) {
            (1.., _) => Truth::True,
            (0, 1..) => Truth::Unknown,
            (0, 0) => Truth::False,
        })
    }

    /// Returns the maximal runs in which it is possibly true, each with its certain part.
    #[must_use]
    pub(super) fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut open = false;
        for segment in &self.segments {
            if segment.truth == Truth::False {
                open = false;
                continue;
            }
            if !open {
                runs.push(Run {
                    from: segment.from,
                    to: segment.to,
                    certain: None,
                    certain_total: Duration::ZERO,
                    certain_parts: 0,
                });
                open = true;
            }
            let Some(run) = runs.last_mut() else { continue };
            run.to = segment.to;
            if segment.truth == Truth::True {
                run.certain_total += segment.length();
                run.certain_parts += 1;
                if run.certain.is_none_or(|best| best.length() < segment.length()) {
                    run.certain = Some(*segment);
                }
            }
        }
        runs
    }
}

/// A stretch of time in which something was possibly true without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// When it began at the earliest.
    pub(super) from: MonoTime,
    /// When it ended at the latest.
    pub(super) to: MonoTime,
    /// The longest part in which it was certainly true.
    pub(super) certain: Option<Segment>,
    /// How long it was certainly true altogether.
    pub(super) certain_total: Duration,
    /// In how many parts it was certainly true.
    pub(super) certain_parts: u32,
}

impl Run {
    /// Returns how long it was true without a break, at least.
    #[must_use]
    pub(super) fn at_least(&self) -> Duration {
        self.certain.map_or(Duration::ZERO, |segment| segment.length())
    }

    /// Returns how long it was true without a break, at most.
    #[must_use]
    pub(super) fn at_most(&self) -> Duration {
        self.to.since(self.from)
    }
}
