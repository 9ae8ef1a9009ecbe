//! Strict YAML with positions: a tree that keeps each scalar's source text, and the diagnostics that point into it.
//!
//! serde stops at the first problem and forgets where values came from; a file's author wants all problems at once with
//! file, line and column. So files are read into this tree, and each room decodes the tree and collects [`Diagnostics`].

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnostics::Diagnostics;

/// A place in a source file. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A value of the tree with the place where it starts.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the value starts.
    pub position: Position,
    /// The value.
    pub value: Value,
}

/// What a node holds. Scalars keep their source text: `0600`, `yes` and `10022:22` stay what they are.
#[derive(Clone, Debug)]
pub enum Value {
    /// A scalar, as written; `plain` is true when it was not quoted.
    Scalar {
        /// Text after unquoting.
        text: String,
        /// Whether the scalar was written without quotes (only then may it be null, a number or a boolean).
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in source order. Duplicate keys are reported when the document is read and dropped here.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Returns the text of a scalar that is not null.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Returns whether this is YAML's null: empty, `~` or `null`, unquoted.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Returns the elements of a list.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the pairs of a mapping, in source order.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// Returns the value of a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?
            .iter()
            .find(|(k, _)| k.as_text() == Some(key))
            .map(|(_, value)| value)
    }

    /// Names what this node is, for "expected …, found …".
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// A source file with its parsed tree.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it came from, as the user named it.
    pub path: PathBuf,
    /// Its text.
    pub text: Arc<str>,
    /// The root value.
    pub root: Node,
}

impl Document {
    /// Parses YAML text.
    ///
    /// # Errors
    /// Syntax errors and duplicate keys, all with positions. A syntax error ends the reading; duplicates do not.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostics> {
        match Self::parse_collecting(path, text) {
            (Some(document), diagnostics) => diagnostics.into_result(document),
            (None, diagnostics) => Err(diagnostics),
        }
    }

    /// Parses YAML text and returns what could be read together with the problems so far, so that a decoder can add its
    /// own to them. Only a syntax error leaves no document.
    #[must_use]
    pub fn parse_collecting(path: &Path, text: &str) -> (Option<Self>, Diagnostics) {
        let mut diagnostics = Diagnostics::new(path, text);
        let root = Builder::default().build(text, &mut diagnostics);
        let document = root.map(|root| Self {
            path: path.to_owned(),
            text: text.into(),
            root,
        });
        (document, diagnostics)
    }

    /// Starts an empty list of problems about this document.
    #[must_use]
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::new(&self.path, &self.text)
    }
}

/// A file nested deeper than this is hostile, and the tree is walked by recursion.
const DEEPEST: usize = 200;

/// How many values aliases may stand for together: far more than a lab needs, far less than a machine's memory.
const MOST_ALIASED: usize = 200_000;

#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, (Node, usize)>,
    /// Values that aliases have stood for so far.
    aliased: usize,
    root: Option<Node>,
}

struct Frame {
    position: Position,
    anchor: usize,
    /// Values in it so far, itself included.
    size: usize,
    pending_key: Option<Node>,
    /// Lines of the keys so far.
    keys: HashMap<String, usize>,
    /// Values of `<<`, applied at the end so that explicit keys win wherever they stand.
    merges: Vec<Node>,
    value: Value,
}

impl Builder {
    fn build(mut self, text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
        for event in Parser::new_from_str(text) {
            match event {
                // A file is its first document.
                Ok((Event::DocumentEnd, _)) if self.root.is_some() => break,
                Ok((event, span)) => {
                    let at = position(&span);
                    if let Err(problem) = self.event(event, at, diagnostics) {
                        diagnostics.push(at, problem, None);
                        return None;
                    }
                }
                Err(error) => {
                    let marker = error.marker();
                    let at = Position {
                        line: marker.line(),
                        column: marker.col() + 1,
                    };
                    let at = shown_place(text, at);
                    diagnostics.push(at, format!("invalid YAML: {}", error.info()), None);
                    return None;
                }
            }
        }
        self.root.or_else(|| {
            let position = Position { line: 1, column: 1 };
            Some(Node {
                position,
                value: Value::Scalar {
                    text: String::new(),
                    plain: true,
                },
            })
        })
    }

    fn event(&mut self, event: Event<'_>, at: Position, diagnostics: &mut Diagnostics) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain,
                };
                let node = Node { position: at, value };
                self.finish(node, anchor, 1, diagnostics);
            }
            Event::SequenceStart(anchor, _) => self.open(at, anchor, Value::Sequence(Vec::new()))?,
            Event::MappingStart(anchor, _) => self.open(at, anchor, Value::Mapping(Vec::new()))?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut frame) = self.stack.pop() {
                    if let Value::Mapping(pairs) = &mut frame.value {
                        for node in frame.merges {
                            merge(pairs, node, diagnostics);
                        }
                    }
                    let node = Node {
                        position: frame.position,
                        value: frame.value,
                    };
                    self.finish(node, frame.anchor, frame.size, diagnostics);
                }
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err("an alias stands inside its own anchor".to_owned());
                };
                let size = *size;
                self.aliased += size;
                if self.aliased > MOST_ALIASED {
                    return Err(format!(
                        "the aliases up to here stand for more than {MOST_ALIASED} values"
                    ));
                }
                let mut node = node.clone();
                node.position = at;
                self.finish(node, 0, size, diagnostics);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, position: Position, anchor: usize, value: Value) -> Result<(), String> {
        if self.stack.len() >= DEEPEST {
            return Err(format!("nested deeper than {DEEPEST} levels"));
        }
        self.stack.push(Frame {
            position,
            anchor,
            size: 1,
            pending_key: None,
            keys: HashMap::new(),
            merges: Vec::new(),
            value,
        });
        Ok(())
    }

    fn finish(&mut self, node: Node, anchor: usize, size: usize, diagnostics: &mut Diagnostics) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        frame.size += size;
        match &mut frame.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(pairs) => match frame.pending_key.take() {
                None => frame.pending_key = Some(node),
                Some(key) if is_merge(&key) => frame.merges.push(node),
                Some(key) => {
                    if let Some(line) = repeated(&mut frame.keys, &key) {
                        let name = key.as_text().unwrap_or_default();
                        let hint = format!("the first one is on line {line}; keep one of them");
                        diagnostics.push(key.position, format!("key `{name}` is given twice"), Some(hint));
                    } else {
                        pairs.push((key, node));
                    }
                }
            },
            Value::Scalar { .. } => {}
        }
    }
}

/// Remembers a key; returns the line of an earlier one of the same name.
fn repeated(keys: &mut HashMap<String, usize>, key: &Node) -> Option<usize> {
    let name = key.as_text()?;
    if let Some(line) = keys.get(name) {
        return Some(*line);
    }
    keys.insert(name.to_owned(), key.position.line);
    None
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.value, Value::Scalar { text, plain: true } if text == "<<")
}

/// Moves a place beyond the text (where a missing bracket is noticed) to the end of its last line with content, which can
/// be shown.
fn shown_place(text: &str, at: Position) -> Position {
    if text
        .lines()
        .nth(at.line.saturating_sub(1))
        .is_some_and(|line| !line.trim().is_empty())
    {
        return at;
    }
    let before = text.lines().take(at.line).enumerate();
    let last = before.filter(|(_, line)| !line.trim().is_empty()).last();
    last.map_or(at, |(index, line)| Position {
        line: index + 1,
        column: line.trim_end().chars().count() + 1,
    })
}

/// YAML 1.1 merge key: adds the pairs whose keys are not there yet.
fn merge(pairs: &mut Vec<(Node, Node)>, node: Node, diagnostics: &mut Diagnostics) {
    let items = match node.value {
        Value::Sequence(items) => items,
        _ => vec![node],
    };
    let mut known: std::collections::HashSet<String> = pairs
        .iter()
        .filter_map(|(key, _)| key.as_text().map(ToOwned::to_owned))
        .collect();
    for item in items {
        let found = item.describe();
        let Value::Mapping(merged) = item.value else {
            let message = format!("`<<` takes a mapping or a list of mappings, found {found}");
            diagnostics.push(item.position, message, None);
            continue;
        };
        for (key, value) in merged {
            if key.as_text().is_none_or(|name| known.insert(name.to_owned())) {
                pairs.push((key, value));
            }
        }
    }
}

fn position(span: &Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, Diagnostics> {
        Document::parse(Path::new("lab.clab.yaml"), text)
    }

    #[test]
    fn scalars_keep_their_source_text() {
        let document = parse("port: 10022:22\nmode: 0600\nflag: yes\n").unwrap();
        assert_eq!(document.root.get("port").unwrap().as_text(), Some("10022:22"));
        assert_eq!(document.root.get("mode").unwrap().as_text(), Some("0600"));
        assert_eq!(document.root.get("flag").unwrap().as_text(), Some("yes"));
    }

    #[test]
    fn duplicate_keys_are_all_reported_with_line_and_hint() {
        let problems = parse("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n").unwrap_err();
        insta::assert_snapshot!(problems);
    }

    #[test]
    fn merge_keys_lose_to_explicit_keys() {
        let document = parse("base: &b {x: 1, y: 2}\nnode:\n  <<: *b\n  y: 3\n").unwrap();
        let node = document.root.get("node").unwrap();
        assert_eq!(node.get("x").unwrap().as_text(), Some("1"));
    }

    #[test]
    fn broken_yaml_is_shown_with_its_line_also_where_it_ends_too_early() {
        let problems: Vec<_> = ["a: [1, 2\nb: 3\n", "name: [", "a: 1\n\tb: 2\n", "a: \"x\n\n"]
            .map(|text| parse(text).unwrap_err().to_string())
            .into();
        insta::assert_snapshot!(problems.join("\n\n"));
    }

    #[test]
    fn aliases_that_multiply_and_endless_nesting_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            bomb.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                [before.as_str(); 9].join(", ")
            ));
        }
        assert!(parse(&bomb).unwrap_err().to_string().contains("200000 values"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        let deep: String = (0..300)
            .map(|level| format!("{}- \n", " ".repeat(level)))
            .collect();
        assert!(
            parse(&deep)
                .unwrap_err()
                .to_string()
                .contains("nested deeper than 200 levels")
        );
        assert!(parse("a: &a [*a]").is_err());
        assert!(
            parse("<<: text")
                .unwrap_err()
                .to_string()
                .contains("takes a mapping")
        );
    }
}
