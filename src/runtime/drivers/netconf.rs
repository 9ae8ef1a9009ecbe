//! NETCONF over SSH (RFC 6242): one session, requests one after another.

use super::super::error::DriverError;
use super::Driver;
use super::ssh::{Login, Process};
use crate::nos::kinds::{Netconf, Step};
use crate::nos::netconf::{self, Framing, Message, Reply, Unframer};

/// A session with a node. Dropping it closes the connection; a candidate that was not committed is the server's to forget.
#[derive(Debug)]
pub struct Session {
    peer: String,
    process: Process,
    unframer: Unframer,
    framing: Framing,
    requests: u64,
    capabilities: Vec<String>,
}

impl Session {
    /// Connects and exchanges hellos. From then on messages are framed as both ends can.
    pub fn open(login: &Login) -> Result<Self, DriverError> {
        let mut session = Self {
            peer: login.peer(),
            process: login.start(&["-s"], "netconf")?,
            unframer: Unframer::default(),
            framing: Framing::EndOfMessage,
            requests: 0,
            capabilities: Vec::new(),
        };
        session
            .process
            .write(&Framing::EndOfMessage.encode(&netconf::hello()))?;
        let hello = session.receive("hello")?;
        session.framing = hello.framing();
        session.unframer.switch(session.framing);
        match hello {
            Message::Hello { capabilities, .. } => session.capabilities = capabilities,
            Message::Reply(_) => return Err(session.refused("hello", "a reply to nothing")),
        }
        Ok(session)
    }

    /// What the server said it can.
    #[must_use]
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// How messages are framed.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Sends an operation in XML and returns the reply.
    ///
    /// # Errors
    /// Also when the reply holds an error that is no warning.
    pub fn request(&mut self, operation: &str) -> Result<Reply, DriverError> {
        self.requests += 1;
        let id = self.requests;
        let name = name(operation);
        self.process
            .write(&self.framing.encode(&netconf::rpc(id, operation)))?;
        let Message::Reply(reply) = self.receive(name)? else {
            return Err(self.refused(name, "a second hello"));
        };
        if reply.id.as_deref() != Some(id.to_string().as_str()) {
            let found = reply.id.unwrap_or_default();
            return Err(self.refused(name, &format!("the reply to request `{found}` instead of `{id}`")));
        }
        match reply.failure() {
            Some(error) => Err(self.refused(name, &error.message)),
            None => Ok(reply),
        }
    }

    /// Carries out an operation on the candidate configuration.
    pub fn change(&mut self, step: &Netconf) -> Result<Reply, DriverError> {
        self.request(&netconf::request(step))
    }

    fn receive(&mut self, what: &str) -> Result<Message, DriverError> {
        let deadline = self.process.deadline();
        loop {
            if let Some(text) = self.unframer.take()? {
                return Ok(netconf::read(&text)?);
            }
            match self.process.read(deadline, what)? {
                Some(bytes) => self.unframer.push(&bytes),
                None => return Err(self.process.lost()),
            }
        }
    }

    fn refused(&self, command: &str, answer: &str) -> DriverError {
        DriverError::Refused {
            peer: self.peer.clone(),
            command: command.to_owned(),
            answer: answer.to_owned(),
        }
    }
}

/// The operation's element, for messages: a whole configuration is no name.
fn name(operation: &str) -> &str {
    let start = operation.trim_start_matches('<');
    start.split([' ', '/', '>']).next().unwrap_or_default()
}

impl Driver for Session {
    fn carry_out(&mut self, step: &Step) -> Result<String, DriverError> {
        match step {
            Step::Netconf(change) => self.change(change).map(|reply| reply.content),
            other => Err(super::foreign("a NETCONF session", other)),
        }
    }
}
