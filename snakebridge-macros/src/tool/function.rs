//! A function that is a tool, and the type beside it that is the tool.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::Attribute;
use syn::ext::IdentExt;

use super::model::ToolFn;
use super::run::{Callee, members, members_never_built};
use crate::quoting;
use crate::tools::VARIANT;

/// The function, and its tool.
pub(crate) fn expand(function: &ToolFn) -> TokenStream {
    let ident = &function.item.sig.ident;
    both(
        function,
        &members(&Callee {
            krate: &function.crate_path,
            tool: &function.tool,
            function: ident.to_token_stream(),
            ident,
            is_async: function.item.sig.asyncness.is_some(),
            method: false,
        }),
    )
}

/// After a mistake: the function, and a tool to name in `tools![..]`, so that it is not reported as missing too.
pub(crate) fn salvage(function: &ToolFn) -> TokenStream {
    if function.item.sig.receiver().is_some() {
        // Inside of an `impl` there is no place for a type.
        return function.item.to_token_stream();
    }
    both(function, &members_never_built(&function.crate_path))
}

/// The function, and an enum whose one variant is the tool.
///
/// The enum lives in another namespace than the function, so both have one name, and one `use` imports both. It comes out of
/// a module by a glob, over which a module that has that name too takes precedence: `tools![..]` reports that then.
fn both(function: &ToolFn, members: &TokenStream) -> TokenStream {
    let ToolFn { crate_path: krate, item, .. } = function;
    let (visibility, ident) = (&item.vis, &item.sig.ident);
    let (module, variant) = (format_ident!("snakebridge_tool_{}", ident.unraw()), quoting::ident(VARIANT));
    let conditions: Vec<&Attribute> = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    quote! {
        // A tool cannot borrow what it only reads.
        #[allow(clippy::needless_pass_by_value)]
        #item

        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, non_snake_case, unreachable_pub, missing_debug_implementations, missing_copy_implementations)]
        mod #module {
            pub enum #ident {
                #variant,
            }
        }

        #(#conditions)*
        #[doc(hidden)]
        #[allow(unused_imports)]
        #visibility use #module::*;

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, unused_variables)]
        impl #krate::tools::HostTool for #module::#ident {
            #members
        }
    }
}
