//! Tokens → named templates. What Go refuses before it runs a template is refused here.

use crate::base::suggest::did_you_mean;

use super::functions;
use super::lex::{Kind, Token, lex};
use super::pipeline::Names;
use super::tree::{Branch, Item, Mistake, Spot, Template, Templates};

/// Blocks and parentheses deeper than this are a mistake, not a topology; it also bounds the stack.
pub(super) const DEEPEST: usize = 50;

/// Reads a file as the template `name` and adds the templates that it defines.
pub(super) fn parse(file: usize, name: &str, text: &str, into: &mut Templates) -> Result<(), Mistake> {
    let mut parser = Parser {
        file,
        tokens: lex(file, text)?,
        next: 0,
        names: Names::default(),
        ranges: 0,
        depth: 0,
        defined: Vec::new(),
    };
    let mut body = Vec::new();
    loop {
        if let Some(define) = parser.define()? {
            parser.defined.push(define);
            continue;
        }
        match parser.item()? {
            Some(Part::Item(item)) => body.push(item),
            Some(Part::End(at)) => return Err(Mistake::new(at, "`{{ end }}` without a block that it ends")),
            Some(Part::Else(at)) => {
                return Err(Mistake::new(
                    at,
                    "`{{ else }}` without its `{{ if }}`, `{{ with }}` or `{{ range }}`",
                ));
            }
            None => break,
        }
    }
    let at = Spot { file, offset: 0 };
    let mut defined = parser.defined;
    defined.push((name.to_owned(), Template { at, body }));
    for (name, template) in defined {
        add(name, template, text, into)?;
    }
    Ok(())
}

/// A later file's template replaces an earlier one unless it is empty; within one file there may be only one.
fn add(name: String, template: Template, text: &str, into: &mut Templates) -> Result<(), Mistake> {
    let empty = |template: &Template| {
        template.body.iter().all(|item| match item {
            Item::Text { bytes, .. } => text.get(bytes.clone()).is_none_or(|text| text.trim().is_empty()),
            _ => false,
        })
    };
    if let Some(old) = into.by_name.get(&name) {
        if empty(&template) {
            return Ok(());
        }
        if old.at.file == template.at.file && !empty(old) {
            let message = format!("template `{name}` is defined twice in this file");
            return Err(Mistake::new(template.at, message));
        }
    }
    into.by_name.insert(name, template);
    Ok(())
}

pub(super) struct Parser<'a> {
    pub(super) file: usize,
    tokens: Vec<Token<'a>>,
    next: usize,
    /// Variables that may be used here.
    pub(super) names: Names,
    /// How many `range` blocks surround this place.
    ranges: usize,
    pub(super) depth: usize,
    defined: Vec<(String, Template)>,
}

/// What the next piece of a body is.
enum Part {
    Item(Item),
    End(Spot),
    Else(Spot),
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> &Token<'a> {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    /// Takes the next token; [`Kind::End`] stays.
    pub(super) fn take(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    pub(super) fn place(&self) -> usize {
        self.next
    }

    pub(super) fn back_to(&mut self, place: usize) {
        self.next = place;
    }

    pub(super) fn deeper(&mut self, at: Spot) -> Result<(), Mistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Mistake::new(
                at,
                format!("blocks are nested deeper than {DEEPEST}"),
            ));
        }
        Ok(())
    }

    fn close(&mut self, after: &str) -> Result<(), Mistake> {
        self.skip_space();
        let token = self.take();
        if token.kind == Kind::Close {
            return Ok(());
        }
        Err(unexpected(&token, &format!("expected `}}}}` after {after}")))
    }

    /// Returns the keyword that an action begins with, if the next action begins with that one.
    fn starts_with(&self, keyword: &str) -> bool {
        let mut tokens = self.tokens.iter().skip(self.next);
        tokens.next().is_some_and(|token| token.kind == Kind::Open)
            && tokens
                .find(|token| token.kind != Kind::Space)
                .is_some_and(|token| token.kind == Kind::Word && token.text == keyword)
    }

    /// Takes `{{`, space and the keyword.
    fn enter(&mut self) -> Spot {
        let at = self.take().at;
        self.skip_space();
        self.take();
        at
    }

    fn define(&mut self) -> Result<Option<(String, Template)>, Mistake> {
        if !self.starts_with("define") {
            return Ok(None);
        }
        let at = self.enter();
        let name = self.template_name("define")?;
        self.close("the template's name")?;
        let body = self.apart(at, "define")?;
        Ok(Some((name, Template { at, body })))
    }

    /// Reads the body of a template of its own: it sees no variables but `$`, and no surrounding range.
    fn apart(&mut self, at: Spot, keyword: &str) -> Result<Vec<Item>, Mistake> {
        let outer = std::mem::take(&mut self.names);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, end) = self.body(at, keyword)?;
        self.names = outer;
        self.ranges = ranges;
        match end {
            Part::Else(at) => Err(Mistake::new(
                at,
                format!("`{{{{ else }}}}` directly in a `{keyword}` block"),
            )),
            _ => Ok(body),
        }
    }

    fn template_name(&mut self, keyword: &str) -> Result<String, Mistake> {
        self.skip_space();
        let token = self.take();
        match token.kind {
            Kind::Quoted | Kind::Raw => {
                super::numbers::unquote(token.text).map_err(|message| Mistake::new(token.at, message))
            }
            _ => Err(unexpected(
                &token,
                &format!("expected a quoted name after `{keyword}`"),
            )),
        }
    }

    /// Reads items until `end` or `else`.
    fn body(&mut self, opened: Spot, keyword: &str) -> Result<(Vec<Item>, Part), Mistake> {
        self.deeper(opened)?;
        let mut items = Vec::new();
        loop {
            if self.starts_with("define") {
                return Err(Mistake::new(
                    self.peek().at,
                    format!("`define` inside `{keyword}` (expected it outside of all blocks)"),
                ));
            }
            match self.item()? {
                Some(Part::Item(item)) => items.push(item),
                Some(end) => {
                    self.depth -= 1;
                    return Ok((items, end));
                }
                None => {
                    let message = format!("`{{{{ {keyword} }}}}` without its `{{{{ end }}}}`");
                    return Err(Mistake::new(opened, message));
                }
            }
        }
    }

    /// Reads one piece; none at the end of the file.
    fn item(&mut self) -> Result<Option<Part>, Mistake> {
        let token = self.take();
        let item = match token.kind {
            Kind::Text(bytes) => Item::Text {
                file: self.file,
                bytes,
            },
            Kind::End => return Ok(None),
            _ => {
                self.skip_space();
                let first = self.take();
                let keyword = if first.kind == Kind::Word { first.text } else { "" };
                match keyword {
                    "if" | "with" | "range" => self.control(first.at, keyword)?,
                    "template" => self.call(first.at)?,
                    "block" => self.block(first.at)?,
                    "break" | "continue" => self.jump(&first)?,
                    "end" => {
                        self.close("`end`")?;
                        return Ok(Some(Part::End(first.at)));
                    }
                    "else" => return Ok(Some(Part::Else(first.at))),
                    _ => {
                        self.next -= 1;
                        Item::Action(self.pipeline("an action", &Kind::Close)?)
                    }
                }
            }
        };
        Ok(Some(Part::Item(item)))
    }

    fn control(&mut self, at: Spot, keyword: &'a str) -> Result<Item, Mistake> {
        let visible = self.names.mark();
        let pipeline = self.pipeline(keyword, &Kind::Close)?;
        let range = usize::from(keyword == "range");
        self.ranges += range;
        let (body, end) = self.body(at, keyword)?;
        self.ranges -= range;
        let otherwise = match end {
            Part::Else(_) => self.otherwise(keyword)?,
            _ => Vec::new(),
        };
        self.names.forget(visible);
        let branch = Branch {
            sets_dot: keyword == "with",
            pipeline,
            body,
            otherwise,
        };
        Ok(if range > 0 {
            Item::Range(branch)
        } else {
            Item::Branch(branch)
        })
    }

    /// Reads what follows the word `else`: another `if` (or `with`) that shares the block's end, or a body.
    fn otherwise(&mut self, keyword: &'a str) -> Result<Vec<Item>, Mistake> {
        self.skip_space();
        let next = self.peek().clone();
        if next.kind == Kind::Word && next.text == keyword && keyword != "range" {
            self.take();
            self.deeper(next.at)?;
            let nested = self.control(next.at, keyword)?;
            self.depth -= 1;
            return Ok(vec![nested]);
        }
        self.close("`else`")?;
        let (body, end) = self.body(next.at, "else")?;
        match end {
            Part::Else(at) => Err(Mistake::new(at, "a second `{{ else }}` in the same block")),
            _ => Ok(body),
        }
    }

    fn jump(&mut self, word: &Token<'_>) -> Result<Item, Mistake> {
        self.close(&format!("`{}`", word.text))?;
        if self.ranges == 0 {
            return Err(Mistake::new(
                word.at,
                format!("`{{{{ {} }}}}` outside of a `{{{{ range }}}}`", word.text),
            ));
        }
        Ok(if word.text == "break" {
            Item::Break
        } else {
            Item::Continue
        })
    }

    fn call(&mut self, at: Spot) -> Result<Item, Mistake> {
        let name = self.template_name("template")?;
        self.skip_space();
        let data = if self.peek().kind == Kind::Close {
            self.take();
            None
        } else {
            Some(self.pipeline("template", &Kind::Close)?)
        };
        Ok(Item::Call { at, name, data })
    }

    fn block(&mut self, at: Spot) -> Result<Item, Mistake> {
        let name = self.template_name("block")?;
        let data = Some(self.pipeline("block", &Kind::Close)?);
        let body = self.apart(at, "block")?;
        self.defined.push((name.clone(), Template { at, body }));
        Ok(Item::Call { at, name, data })
    }

    /// Checks that a function exists.
    pub(super) fn function(at: Spot, name: &str) -> Result<String, Mistake> {
        if functions::exists(name) {
            return Ok(name.to_owned());
        }
        let mistake = Mistake::new(at, format!("there is no template function `{name}`"));
        let names = functions::names();
        Err(match did_you_mean(name, names.iter().copied()) {
            Some(guess) => mistake.hint(format!("did you mean `{guess}`?")),
            None => mistake.hint(format!(
                "known functions: {}; a variable is written .{name}",
                names.join(", ")
            )),
        })
    }
}

/// Names a token that does not belong where it stands.
pub(super) fn unexpected(token: &Token<'_>, expected: &str) -> Mistake {
    let found = match token.kind {
        Kind::Close => "`}}`".to_owned(),
        Kind::End => "the end of the file".to_owned(),
        Kind::Space => "a space".to_owned(),
        _ => format!("`{}`", token.text),
    };
    Mistake::new(token.at, format!("{expected}, found {found}"))
}
