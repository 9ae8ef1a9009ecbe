//! serde over a YAML tree that keeps positions: what does not fit a type is told with its line, column and a guess.
//!
//! Only the first problem is told; definitions are the house's own files, and each is read by a test.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::base::Diagnostics;
use crate::base::document::{Document, Node, Position, Value};
use crate::base::suggest::did_you_mean;

/// Reads a document as a type.
///
/// # Errors
/// The first thing that does not fit, at its place.
pub(super) fn read<T: DeserializeOwned>(document: &Document) -> Result<T, Diagnostics> {
    T::deserialize(Tree(&document.root)).map_err(|misfit| {
        let mut problems = document.diagnostics();
        problems.push(
            misfit.position.unwrap_or(document.root.position),
            misfit.message,
            misfit.hint,
        );
        problems
    })
}

/// What does not fit, and where once a caller with a position saw it.
#[derive(Debug)]
struct Misfit {
    position: Option<Position>,
    message: String,
    hint: Option<String>,
}

impl Misfit {
    fn new(message: String, hint: Option<String>) -> Self {
        Self {
            position: None,
            message,
            hint,
        }
    }

    /// The innermost place wins.
    fn at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    fn unknown(what: &str, name: &str, known: &'static [&'static str]) -> Self {
        let hint = match did_you_mean(name, known.iter().copied()) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("expected one of: {}", known.join(", ")),
        };
        Self::new(format!("unknown {what} `{name}`"), Some(hint))
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), None)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("key", field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("word", variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"), None)
    }
}

#[derive(Clone, Copy)]
struct Tree<'a>(&'a Node);

impl<'a> Tree<'a> {
    fn text(self) -> Result<&'a str, Misfit> {
        self.0.as_text().ok_or_else(|| {
            Misfit::new(
                format!("expected a single value, found {}", self.0.describe()),
                None,
            )
            .at(self.0.position)
        })
    }

    fn number<T: std::str::FromStr>(self) -> Result<T, Misfit> {
        let text = self.text()?;
        text.parse().map_err(|_| {
            Misfit::new(format!("`{text}` is not a number that fits here"), None).at(self.0.position)
        })
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            visitor.$visit(self.number()?)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Tree<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let value = match &self.0.value {
            _ if self.0.is_null() => visitor.visit_unit(),
            Value::Scalar { text, .. } => visitor.visit_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Value::Mapping(pairs) => visitor.visit_map(Pairs {
                pairs: pairs.iter(),
                value: None,
            }),
        };
        value.map_err(|misfit| misfit.at(self.0.position))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.text()? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => {
                let message = format!("`{other}` is neither true nor false");
                Err(Misfit::new(message, None).at(self.0.position))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let value = match &self.0.value {
            Value::Mapping(pairs) => visitor.visit_enum(MapAccessDeserializer::new(Pairs {
                pairs: pairs.iter(),
                value: None,
            })),
            _ => visitor.visit_enum(self.text()?.into_deserializer()),
        };
        value.map_err(|misfit| misfit.at(self.0.position))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    numbers! {
        deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32, deserialize_u64 visit_u64,
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32, deserialize_i64 visit_i64,
        deserialize_f32 visit_f32, deserialize_f64 visit_f64
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.0.next().map(|node| seed.deserialize(Tree(node))).transpose()
    }
}

struct Pairs<'a> {
    pairs: std::slice::Iter<'a, (Node, Node)>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let name: StrDeserializer<'_, Misfit> = Tree(key).text()?.into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|misfit| misfit.at(key.position))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        match self.value.take() {
            Some(node) => seed
                .deserialize(Tree(node))
                .map_err(|misfit| misfit.at(node.position)),
            None => Err(Misfit::new("a value without its key".to_owned(), None)),
        }
    }
}
