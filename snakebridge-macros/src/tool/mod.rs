//! `#[tool]`: from a Rust function, or the methods of a value, to tools that Python calls.

mod block;
pub(crate) mod check;
pub(crate) mod descriptor;
pub(crate) mod function;
pub(crate) mod keys;
pub(crate) mod model;
pub(crate) mod parameters;
mod parse;
pub(crate) mod run;

use proc_macro2::TokenStream;
use quote::quote;

use self::parse::Parsed;
use crate::diag::Diagnostics;

/// Expands the attribute with its arguments on an item.
pub(crate) fn tool(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let Some(parsed) = parse::parse(attribute, item, &mut diagnostics) else {
        let errors = diagnostics.into_tokens();
        return quote!(#item #errors);
    };
    match &parsed {
        Parsed::Function(function) => check::check_function(function, &mut diagnostics),
        Parsed::Block(block) => check::check_block(block, &mut diagnostics),
    }
    if diagnostics.is_empty() {
        return match &parsed {
            Parsed::Function(function) => function::expand(function),
            Parsed::Block(block) => block::expand(block),
        };
    }
    let salvaged = match &parsed {
        Parsed::Function(function) => function::salvage(function),
        Parsed::Block(block) => block::salvage(block),
    };
    let errors = diagnostics.into_tokens();
    quote!(#salvaged #errors)
}
