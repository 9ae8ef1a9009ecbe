//! Go's text/template with containerlab's functions, as every topology passes through it. What Go lacks: limits, and places.
//!
//! Nothing is executed but the template itself: no files are read, no commands run, and time, text and depth are bounded.

mod budget;
mod command;
mod compare;
mod escape;
mod eval;
mod functions;
mod host;
mod json;
mod lex;
mod numbers;
mod parse;
mod pipeline;
mod print;
mod printf;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub(super) use eval::{LONGEST, Piece};
pub(super) use tree::{Mistake, Spot};
pub(super) use value::{Value, merge, variables};

/// Runs the first of some files with all of them at hand; each is a template under its name.
///
/// Returns the text, and where each piece of it comes from.
pub(super) fn render(files: &[(&str, &str)], data: &Value) -> Result<(String, Vec<Piece>), Mistake> {
    let mut templates = tree::Templates::default();
    for (index, (name, text)) in files.iter().enumerate() {
        parse::parse(index, name, text, &mut templates)?;
    }
    let texts: Vec<&str> = files.iter().map(|(_, text)| *text).collect();
    let main = files.first().and_then(|(name, _)| templates.by_name.get(*name));
    match main {
        Some(template) => eval::Run::new(&texts, &templates, data).run(template, data),
        None => Ok((String::new(), Vec::new())),
    }
}
