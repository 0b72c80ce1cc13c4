//! An `impl` block whose methods are tools that share a value.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, ImplItem};

use super::model::{ToolImpl, ToolMethod};
use super::run::{Callee, members, share};
use crate::quoting::place_of;

/// The block, and the value's type as a set of tools.
pub(super) fn expand(block: &ToolImpl) -> TokenStream {
    let ToolImpl { crate_path: krate, item, methods } = block;
    let mut item = item.clone();
    for entry in &mut item.items {
        if let ImplItem::Fn(function) = entry {
            // A tool cannot borrow what it only reads.
            function.attrs.push(syn::parse_quote!(#[allow(clippy::needless_pass_by_value)]));
        }
    }
    let ty = &item.self_ty;
    // Said of each implementation, in the same words at the same place: a type that cannot be shared is reported once.
    let place = place_of(ty);
    let shared = quote_spanned!(place=> #ty: ::core::marker::Send + ::core::marker::Sync + 'static);
    let tools = methods.iter().map(|method| {
        let ident = &method.signature.ident;
        let callee = Callee {
            krate,
            tool: &method.tool,
            function: quote!(<#ty>::#ident),
            ident,
            is_async: method.signature.asyncness.is_some(),
            method: true,
        };
        let (name, members, conditions) = (type_name(ident), members(&callee), &method.conditions);
        quote! {
            #(#conditions)*
            #[allow(non_camel_case_types)]
            struct #name(::std::sync::Arc<#ty>);

            #(#conditions)*
            #[automatically_derived]
            #[allow(deprecated, trivial_bounds, unused_variables)]
            impl #krate::tools::HostTool for #name
            where
                #shared
            {
                #members
            }
        }
    });
    let registered = methods.iter().map(|method: &ToolMethod| {
        let (name, conditions) = (type_name(&method.signature.ident), &method.conditions);
        let shared = share(&quote!(self));
        quote! {
            #(#conditions)*
            let tools = tools.with(#name(#shared));
        }
    });
    quote! {
        #item

        const _: () = {
            #(#tools)*

            #[automatically_derived]
            #[allow(trivial_bounds)]
            impl #krate::tools::ToolSet for #ty
            where
                #shared
            {
                fn into_tools(self: ::std::sync::Arc<Self>) -> #krate::tools::Tools {
                    let tools = #krate::tools::Tools::new();
                    #(#registered)*
                    tools
                }
            }
        };
    }
}

/// After a mistake: the block, and a set to give to a builder, so that it is not reported as missing too.
pub(super) fn salvage(block: &ToolImpl) -> TokenStream {
    let ToolImpl { crate_path: krate, item, .. } = block;
    if item.trait_.is_some() || !item.generics.params.is_empty() {
        return item.to_token_stream();
    }
    let ty = &item.self_ty;
    quote! {
        #item

        impl #krate::tools::ToolSet for #ty {
            fn into_tools(self: ::std::sync::Arc<Self>) -> #krate::tools::Tools {
                ::core::unreachable!()
            }
        }
    }
}

/// The type of a method's tool; nobody sees it.
fn type_name(method: &Ident) -> Ident {
    format_ident!("Tool_{}", method.unraw(), span = proc_macro2::Span::mixed_site())
}
