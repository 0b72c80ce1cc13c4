//! The arguments of all our attributes, read by tables of their keys.

use std::time::Duration;

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::token::Paren;
use syn::{
    Attribute, Error, Expr, ExprLit, Ident, Lit, LitBool, LitInt, LitStr, Meta, Path, Result, Token, parse_quote,
};

use crate::diag::{Diagnostics, did_you_mean};
use crate::{duration, size};

/// The keys that are legal in one place.
pub(crate) struct Table {
    /// The attribute and its place, for messages: `#[py(..)]` on a method.
    pub(crate) place: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key, and how it is written.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// The key with a value, for messages.
    pub(crate) example: &'static str,
}

/// What stands behind a key.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Nothing.
    Flag,
    /// `= "text"`
    Text,
    /// `= "30s"`
    Duration,
    /// `= some::path`
    Path,
    /// Nothing, `= true` or `= false`.
    Switch,
    /// `(name = expression, ..)`
    Entries,
    /// Nothing, or `= expression`.
    Expression,
    /// `= expression`
    Value,
    /// `= 3`
    Number,
    /// `= "64KiB"`, or a number of bytes.
    Size,
    /// `= "one"` of these.
    Choice(&'static [&'static str]),
}

/// What stood behind a key.
enum Value {
    Flag,
    Text(LitStr),
    Duration(Duration),
    Path(Path),
    Expression(Expr),
    Number(u32),
    Size(u64),
    Switch(bool),
    Entries(Vec<(String, Expr)>),
}

/// The keys that were given, each once.
#[derive(Default)]
pub(crate) struct Entries(Vec<(Ident, Value)>);

impl Entries {
    /// The key as it was written, for the place of a message.
    pub(crate) fn key(&self, name: &str) -> Option<&Ident> {
        self.0.iter().find(|(key, _)| key == name).map(|(key, _)| key)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.key(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&LitStr> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Text(text) if key == name => Some(text),
            _ => None,
        })
    }

    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Duration(duration) if key == name => Some(*duration),
            _ => None,
        })
    }

    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Path(path) if key == name => Some(path),
            _ => None,
        })
    }

    pub(crate) fn expression(&self, name: &str) -> Option<&Expr> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Expression(expression) if key == name => Some(expression),
            _ => None,
        })
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Number(number) if key == name => Some(*number),
            _ => None,
        })
    }

    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Size(bytes) if key == name => Some(*bytes),
            _ => None,
        })
    }

    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Switch(on) if key == name => Some(*on),
            _ => None,
        })
    }

    pub(crate) fn entries(&self, name: &str) -> &[(String, Expr)] {
        let found = self.0.iter().find_map(|(key, value)| match value {
            Value::Entries(entries) if key == name => Some(entries),
            _ => None,
        });
        found.map_or(&[], Vec::as_slice)
    }

    /// All keys as they were written.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Ident> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Where the generated code finds the crate.
    pub(crate) fn crate_path(&self) -> Path {
        self.path("crate").cloned().unwrap_or_else(|| parse_quote!(::snakebridge))
    }

    /// Reads `key, key = value, ..`. What is wrong is reported and left out; what follows it is still read.
    pub(crate) fn read(&mut self, tokens: TokenStream, table: &Table, diagnostics: &mut Diagnostics) {
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                match table.entry(input) {
                    Ok((key, value)) if self.has(&key.to_string()) => {
                        drop(value);
                        diagnostics.report(&key, format!("`{key}` is given twice"));
                    }
                    Ok(entry) => self.0.push(entry),
                    Err(error) => {
                        diagnostics.push(error);
                        skip_to_comma(input)?;
                    }
                }
                if !input.is_empty() && !input.peek(Token![,]) {
                    diagnostics.push(input.error("expected `,` between keys"));
                    skip_to_comma(input)?;
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            diagnostics.push(error);
        }
    }

    /// Takes the `#[py(..)]` out of `attributes` and reads them.
    pub(crate) fn take(attributes: &mut Vec<Attribute>, table: &Table, diagnostics: &mut Diagnostics) -> Self {
        let mut entries = Self::default();
        for attribute in attributes.extract_if(.., |attribute| is_ours(attribute)) {
            match &attribute.meta {
                Meta::List(list) => entries.read(list.tokens.clone(), table, diagnostics),
                meta => diagnostics.report(meta, format!("`#[py]` needs keys in parentheses; {}", table.legal())),
            }
        }
        entries
    }
}

impl Table {
    fn entry(&self, input: ParseStream<'_>) -> Result<(Ident, Value)> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected a key; {}", self.legal())));
        }
        let name = Ident::parse_any(input)?;
        let Some(key) = self.keys.iter().find(|key| name == key.name) else {
            let hint = did_you_mean(&name.to_string(), self.keys.iter().map(|key| key.name));
            let message = format!("unknown key `{name}` in {}{hint}\n{}", self.place, self.legal());
            return Err(Error::new(name.span(), message));
        };
        Ok((name.clone(), key.value(&name, input)?))
    }

    /// All keys, as one writes them.
    fn legal(&self) -> String {
        if self.keys.is_empty() {
            return "it takes no keys".to_owned();
        }
        let examples: Vec<String> = self.keys.iter().map(|key| format!("`{}`", key.example)).collect();
        format!("legal here: {}", examples.join(", "))
    }
}

impl Key {
    fn value(&self, name: &Ident, input: ParseStream<'_>) -> Result<Value> {
        let wrong = |what: &str| {
            let span = if input.is_empty() || input.peek(Token![,]) { name.span() } else { input.span() };
            Error::new(span, format!("`{}` takes {what}: `{}`", self.name, self.example))
        };
        if matches!(self.shape, Shape::Entries) {
            return if input.peek(Paren) { entries(input).map(Value::Entries) } else { Err(wrong("entries")) };
        }
        let assigned = input.parse::<Option<Token![=]>>()?.is_some();
        match self.shape {
            Shape::Flag if assigned => Err(wrong("no value")),
            Shape::Flag => Ok(Value::Flag),
            Shape::Expression if !assigned => Ok(Value::Flag),
            Shape::Expression => input.parse().map(Value::Expression).map_err(|_| wrong("a Rust expression")),
            Shape::Value if !assigned => Err(wrong("a Rust expression")),
            Shape::Value => input.parse().map(Value::Expression).map_err(|_| wrong("a Rust expression")),
            Shape::Number if !assigned || !input.peek(LitInt) => Err(wrong("a number")),
            Shape::Number => {
                let number: LitInt = input.parse()?;
                number.base10_parse().map(Value::Number).map_err(|_| {
                    Error::new(number.span(), format!("`{}` takes a whole number up to {}", self.name, u32::MAX))
                })
            }
            Shape::Size if assigned && input.peek(LitInt) => {
                let bytes: LitInt = input.parse()?;
                let read = bytes.base10_parse().map_err(|_| "expected a number of bytes".to_owned());
                let refuse = |why| Error::new(bytes.span(), format!("bad size `{bytes}`: {why}"));
                read.and_then(size::in_range).map(Value::Size).map_err(refuse)
            }
            Shape::Text | Shape::Duration | Shape::Size | Shape::Choice(_) if !assigned || !input.peek(LitStr) => {
                Err(wrong("a string"))
            }
            Shape::Text => input.parse().map(Value::Text),
            Shape::Size => {
                let text: LitStr = input.parse()?;
                let refuse = |why| Error::new(text.span(), format!("bad size {:?}: {why}", text.value()));
                size::parse(&text.value()).map(Value::Size).map_err(refuse)
            }
            Shape::Choice(choices) => {
                let text: LitStr = input.parse()?;
                if choices.contains(&text.value().as_str()) {
                    return Ok(Value::Text(text));
                }
                let hint = did_you_mean(&text.value(), choices.iter().copied());
                let all: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
                let all = all.join(", ");
                let message = format!("`{}` cannot be {:?}{hint}\nit is one of {all}", self.name, text.value());
                Err(Error::new(text.span(), message))
            }
            Shape::Duration => {
                let text: LitStr = input.parse()?;
                let refuse = |why| Error::new(text.span(), format!("bad duration {:?}: {why}", text.value()));
                duration::parse(&text.value()).map(Value::Duration).map_err(refuse)
            }
            Shape::Switch if !assigned => Ok(Value::Switch(true)),
            Shape::Switch => {
                input.parse().map(|on: LitBool| Value::Switch(on.value)).map_err(|_| wrong("`true` or `false`"))
            }
            Shape::Entries => Err(wrong("entries")),
            Shape::Path if !assigned => Err(wrong("a path")),
            Shape::Path => match input.call(Path::parse_mod_style) {
                Ok(path) if is_sensible(&path) => Ok(Value::Path(path)),
                Ok(path) => Err(Error::new_spanned(path, format!("`{}` takes the path of a crate", self.name))),
                Err(_) => Err(wrong("a path")),
            },
        }
    }
}

/// Whether the words in a path that stand for modules are where they may be.
fn is_sensible(path: &Path) -> bool {
    let first_may_be_one = path.leading_colon.is_none();
    let mut only_supers = first_may_be_one;
    path.segments.iter().enumerate().all(|(index, segment)| {
        let sensible = match segment.ident.to_string().as_str() {
            "Self" => false,
            "super" => only_supers,
            "self" | "crate" => index == 0 && first_may_be_one,
            _ => true,
        };
        only_supers &= segment.ident == "super" || segment.ident == "self";
        sensible
    })
}

/// Reads `(name = expression, "name" = expression, ..)`, each name once.
fn entries(input: ParseStream<'_>) -> Result<Vec<(String, Expr)>> {
    let content;
    syn::parenthesized!(content in input);
    let entries = named_expressions(&content);
    if entries.is_err() {
        // One mistake is enough: what is left would be another.
        content.parse::<TokenStream>()?;
    }
    entries
}

fn named_expressions(content: ParseStream<'_>) -> Result<Vec<(String, Expr)>> {
    let mut entries: Vec<(String, Expr)> = Vec::new();
    while !content.is_empty() {
        let (name, span) = if content.peek(LitStr) {
            let name: LitStr = content.parse()?;
            (name.value(), name.span())
        } else {
            let name = Ident::parse_any(content)?;
            (name.unraw().to_string(), name.span())
        };
        if entries.iter().any(|(other, _)| *other == name) {
            return Err(Error::new(span, format!("`{name}` is given twice")));
        }
        content.parse::<Token![=]>()?;
        entries.push((name, content.parse()?));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(entries)
}

fn skip_to_comma(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Whether an attribute is a `#[py(..)]`.
pub(crate) fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("py")
}

/// Whether an attribute is a doc comment.
pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

/// The text of the doc comments: without the space behind `///`, and without empty lines around.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(doc) if is_doc(attribute) => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text: Vec<String> = lines.collect();
    let lines =
        text.iter().flat_map(|text| text.split('\n')).map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}
