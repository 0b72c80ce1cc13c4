//! `#[tool]`: from a Rust function to a tool that Python calls.

mod check;
mod expand;
mod model;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diag::Diagnostics;

/// Expands the attribute with its arguments on an item.
pub(crate) fn tool(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let Some(tool) = parse::parse(attribute, item, &mut diagnostics) else {
        let errors = diagnostics.into_tokens();
        return quote!(#item #errors);
    };
    check::check(&tool, &mut diagnostics);
    if diagnostics.is_empty() {
        expand::expand(&tool)
    } else {
        let salvaged = expand::salvage(&tool);
        let errors = diagnostics.into_tokens();
        quote!(#salvaged #errors)
    }
}
