//! Expectations in one line of plain English, for reports.

use std::fmt;

use super::model::{
    Between, Expectation, FlowSelection, LogPredicate, Op, Predicate, Quantifier, StatePredicate, Temporal,
    TrafficPredicate, TrafficState,
};
use crate::base::duration::human;

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.how)?;
        write!(f, ": {}", self.what)?;
        write!(f, " (from {} to {})", self.from(), self.to())
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Never => f.write_str("never"),
            Self::AtEnd => f.write_str("at the end"),
            Self::Eventually { within, after, .. } => {
                f.write_str("eventually")?;
                if let Some(within) = within {
                    write!(f, " within {}", human(*within))?;
                }
                if let Some(after) = after {
                    write!(f, " after {after}")?;
                }
                Ok(())
            }
            Self::NeverLongerThan {
                longest,
                total,
                count,
            } => {
                write!(f, "never for longer than {}", human(*longest))?;
                if let Some(total) = total {
                    write!(f, ", {} in total", human(*total))?;
                }
                if let Some(count) = count {
                    write!(f, ", {count} times")?;
                }
                Ok(())
            }
            Self::LongerThan { limit } => write!(f, "at some point for longer than {}", human(*limit)),
            Self::StableFor { hold, within } => {
                write!(f, "stable for {}", human(*hold))?;
                match within {
                    Some(within) => write!(f, " within {}", human(*within)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::Traffic(traffic) => traffic.fmt(f),
            Self::Log(log) => log.fmt(f),
            Self::Reached(point) => write!(f, "`{point}` is reached"),
        }
    }
}

impl fmt::Display for StatePredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = serde_json::to_value(self.state).ok();
        let kind = kind
            .as_ref()
            .and_then(serde_json::Value::as_str)
            .unwrap_or("state");
        let each = match (self.quantifier, &self.op) {
            (_, Op::DiffersBetween(_) | Op::SameBetween(_) | Op::Present | Op::Absent) => "",
            (Quantifier::All, _) => "every ",
            (Quantifier::Any, _) => "some ",
        };
        write!(f, "{each}{kind}")?;
        if self.key != "*" {
            write!(f, " {}", self.key)?;
        }
        write!(f, " of {}", self.on.selector)?;
        if let Some(field) = &self.field {
            write!(f, ": {field}")?;
        }
        match &self.op {
            Op::Equals(value) => write!(f, " is {}", plain(value)),
            Op::Not(value) => write!(f, " is not {}", plain(value)),
            Op::OneOf(values) => {
                let list: Vec<_> = values.iter().map(plain).collect();
                write!(f, " is one of {}", list.join(", "))
            }
            Op::Less(limit) => write!(f, " is below {limit}"),
            Op::Greater(limit) => write!(f, " is above {limit}"),
            Op::Present => f.write_str(" exists"),
            Op::Absent => f.write_str(" does not exist"),
            Op::Changed => f.write_str(" is not what it was at the start"),
            Op::DiffersBetween(Between::Nodes) => f.write_str(" differs between the nodes"),
            Op::DiffersBetween(Between::Keys) => f.write_str(" differs within a node"),
            Op::SameBetween(Between::Nodes) => f.write_str(" is the same at all nodes"),
            Op::SameBetween(Between::Keys) => f.write_str(" is the same within a node"),
        }
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl fmt::Display for FlowSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.groups.is_empty() {
            f.write_str("all traffic")?;
        } else {
            f.write_str(&self.groups.join(", "))?;
        }
        if let Some(from) = &self.from {
            write!(f, " from {}", from.selector)?;
        }
        if let Some(to) = &self.to {
            write!(f, " to {}", to.selector)?;
        }
        Ok(())
    }
}

impl fmt::Display for TrafficPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flows = &self.flows;
        match self.is {
            TrafficState::Out => write!(f, "a pair of {flows} is out"),
            TrafficState::Delivered => write!(f, "{flows} loses nothing"),
            TrafficState::BlackHoled => write!(f, "{flows} loses everything"),
            TrafficState::DeliveringAtLeast(part) => {
                write!(
                    f,
                    "at least {:.0} % of the flows of {flows} deliver",
                    part * 100.0
                )
            }
            TrafficState::DeliveringAtMost(part) => {
                write!(f, "at most {:.0} % of the flows of {flows} deliver", part * 100.0)
            }
            TrafficState::PairsOutAtLeast(count) => write!(f, "at least {count} pairs of {flows} are out"),
        }
    }
}

impl fmt::Display for LogPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let daemon = self.daemon.as_deref().unwrap_or("some daemon");
        write!(f, "{daemon} of {} logs `{}`", self.on.selector, self.contains)
    }
}
