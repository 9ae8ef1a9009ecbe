//! What probes saw of traffic.
//!
//! Sequence numbers make loss exact: an outage of a flow is a run of lost packets between two that arrived. With `n`
//! consecutive losses it lasted at least from the first to the last lost packet's sending time, and at most from the last
//! packet that arrived before to the first that arrived after.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{MonoTime, NodeName};

/// Number of a flow within its experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FlowId(pub u32);

/// A one-way UDP stream with sequence numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowSpec {
    /// Its number.
    pub id: FlowId,
    /// The traffic group of the experiment it belongs to, e.g. `customers-internet`.
    pub group: String,
    /// Sending node.
    pub from: NodeName,
    /// Receiving node.
    pub to: NodeName,
    /// Source address.
    pub source: std::net::IpAddr,
    /// Destination address.
    pub destination: std::net::IpAddr,
    /// Source port; varied so that every hash bucket of ECMP and LAG is exercised.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sending interval in nanoseconds.
    pub interval_ns: u64,
}

/// A flow's totals since its start. Sent packets younger than the prober's patience count as pending, not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowCount {
    /// The flow.
    pub flow: FlowId,
    /// Packets sent.
    pub sent: u64,
    /// Distinct packets that arrived.
    pub received: u64,
    /// Packets that arrived more than once.
    pub duplicated: u64,
    /// Packets that arrived after a later one.
    pub reordered: u64,
    /// Packets whose sending was late by more than half an interval: the prober's fault, not the network's.
    pub spoiled: u64,
}

/// A run of consecutive lost packets of one flow. All times are *sending* times.
///
/// An outage that has not ended is recorded when the flow stops, with `next_ok` absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowGap {
    /// The flow.
    pub flow: FlowId,
    /// When the last packet before the gap that arrived was sent; absent if none ever arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ok: Option<MonoTime>,
    /// When the first lost packet was sent.
    pub first_lost: MonoTime,
    /// When the last lost packet was sent.
    pub last_lost: MonoTime,
    /// When the first packet that arrived after the gap was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ok: Option<MonoTime>,
    /// How many packets were lost.
    pub lost: u64,
    /// Whether the prober itself was late within the gap, so that its bounds are wider than the interval says.
    #[serde(default)]
    pub spoiled: bool,
}

impl FlowGap {
    /// Returns how long the outage lasted at least.
    #[must_use]
    pub fn at_least(&self) -> Duration {
        self.last_lost.since(self.first_lost)
    }

    /// Returns how long the outage lasted at most; `horizon` stands for an end that was not seen.
    #[must_use]
    pub fn at_most(&self, horizon: MonoTime) -> Duration {
        self.next_ok
            .unwrap_or(horizon)
            .since(self.last_ok.unwrap_or(self.first_lost))
    }
}
