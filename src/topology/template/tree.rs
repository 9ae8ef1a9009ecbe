//! What a template is made of after reading, and where in which file each part stands.

use std::collections::BTreeMap;
use std::ops::Range;

use super::value::Value;

/// A place in one of the files that were read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::topology) struct Spot {
    /// Index of the file; 0 is the topology.
    pub(in crate::topology) file: usize,
    /// Bytes before it.
    pub(in crate::topology) offset: usize,
}

/// Why a template could not be read or run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::topology) struct Mistake {
    pub(in crate::topology) at: Spot,
    pub(in crate::topology) message: String,
    pub(in crate::topology) hint: Option<String>,
}

impl Mistake {
    pub(super) fn new(at: Spot, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Named templates. A file is a template under its base name.
#[derive(Debug, Default)]
pub(super) struct Templates {
    pub(super) by_name: BTreeMap<String, Template>,
}

/// The body of one template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) at: Spot,
    pub(super) body: Vec<Item>,
}

/// A part of a body.
#[derive(Debug)]
pub(super) enum Item {
    /// Text as it stands in the file.
    Text { file: usize, bytes: Range<usize> },
    /// `{{ pipeline }}`.
    Action(Pipeline),
    /// `{{ if }}` and `{{ with }}`, which differ in that the latter sets dot.
    Branch(Branch),
    /// `{{ range }}`.
    Range(Branch),
    /// `{{ template "name" pipeline }}`.
    Call {
        at: Spot,
        name: String,
        data: Option<Pipeline>,
    },
    /// `{{ break }}`.
    Break,
    /// `{{ continue }}`.
    Continue,
}

/// A block that is run or not.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) sets_dot: bool,
    pub(super) pipeline: Pipeline,
    pub(super) body: Vec<Item>,
    pub(super) otherwise: Vec<Item>,
}

/// Commands of which each hands its value to the next as its last argument.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) at: Spot,
    pub(super) variables: Vec<String>,
    /// `=` instead of `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A word of a command.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) at: Spot,
    pub(super) word: Word,
}

/// What an operand is.
#[derive(Debug)]
pub(super) enum Word {
    Dot,
    Nil,
    Constant(Value),
    /// `.a.b`.
    Field(Vec<String>),
    /// `$x.a.b`.
    Variable(String, Vec<String>),
    Function(String),
    /// `( … )`.
    Pipeline(Pipeline),
    /// `( … ).a.b` or `strings.Split`.
    Chain(Box<Operand>, Vec<String>),
}
