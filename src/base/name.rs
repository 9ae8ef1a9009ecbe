//! Newtypes for the names that would otherwise be confused with each other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name. Whether it is allowed is checked where it is read.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
    };
}

name!(
    /// A running lab; unique on a machine.
    LabName
);
name!(
    /// A node of a topology, as written in the containerlab file.
    NodeName
);
name!(
    /// A network interface inside a node, e.g. `eth1`, `ae0.97`.
    InterfaceName
);
name!(
    /// A daemon that a node's supervisor runs, e.g. `bgpd`, `l2ald`.
    ServiceName
);
name!(
    /// An experiment, or one cell of a contract.
    ExperimentName
);
name!(
    /// A fault of the catalogue, e.g. `switch.l2ald.kill`.
    FaultId
);
name!(
    /// One run of one or several experiments.
    RunId
);

/// One end of a link: a node and an interface in it, written `node:interface`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct EndpointName {
    /// The node.
    pub node: NodeName,
    /// The interface in that node.
    pub interface: InterfaceName,
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.interface)
    }
}

impl From<EndpointName> for String {
    fn from(endpoint: EndpointName) -> Self {
        endpoint.to_string()
    }
}

impl FromStr for EndpointName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((node, interface)) if !node.is_empty() && !interface.is_empty() => Ok(Self {
                node: node.into(),
                interface: interface.into(),
            }),
            _ => Err(format!("`{text}` is not an endpoint (expected node:interface)")),
        }
    }
}

impl TryFrom<String> for EndpointName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
