//! From the tokens of an item to the model.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{FnArg, ImplItem, ImplItemFn, Item, ItemFn, ItemImpl, Meta, TraitItemFn, Type};

use super::keys::{BLOCK, FUNCTION, METHOD, Naming, read_tool};
use super::model::{ToolFn, ToolImpl, ToolMethod};
use super::parameters::{Attributes, parameter};
use crate::attrs::Entries;
use crate::diag::Diagnostics;
use crate::types;

const USAGE: &str = "\
write it on a function, or on an `impl` block whose methods share a value:

    #[tool]
    async fn shout(text: String) -> String { text.to_uppercase() }";

/// What `#[tool]` stands on.
pub(super) enum Parsed {
    Function(Box<ToolFn>),
    Block(Box<ToolImpl>),
}

/// Reads the item. `None` if it is something else; what is wrong inside of it is reported and left out.
pub(super) fn parse(attribute: TokenStream, item: &TokenStream, diagnostics: &mut Diagnostics) -> Option<Parsed> {
    let mut refuse = |span: Span, what: &str| {
        diagnostics.report_at(span, format!("`#[tool]` goes on a function, and this is {what}\n{USAGE}"));
        None
    };
    match crate::item::read(item) {
        Ok(Item::Fn(item)) => Some(Parsed::Function(Box::new(function(attribute, item, diagnostics)))),
        Ok(Item::Impl(item)) => Some(Parsed::Block(Box::new(block(attribute, item, diagnostics)))),
        Ok(Item::Struct(item)) => refuse(item.struct_token.span, "a struct"),
        Ok(Item::Enum(item)) => refuse(item.enum_token.span, "an enum"),
        Ok(Item::Mod(item)) => refuse(item.mod_token.span, "a module"),
        Ok(Item::Trait(item)) => refuse(
            item.trait_token.span,
            "a trait; a trait of Python tools takes `#[python_tool]`, one of Rust tools `#[elixir_style_tool]`",
        ),
        // What `syn` reads so includes a function without a body.
        Ok(other) => match syn::parse2::<TraitItemFn>(item.clone()) {
            Ok(method) => refuse(method.sig.ident.span(), "a function without a body"),
            Err(_) => refuse(other.span(), "something else"),
        },
        Err(error) => {
            diagnostics.push(error);
            None
        }
    }
}

fn function(attribute: TokenStream, mut item: ItemFn, diagnostics: &mut Diagnostics) -> ToolFn {
    let mut keys = Entries::default();
    keys.read(attribute, &FUNCTION, diagnostics);
    for misplaced in item.attrs.extract_if(.., |attribute| crate::attrs::is_ours(attribute)) {
        diagnostics.report(misplaced, "`#[py(..)]` goes on parameters; a tool's keys go into `#[tool(..)]`");
    }
    let tool = read_tool(&keys, &item.attrs, &mut item.sig, Naming::of_tools(""), diagnostics, parameter);
    ToolFn { crate_path: keys.crate_path(), item, tool }
}

fn block(attribute: TokenStream, mut item: ItemImpl, diagnostics: &mut Diagnostics) -> ToolImpl {
    let mut keys = Entries::default();
    keys.read(attribute, &BLOCK, diagnostics);
    let prefix = keys.text("prefix").map(syn::LitStr::value).unwrap_or_default();
    let naming = Naming::of_tools(&prefix);
    naming.check_prefix(&keys, diagnostics);
    let mut methods = Vec::new();
    for entry in &mut item.items {
        if let ImplItem::Fn(function) = entry {
            methods.extend(method(function, &item.self_ty, naming, diagnostics));
        }
    }
    ToolImpl { crate_path: keys.crate_path(), item, methods }
}

/// A method that is a tool: one with a receiver, unless it is to be skipped.
fn method(
    function: &mut ImplItemFn,
    set: &Type,
    naming: Naming<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ToolMethod> {
    let mut keys = Entries::take(&mut function.attrs, &METHOD, diagnostics);
    for attribute in function.attrs.extract_if(.., |attribute| attribute.path().is_ident("tool")) {
        match &attribute.meta {
            Meta::List(list) => keys.read(list.tokens.clone(), &METHOD, diagnostics),
            // A reminder that it is one.
            Meta::Path(_) => {}
            Meta::NameValue(value) => diagnostics.report(value, "`#[tool]` takes its keys in parentheses"),
        }
    }
    let is_method = function.sig.receiver().is_some();
    if keys.has("skip") || !is_method {
        if !is_method && let Some(key) = keys.keys().find(|key| *key != "skip") {
            let message = format!("`{key}` is for tools, and a function without `&self` is none; remove it");
            diagnostics.report(key, message);
        }
        take_attributes(function);
        return None;
    }
    // The tool stands outside of the block.
    let mut signature = function.sig.clone();
    match syn::parse2(types::without_self(function.sig.to_token_stream(), set)) {
        Ok(replaced) => signature = replaced,
        Err(error) => diagnostics.push(error),
    }
    let tool = read_tool(&keys, &function.attrs, &mut signature, naming, diagnostics, parameter);
    take_attributes(function);
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
    Some(ToolMethod { signature, conditions, tool })
}

/// Leaves of our attributes nothing for the compiler, which does not know them.
fn take_attributes(function: &mut ImplItemFn) {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(input) = input {
            // What is wrong with them has been reported, or is of no account.
            Attributes::take(input, &mut Diagnostics::default());
        }
    }
}
