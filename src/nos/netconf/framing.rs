//! Where a message ends in a stream of bytes (RFC 6242 section 4): an end mark in NETCONF 1.0, chunks in 1.1.

use super::super::NosError;

/// Ends a message of NETCONF 1.0, and always the hello.
const END_OF_MESSAGE: &[u8] = b"]]>]]>";

/// Ends a chunked message.
const END_OF_CHUNKS: &[u8] = b"\n##\n";

/// Longest message accepted, in bytes: a configuration with full tables is a tenth of that.
const LONGEST: usize = 256 << 20;

/// How messages are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// An end mark (RFC 6242 section 4.3).
    EndOfMessage,
    /// Chunks with their size (RFC 6242 section 4.2).
    Chunked,
}

impl Framing {
    /// Frames a message.
    #[must_use]
    pub fn encode(self, message: &str) -> Vec<u8> {
        match self {
            Self::EndOfMessage => [message.as_bytes(), END_OF_MESSAGE].concat(),
            Self::Chunked => {
                let start = format!("\n#{}\n", message.len());
                [start.as_bytes(), message.as_bytes(), END_OF_CHUNKS].concat()
            }
        }
    }
}

/// Takes messages out of a stream, wherever reads cut it.
#[derive(Debug)]
pub struct Unframer {
    framing: Framing,
    bytes: Vec<u8>,
}

impl Default for Unframer {
    fn default() -> Self {
        Self {
            framing: Framing::EndOfMessage,
            bytes: Vec::new(),
        }
    }
}

impl Unframer {
    /// Says how the messages from now on are framed; the hellos decide that.
    pub fn switch(&mut self, framing: Framing) {
        self.framing = framing;
    }

    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next message, if it is complete.
    ///
    /// # Errors
    /// When the bytes break the rules of framing: the session is of no use then.
    pub fn take(&mut self) -> Result<Option<String>, NosError> {
        let found = match self.framing {
            Framing::EndOfMessage => self.find_end(),
            Framing::Chunked => self.find_chunks()?,
        };
        let Some((message, length)) = found else {
            return if self.bytes.len() > LONGEST {
                Err(NosError::netconf(format!(
                    "a message of more than {LONGEST} bytes"
                )))
            } else {
                Ok(None)
            };
        };
        self.bytes.drain(..length);
        let text =
            String::from_utf8(message).map_err(|_| NosError::netconf("a message that is not UTF-8"))?;
        Ok(Some(text))
    }

    fn find_end(&self) -> Option<(Vec<u8>, usize)> {
        let end = self
            .bytes
            .windows(END_OF_MESSAGE.len())
            .position(|window| window == END_OF_MESSAGE)?;
        Some((self.bytes[..end].to_vec(), end + END_OF_MESSAGE.len()))
    }

    fn find_chunks(&self) -> Result<Option<(Vec<u8>, usize)>, NosError> {
        let mut message = Vec::new();
        let mut at = 0;
        loop {
            let rest = &self.bytes[at..];
            if !message.is_empty() && rest.starts_with(END_OF_CHUNKS) {
                return Ok(Some((message, at + END_OF_CHUNKS.len())));
            }
            match chunk(rest)? {
                Some((start, length)) if rest.len() >= start + length => {
                    message.extend_from_slice(&rest[start..start + length]);
                    at += start + length;
                }
                _ => return Ok(None),
            }
        }
    }
}

/// Where a chunk's data starts and how long it is: `\n#` size `\n`. None: its head is not complete.
fn chunk(bytes: &[u8]) -> Result<Option<(usize, usize)>, NosError> {
    let wrong = || {
        let seen = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).into_owned();
        NosError::netconf(format!("expected a chunk (`\\n#SIZE\\n`), found {seen:?}"))
    };
    let Some(head) = bytes.strip_prefix(b"\n#") else {
        return if b"\n#".starts_with(bytes) {
            Ok(None)
        } else {
            Err(wrong())
        };
    };
    let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let size = std::str::from_utf8(&head[..digits]).unwrap_or_default();
    match head.get(digits) {
        // `#` alone may become the end of chunks.
        None if digits <= 10 => Ok(None),
        Some(b'#') if digits == 0 && head.len() < 2 => Ok(None),
        Some(b'\n') if (1..=10).contains(&digits) && !size.starts_with('0') => match size.parse::<u32>() {
            Ok(size) if size as usize <= LONGEST => Ok(Some((2 + digits + 1, size as usize))),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(framing: Framing, stream: &[u8], cut: usize) -> Result<Vec<String>, NosError> {
        let mut unframer = Unframer::default();
        unframer.switch(framing);
        let mut messages = Vec::new();
        for part in stream.chunks(cut) {
            unframer.push(part);
            while let Some(message) = unframer.take()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    proptest! {
        #[test]
        fn what_was_framed_comes_out_again_wherever_reads_cut_it(
            messages in proptest::collection::vec("[a-zé<>#\n]{1,40}", 1..4), cut in 1_usize..9,
        ) {
            for framing in [Framing::EndOfMessage, Framing::Chunked] {
                let stream: Vec<u8> = messages.iter().flat_map(|message| framing.encode(message)).collect();
                prop_assert_eq!(&taken(framing, &stream, cut).unwrap(), &messages);
            }
        }

        #[test]
        fn no_bytes_bring_it_down(stream in proptest::collection::vec(any::<u8>(), 0..60)) {
            for framing in [Framing::EndOfMessage, Framing::Chunked] {
                let _ = taken(framing, &stream, 7);
            }
        }
    }

    #[test]
    fn a_message_in_several_chunks_is_one_message() {
        // The example of RFC 6242 section 4.2, shortened.
        let stream = b"\n#4\n<rpc\n#18\n message-id=\"102\"\n\n#2\n/>\n##\n";
        let messages = taken(Framing::Chunked, stream, 3).unwrap();
        assert_eq!(messages, ["<rpc message-id=\"102\"\n/>"]);
    }

    #[test]
    fn a_chunk_without_an_honest_size_is_an_error() {
        for stream in [
            "\n#0\n",
            "\n#01\nx",
            "\n#99999999999\nx",
            "\n#x\n",
            "<rpc>",
            "\n##\n",
        ] {
            assert!(
                taken(Framing::Chunked, stream.as_bytes(), 64).is_err(),
                "{stream:?}"
            );
        }
    }
}
