//! The keys of a tool, wherever it stands, and how they are read.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Attribute, FnArg, Ident, ReturnType, Signature, parse_quote};

use super::model::{Output, Parameter, Tool};
use crate::attrs::{Entries, Key, Shape, Table, docs};
use crate::diag::Diagnostics;
use crate::{names, types};

const NAME: Key = Key { name: "name", shape: Shape::Text, example: "name = \"name_in_python\"" };
const DESCRIPTION: Key = Key { name: "description", shape: Shape::Text, example: "description = \"What it does.\"" };
const TIMEOUT: Key = Key { name: "timeout", shape: Shape::Duration, example: "timeout = \"30s\"" };
const BLOCKING: Key = Key { name: "blocking", shape: Shape::Flag, example: "blocking" };
const HIDDEN: Key = Key { name: "hidden", shape: Shape::Flag, example: "hidden" };
const SESSION: Key = Key { name: "session", shape: Shape::Flag, example: "session" };
const MAX_CONCURRENCY: Key = Key { name: "max_concurrency", shape: Shape::Number, example: "max_concurrency = 8" };
const METADATA: Key = Key { name: "metadata", shape: Shape::Entries, example: "metadata(key = \"value\")" };
const EXPOSED: Key = Key { name: "exposed_to_python", shape: Shape::Switch, example: "exposed_to_python = true" };
const CRATE: Key = Key { name: "crate", shape: Shape::Path, example: "crate = snakebridge" };
const SKIP: Key = Key { name: "skip", shape: Shape::Flag, example: "skip" };
const PREFIX: Key = Key { name: "prefix", shape: Shape::Text, example: "prefix = \"counter.\"" };

/// `#[tool(..)]` on a function.
pub(super) const FUNCTION: Table = Table {
    place: "`#[tool(..)]`",
    keys: &[NAME, DESCRIPTION, TIMEOUT, BLOCKING, HIDDEN, SESSION, MAX_CONCURRENCY, METADATA, CRATE],
};

/// `#[tool(..)]` on an `impl` block.
pub(super) const BLOCK: Table = Table { place: "`#[tool(..)]` on an `impl` block", keys: &[PREFIX, CRATE] };

/// `#[tool(..)]` and `#[py(..)]` on a method of such a block.
pub(super) const METHOD: Table = Table {
    place: "`#[tool(..)]` on a method",
    keys: &[NAME, DESCRIPTION, TIMEOUT, BLOCKING, HIDDEN, SESSION, MAX_CONCURRENCY, METADATA, SKIP],
};

/// `#[elixir_style_tool(..)]` on a function.
pub(crate) const ELIXIR_FUNCTION: Table =
    Table { place: "`#[elixir_style_tool(..)]`", keys: &[NAME, DESCRIPTION, EXPOSED, TIMEOUT, METADATA, CRATE] };

/// `#[elixir_style_tool(..)]` on a trait.
pub(crate) const ELIXIR_TRAIT: Table =
    Table { place: "`#[elixir_style_tool(..)]` on a trait", keys: &[PREFIX, EXPOSED, TIMEOUT, CRATE] };

/// `#[py(..)]` on a method of such a trait.
pub(crate) const ELIXIR_METHOD: Table =
    Table { place: "`#[py(..)]` on a method", keys: &[NAME, DESCRIPTION, EXPOSED, TIMEOUT, METADATA] };

/// What is asked of the names of a style's tools.
#[derive(Clone, Copy)]
pub(crate) struct Naming<'a> {
    /// What all of them begin with.
    pub(crate) prefix: &'a str,
    /// How long they may be.
    pub(crate) limit: usize,
    /// Whose limit that is, for messages.
    pub(crate) whose: &'static str,
}

impl<'a> Naming<'a> {
    /// Of `#[tool]`.
    pub(super) fn of_tools(prefix: &'a str) -> Self {
        Self { prefix, limit: names::TOOL_NAME_LIMIT, whose: "the name of a tool" }
    }

    /// Reads the prefix of a set of tools.
    pub(crate) fn check_prefix(&self, keys: &Entries, diagnostics: &mut Diagnostics) {
        if let Some(text) = keys.text("prefix").filter(|_| !names::has_form_of_tool_name(self.prefix)) {
            let rule = names::tool_name_rule(self.limit);
            diagnostics.report(text, format!("{:?} cannot begin a tool's name; {rule}", self.prefix));
        }
    }

    /// The whole name of a tool, and the token that says its own part.
    fn name(&self, keys: &Entries, ident: &Ident, diagnostics: &mut Diagnostics) -> (String, Span) {
        let (own, span, hint) = match keys.text("name") {
            Some(name) => (name.value(), name.span(), ""),
            None => (ident.unraw().to_string(), ident.span(), "; add `name = \"..\"`"),
        };
        let name = format!("{}{own}", self.prefix);
        if !names::has_form_of_tool_name(&own) {
            let rule = names::tool_name_rule(self.limit);
            diagnostics.report_at(span, format!("{own:?} is no tool name; {rule}{hint}"));
        } else if name.len() > self.limit {
            let message = format!("`{name}` has {} characters; {} has at most {}", name.len(), self.whose, self.limit);
            diagnostics.report_at(span, message);
        }
        (name, span)
    }
}

/// A tool that has these keys and this signature; `parameter` reads one of its parameters.
pub(crate) fn read_tool(
    keys: &Entries,
    attributes: &[Attribute],
    signature: &mut Signature,
    naming: Naming<'_>,
    diagnostics: &mut Diagnostics,
    mut parameter: impl FnMut(&mut syn::PatType, &mut Diagnostics) -> Option<Parameter>,
) -> Tool {
    let mut parameters = Vec::new();
    for input in &mut signature.inputs {
        if let FnArg::Typed(input) = input {
            parameters.extend(parameter(input, diagnostics));
        }
    }
    let (name, name_span) = naming.name(keys, &signature.ident, diagnostics);
    let max_concurrency = keys.number("max_concurrency");
    if max_concurrency == Some(0) {
        diagnostics.report(
            keys.key("max_concurrency"),
            "`max_concurrency = 0` would let no call run; leave the key out for no limit",
        );
    }
    Tool {
        name,
        name_span,
        description: keys.text("description").map_or_else(|| docs(attributes), syn::LitStr::value),
        timeout: keys.duration("timeout"),
        exposed: !keys.has("hidden"),
        session: keys.has("session"),
        max_concurrency,
        metadata: keys.entries("metadata").to_vec(),
        metadata_limit: None,
        blocking: keys.key("blocking").cloned(),
        parameters,
        output: output(&signature.output),
    }
}

fn output(output: &ReturnType) -> Output {
    match output {
        ReturnType::Default => Output::Value(parse_quote!(())),
        ReturnType::Type(_, ty) => match types::as_stream(ty) {
            Some(stream) => Output::Stream {
                tokens: quote::ToTokens::to_token_stream(stream),
                item: types::stream_item(stream).cloned(),
            },
            None => Output::Value((**ty).clone()),
        },
    }
}
