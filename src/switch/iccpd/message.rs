//! Messages between the two switches, and their frames on TCP: four bytes of length, then JSON.
//!
//! What they say follows the mLACP application of RFC 7275 (connect, system config, aggregator state, MAC sync); how they
//! are written down does not: this is a model, no ICCP implementation will understand it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::switch::SwitchError;
use crate::switch::pipeline::MacEntry;

/// Longest message that is believed.
const MOST: usize = 16 << 20;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Message {
    /// RFC 7275 section 6.4.2: opens the peering.
    Connect {
        /// The sender's host name.
        host_name: String,
        /// Its chassis MAC address, mLACP System Config.
        system_id: String,
    },
    /// RFC 7275 section 7.2.6, mLACP Aggregator State: all legs of the sender that carry traffic.
    AggregatorState {
        /// `mc-ae-id`s.
        up: BTreeSet<u16>,
    },
    /// RFC 7275 section 7.3 (mLACP MAC sync in spirit): a change of the sender's MAC table.
    MacSync {
        /// New entries.
        add: BTreeSet<MacEntry>,
        /// Entries that are gone.
        withdraw: BTreeSet<MacEntry>,
    },
    /// Nothing new, still here.
    Keepalive,
}

/// Writes a message with its length in front.
pub(super) fn encode(message: &Message) -> Vec<u8> {
    let body = serde_json::to_vec(message).expect("a message is always representable as JSON");
    let length = u32::try_from(body.len()).expect("a message is far smaller than 4 GiB");
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

/// Takes the first complete message off a buffer.
pub(super) fn decode(buffer: &mut Vec<u8>) -> Result<Option<Message>, SwitchError> {
    let Some((head, rest)) = buffer.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*head) as usize;
    if length > MOST {
        return Err(SwitchError::protocol(
            "the ICCP peer",
            format!("message of {length} bytes"),
        ));
    }
    let Some(body) = rest.get(..length) else {
        return Ok(None);
    };
    let message =
        serde_json::from_slice(body).map_err(|error| SwitchError::protocol("the ICCP peer", error))?;
    buffer.drain(..4 + length);
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_whole_however_it_was_cut() {
        let message = Message::AggregatorState {
            up: BTreeSet::from([10, 11]),
        };
        let bytes = encode(&message);
        for cut in 0..bytes.len() {
            let mut buffer = bytes[..cut].to_vec();
            assert_eq!(decode(&mut buffer).unwrap(), None);
            buffer.extend(&bytes[cut..]);
            assert_eq!(decode(&mut buffer).unwrap(), Some(message.clone()));
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn a_length_beyond_reason_is_refused() {
        assert!(decode(&mut vec![0xff; 8]).is_err());
    }
}
