//! `#[elixir_style_tool]`: tools that take one `params` value and belong to a session, on a function or on a trait.

mod check;
mod function;
mod model;
mod parse;
mod service;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, TraitItemFn};

use crate::diag::Diagnostics;

const USAGE: &str = "\
write it on a function with one `params` value, or on a trait of such functions:

    #[elixir_style_tool(exposed_to_python = true)]
    fn parse_json(params: ParseJson, session: &Session) -> Outcome<Parsed> { .. }";

/// Expands the attribute with its arguments on an item.
pub(crate) fn elixir_style_tool(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let expanded = match crate::item::read(item) {
        Ok(Item::Fn(item)) => function::function(attribute, item, &mut diagnostics),
        Ok(Item::Trait(item)) => service::service(attribute, item, &mut diagnostics),
        Ok(other) => {
            let what = match &other {
                Item::Struct(_) => "a struct",
                Item::Enum(_) => "an enum",
                Item::Mod(_) => "a module",
                Item::Impl(_) => "an `impl` block; put it on the trait, or `#[tool]` on the block",
                _ if syn::parse2::<TraitItemFn>(item.clone()).is_ok() => "a function without a body",
                _ => "something else",
            };
            let message = format!("`#[elixir_style_tool]` goes on a function or a trait, and this is {what}\n{USAGE}");
            diagnostics.report_at(first_word(&other), message);
            quote!(#item)
        }
        Err(error) => {
            diagnostics.push(error);
            quote!(#item)
        }
    };
    let errors = diagnostics.into_tokens();
    quote!(#expanded #errors)
}

/// Where an item says what it is.
fn first_word(item: &Item) -> proc_macro2::Span {
    match item {
        Item::Impl(item) => item.impl_token.span,
        Item::Struct(item) => item.struct_token.span,
        Item::Enum(item) => item.enum_token.span,
        Item::Mod(item) => item.mod_token.span,
        other => syn::spanned::Spanned::span(other),
    }
}
