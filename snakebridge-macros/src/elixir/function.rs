//! A function that is a tool in the Elixir style: a tool like any other, of another shape.

use proc_macro2::TokenStream;
use syn::ItemFn;

use super::{check, parse};
use crate::diag::Diagnostics;
use crate::tool::function::{expand, salvage};

pub(super) fn function(attribute: TokenStream, item: ItemFn, diagnostics: &mut Diagnostics) -> TokenStream {
    let function = parse::function(attribute, item, diagnostics);
    check::check_function(&function, diagnostics);
    if diagnostics.is_empty() { expand(&function) } else { salvage(&function) }
}
