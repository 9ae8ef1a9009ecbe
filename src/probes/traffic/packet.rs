//! The payload of a probe packet.
//!
//! Fields are big-endian: magic `flp1`, prober's token (8), flow (4), sequence number (8), sending time in monotonic
//! nanoseconds (8), FNV-1a over all before (4). The token keeps packets of an earlier run in the same lab, still under way
//! or looping, out of this run's books.

use crate::base::MonoTime;
use crate::record::FlowId;

const MAGIC: [u8; 4] = *b"flp1";

/// Bytes of the header; the rest of a packet is padding.
pub(super) const HEADER_LENGTH: usize = 36;

/// What a packet says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The prober that sent it.
    pub(super) token: u64,
    /// Its flow.
    pub(super) flow: FlowId,
    /// Its sequence number in the flow, from 0.
    pub(super) seq: u64,
    /// When it was sent.
    pub(super) sent: MonoTime,
}

impl Header {
    /// Writes the header to the start of a packet.
    ///
    /// # Panics
    /// When the packet is shorter than [`HEADER_LENGTH`].
    pub(super) fn write(&self, packet: &mut [u8]) {
        packet[..4].copy_from_slice(&MAGIC);
        packet[4..12].copy_from_slice(&self.token.to_be_bytes());
        packet[12..16].copy_from_slice(&self.flow.0.to_be_bytes());
        packet[16..24].copy_from_slice(&self.seq.to_be_bytes());
        packet[24..32].copy_from_slice(&self.sent.0.to_be_bytes());
        let sum = checksum(&packet[..32]);
        packet[32..36].copy_from_slice(&sum.to_be_bytes());
    }

    /// Reads a packet; none when it is not ours or was damaged.
    #[must_use]
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let header = packet.get(..HEADER_LENGTH)?;
        let sum = u32::from_be_bytes(header[32..36].try_into().ok()?);
        if header[..4] != MAGIC || sum != checksum(&header[..32]) {
            return None;
        }
        Some(Self {
            token: u64::from_be_bytes(header[4..12].try_into().ok()?),
            flow: FlowId(u32::from_be_bytes(header[12..16].try_into().ok()?)),
            seq: u64::from_be_bytes(header[16..24].try_into().ok()?),
            sent: MonoTime(u64::from_be_bytes(header[24..32].try_into().ok()?)),
        })
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            token: 0x0102_0304_0506_0708,
            flow: FlowId(42),
            seq: 1_000_000,
            sent: MonoTime(123_456_789),
        }
    }

    #[test]
    fn a_header_reads_back_as_written() {
        let mut packet = [0; 64];
        header().write(&mut packet);
        assert_eq!(Header::read(&packet), Some(header()));
    }

    #[test]
    fn a_damaged_short_or_foreign_packet_is_refused() {
        let mut packet = [0; 64];
        header().write(&mut packet);
        assert_eq!(Header::read(&packet[..HEADER_LENGTH - 1]), None);
        assert_eq!(Header::read(b"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n"), None);
        for byte in 0..HEADER_LENGTH {
            let mut damaged = packet;
            damaged[byte] ^= 0x10;
            assert_eq!(Header::read(&damaged), None, "byte {byte}");
        }
    }
}
