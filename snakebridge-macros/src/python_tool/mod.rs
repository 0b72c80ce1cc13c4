//! `#[python_tool]`: from a trait to a client that calls Python.

mod check;
mod declare;
mod expand;
mod manifest;
mod model;
mod options;
mod parse;
mod shape;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diag::Diagnostics;

/// Expands the attribute with its arguments on an item.
pub(crate) fn python_tool(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let Some(mut tools) = parse::parse(attribute, item, &mut diagnostics) else {
        let errors = diagnostics.into_tokens();
        return quote!(#item #errors);
    };
    check::check(&mut tools, &mut diagnostics);
    let file = tools.manifest.as_ref().and_then(|file| manifest::read(file, &mut diagnostics));
    if let Some(file) = file {
        manifest::compare(&tools, &file, &mut diagnostics);
    }
    if diagnostics.is_empty() {
        expand::expand(&tools)
    } else {
        // What was right keeps its methods, so that one mistake is not followed by errors at every use of the client.
        let salvaged = expand::salvage(&tools);
        let errors = diagnostics.into_tokens();
        quote!(#salvaged #errors)
    }
}
