//! What is said: hello, requests, replies.

use quick_xml::Reader;
use quick_xml::escape::{escape, partial_escape, unescape};
use quick_xml::events::{BytesStart, Event};

use super::super::NosError;
use super::super::kinds::Netconf;
use super::Framing;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
const BASE_1_0: &str = "urn:ietf:params:netconf:base:1.0";
const BASE_1_1: &str = "urn:ietf:params:netconf:base:1.1";

/// A message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Its first one (RFC 6241 section 8.1).
    Hello {
        /// Capabilities.
        capabilities: Vec<String>,
        /// Its number of this session.
        session: Option<String>,
    },
    /// An answer to a request.
    Reply(Reply),
}

/// An answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The request's `message-id`.
    pub id: Option<String>,
    /// What went wrong, warnings included (RFC 6241 section 4.3).
    pub errors: Vec<RpcError>,
    /// What stands inside `rpc-reply`, as XML.
    pub content: String,
}

/// An error of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RpcError {
    /// `error` or `warning`.
    pub severity: String,
    /// The kind, e.g. `operation-failed`.
    pub tag: String,
    /// What the server says.
    pub message: String,
}

impl Reply {
    /// Returns the first error that is no warning.
    #[must_use]
    pub fn failure(&self) -> Option<&RpcError> {
        self.errors.iter().find(|error| error.severity != "warning")
    }
}

impl Message {
    /// Returns how messages after the hellos are framed: in chunks when both ends know NETCONF 1.1.
    #[must_use]
    pub fn framing(&self) -> Framing {
        match self {
            Self::Hello { capabilities, .. } if capabilities.iter().any(|known| known == BASE_1_1) => {
                Framing::Chunked
            }
            _ => Framing::EndOfMessage,
        }
    }
}

/// Our hello: NETCONF 1.0 and 1.1.
#[must_use]
pub fn hello() -> String {
    format!(
        "<hello xmlns=\"{NAMESPACE}\"><capabilities><capability>{BASE_1_0}</capability>\
         <capability>{BASE_1_1}</capability></capabilities></hello>"
    )
}

/// A request with its number around an operation.
#[must_use]
pub fn rpc(id: u64, operation: &str) -> String {
    format!("<rpc xmlns=\"{NAMESPACE}\" message-id=\"{id}\">{operation}</rpc>")
}

/// The operation of a step.
#[must_use]
pub fn request(step: &Netconf) -> String {
    match step {
        Netconf::LoadSet(statements) => format!(
            "<load-configuration action=\"set\" format=\"text\"><configuration-set>{}</configuration-set></load-configuration>",
            partial_escape(statements.as_str())
        ),
        Netconf::LoadRollback(number) => {
            format!("<load-configuration rollback=\"{}\"/>", escape(number.as_str()))
        }
        Netconf::Edit(xml) => {
            format!("<edit-config><target><candidate/></target><config>{xml}</config></edit-config>")
        }
        Netconf::Commit => "<commit/>".to_owned(),
        Netconf::CommitConfirmed(seconds) => {
            format!("<commit><confirmed/><confirm-timeout>{seconds}</confirm-timeout></commit>")
        }
        Netconf::Discard => "<discard-changes/>".to_owned(),
        Netconf::Rpc(name) => format!("<{}/>", escape(name.as_str())),
    }
}

/// Reads a server's message.
///
/// # Errors
/// When it is neither a hello nor a reply, or no XML.
pub fn read(text: &str) -> Result<Message, NosError> {
    let mut reader = Reader::from_str(text);
    let mut taken = Taken::default();
    loop {
        let before = position(&reader);
        let event = reader
            .read_event()
            .map_err(|error| NosError::netconf(format!("XML that breaks off: {error}")))?;
        match event {
            Event::Start(tag) => {
                taken.open(&tag);
                if taken.path.len() == 1 {
                    taken.inner = Some((position(&reader), position(&reader)));
                }
            }
            Event::Empty(tag) => {
                taken.open(&tag);
                taken.close();
            }
            Event::End(_) => {
                if let ([_], Some(inner)) = (taken.path.as_slice(), &mut taken.inner) {
                    inner.1 = before;
                }
                taken.close();
            }
            Event::Text(part) => taken.text += &part.decode().unwrap_or_default(),
            Event::CData(part) => taken.text += &part.decode().unwrap_or_default(),
            Event::GeneralRef(part) => {
                let entity = format!("&{};", part.decode().unwrap_or_default());
                taken.text += &unescape(&entity).unwrap_or_default();
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if !taken.path.is_empty() {
        return Err(NosError::netconf("XML that ends too early"));
    }
    let inner = taken.inner.and_then(|(start, end)| text.get(start..end));
    taken.message(inner.unwrap_or_default())
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// What has been read of a message so far.
#[derive(Default)]
struct Taken {
    path: Vec<String>,
    root: String,
    text: String,
    inner: Option<(usize, usize)>,
    capabilities: Vec<String>,
    session: Option<String>,
    reply: Reply,
}

impl Taken {
    fn open(&mut self, tag: &BytesStart<'_>) {
        let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
        if self.path.is_empty() {
            self.root.clone_from(&name);
            self.reply.id = tag
                .attributes()
                .flatten()
                .find(|attribute| attribute.key.local_name().as_ref() == b"message-id")
                .map(|attribute| String::from_utf8_lossy(&attribute.value).into_owned());
        }
        if name == "rpc-error" {
            self.reply.errors.push(RpcError::default());
        }
        self.path.push(name);
        self.text.clear();
    }

    fn close(&mut self) {
        let name = self.path.pop().unwrap_or_default();
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let inside_error = self.path.last().is_some_and(|parent| parent == "rpc-error");
        match (name.as_str(), self.reply.errors.last_mut()) {
            ("capability", _) => self.capabilities.push(text),
            ("session-id", _) => self.session = Some(text),
            ("error-severity", Some(error)) if inside_error => error.severity = text,
            ("error-tag", Some(error)) if inside_error => error.tag = text,
            ("error-message", Some(error)) if inside_error => error.message = text,
            _ => {}
        }
    }

    fn message(mut self, inner: &str) -> Result<Message, NosError> {
        match self.root.as_str() {
            "hello" => Ok(Message::Hello {
                capabilities: self.capabilities,
                session: self.session,
            }),
            "rpc-reply" => {
                inner.trim().clone_into(&mut self.reply.content);
                Ok(Message::Reply(self.reply))
            }
            other => Err(NosError::netconf(format!(
                "neither hello nor rpc-reply, but `{other}`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_decides_how_messages_are_framed() {
        let old = read(
            "<hello><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities><session-id>7</session-id></hello>",
        );
        let old = old.unwrap();
        assert_eq!(old.framing(), Framing::EndOfMessage);
        assert!(matches!(&old, Message::Hello { session: Some(id), .. } if id == "7"));
        assert_eq!(read(&hello()).unwrap().framing(), Framing::Chunked);
    }

    #[test]
    fn a_warning_is_no_failure_and_an_error_is_one_however_deep_it_stands() {
        let reply = read(
            r#"<nc:rpc-reply xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="3"><load-configuration-results>
            <rpc-error><error-severity>warning</error-severity><error-message>statement not found</error-message></rpc-error>
            <ok/></load-configuration-results></nc:rpc-reply>"#,
        );
        let Ok(Message::Reply(reply)) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!((reply.id.as_deref(), reply.failure()), (Some("3"), None));
        assert!(reply.content.starts_with("<load-configuration-results>"));

        let reply = read(
            "<rpc-reply><commit-results><rpc-error><error-severity>error</error-severity><error-tag>operation-failed</error-tag>\
             <error-message>\nmissing &lt;mandatory&gt; statement\n</error-message></rpc-error></commit-results></rpc-reply>",
        );
        let Ok(Message::Reply(reply)) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(reply.failure().unwrap().message, "missing <mandatory> statement");
    }

    #[test]
    fn what_a_user_writes_stays_text_in_a_request() {
        let set = Netconf::LoadSet("set system login message \"<commit/> & more\"".to_owned());
        insta::assert_snapshot!(rpc(2, &request(&set)));
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in ["", "ssh: bye", "<hello>", "<notification/>"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
