//! A trait that describes a service of the host: the tools of an implementation, and a client of them.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, Ident, ItemTrait, ReturnType, TraitItem, Type, WherePredicate};

use super::model::{Service, ServiceMethod};
use super::{check, parse};
use crate::diag::Diagnostics;
use crate::quoting::{moved, place_of};
use crate::tool::model::{Output, Parameter, ToolMethod};
use crate::tool::run::{Callee, members, share};
use crate::types;

pub(super) fn service(attribute: TokenStream, item: ItemTrait, diagnostics: &mut Diagnostics) -> TokenStream {
    let mut service = parse::service(attribute, item, diagnostics);
    check::check_service(&mut service, diagnostics);
    if !diagnostics.is_empty() {
        return salvage(&service);
    }
    let (item, tools, client) = (described(&service), tools(&service), client(&service));
    quote!(#item #tools #client)
}

/// After a mistake: the trait, and what is named after it, so that it is not reported as missing too. The client has the
/// methods that were right.
fn salvage(service: &Service) -> TokenStream {
    let (item, client) = (&service.item, client(service));
    if !item.generics.params.is_empty() || item.generics.where_clause.is_some() {
        return quote!(#item);
    }
    let tools = tools(&Service { methods: vec![], crate_path: service.crate_path.clone(), item: item.clone() });
    quote!(#item #tools #client)
}

/// The trait; its futures can be sent, whoever implements it.
fn described(service: &Service) -> ItemTrait {
    let mut item = service.item.clone();
    for entry in &mut item.items {
        let TraitItem::Fn(function) = entry else { continue };
        if function.sig.asyncness.take().is_some() {
            let output = match &function.sig.output {
                ReturnType::Default => quote!(()),
                ReturnType::Type(_, ty) => quote!(#ty),
            };
            function.sig.output =
                syn::parse_quote!(-> impl ::core::future::Future<Output = #output> + ::core::marker::Send);
            if let Some(body) = &mut function.default {
                let block = body.clone();
                *body = syn::parse_quote!({ async move #block });
                // The body's future borrows the implementation.
                let shared: WherePredicate = syn::parse_quote!(Self: ::core::marker::Sync);
                function.sig.generics.make_where_clause().predicates.push(shared);
            }
        }
    }
    item
}

fn tools(service: &Service) -> TokenStream {
    let Service { crate_path: krate, item, methods } = service;
    let (visibility, name) = (&item.vis, &item.ident);
    let set = format_ident!("{}Tools", name.unraw(), span = name.span());
    let bounds = quote!(#name + ::core::marker::Send + ::core::marker::Sync + 'static);
    let conditions = conditions(&item.attrs);
    let tools = methods.iter().map(|ServiceMethod { method, .. }| {
        let (ident, conditions) = (&method.signature.ident, &method.conditions);
        let callee = Callee {
            krate,
            tool: &method.tool,
            function: quote!(<Implementation as #name>::#ident),
            ident,
            is_async: method.signature.asyncness.is_some(),
            method: true,
        };
        let (tool, members) = (type_name(ident), members(&callee));
        quote! {
            #(#conditions)*
            #[allow(non_camel_case_types)]
            struct #tool<Implementation>(::std::sync::Arc<Implementation>);

            #(#conditions)*
            #[automatically_derived]
            #[allow(deprecated, unused_variables)]
            impl<Implementation: #bounds> #krate::tools::HostTool for #tool<Implementation> {
                #members
            }
        }
    });
    let registered = methods.iter().map(|ServiceMethod { method, .. }| {
        let (tool, conditions) = (type_name(&method.signature.ident), &method.conditions);
        let shared = share(&quote!(self.0));
        quote! {
            #(#conditions)*
            let tools = tools.with(#tool(#shared));
        }
    });
    let about = format!("The tools of an implementation of [`{name}`], to be registered on a session.");
    quote! {
        #(#conditions)*
        #[doc = #about]
        #visibility struct #set<Implementation>(::std::sync::Arc<Implementation>);

        #(#conditions)*
        #[automatically_derived]
        #[allow(dead_code)]
        impl<Implementation: #bounds> #set<Implementation> {
            /// The tools of this implementation.
            #visibility fn new(implementation: Implementation) -> Self {
                Self(::std::sync::Arc::new(implementation))
            }
        }

        #(#conditions)*
        #[automatically_derived]
        impl<Implementation> ::core::fmt::Debug for #set<Implementation> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(::core::stringify!(#set)).finish_non_exhaustive()
            }
        }

        #(#conditions)*
        const _: () = {
            #(#tools)*

            #[automatically_derived]
            impl<Implementation: #bounds> #krate::tools::ToolSet for #set<Implementation> {
                fn into_tools(self: ::std::sync::Arc<Self>) -> #krate::tools::Tools {
                    let tools = #krate::tools::Tools::new();
                    #(#registered)*
                    tools
                }
            }
        };
    }
}

fn client(service: &Service) -> TokenStream {
    let Service { crate_path: krate, item, methods } = service;
    let (visibility, name) = (&item.vis, &item.ident);
    let client = format_ident!("{}Client", name.unraw(), span = name.span());
    let conditions = conditions(&item.attrs);
    let calls = methods.iter().map(|method| client_method(service, method));
    let about = format!("Calls the tools of the [`{name}`] that a session has, from Rust.");
    quote! {
        #(#conditions)*
        #[doc = #about]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #client(#krate::tools::SessionTools);

        #(#conditions)*
        #[automatically_derived]
        #[allow(dead_code)]
        impl #client {
            /// A client of a session's tools.
            #visibility fn new(session: &impl #krate::tools::AsSessionTools) -> Self {
                Self(session.session_tools())
            }

            #(#calls)*
        }
    }
}

fn client_method(service: &Service, method: &ServiceMethod) -> TokenStream {
    let (krate, visibility) = (&service.crate_path, &service.item.vis);
    let ServiceMethod { docs, method: ToolMethod { signature, conditions, tool } } = method;
    let (ident, name) = (&signature.ident, &tool.name);
    let params = tool.parameters.iter().find_map(|parameter| match parameter {
        Parameter::All(ty) => Some(ty),
        _ => None,
    });
    let unit: Type = syn::parse_quote!(());
    let result = match &tool.output {
        Output::Value(ty) => types::success(ty),
        Output::Stream { .. } => &unit,
    };
    let (of_params, of_result) = (params.map_or_else(Span::call_site, place_of), place_of(result));
    let (near_params, near_result) = (moved(krate, of_params), moved(krate, of_result));
    let arguments = quote_spanned!(of_params=> #near_params::tools::generated::client_arguments::<#params>(&params));
    let call =
        quote_spanned!(of_result=> #near_result::tools::generated::client_call::<#result>(&self.0, #name, arguments));
    quote! {
        #(#conditions)*
        #(#docs)*
        #visibility fn #ident(&self, params: #params) -> #krate::tools::HostCall<#result> {
            let arguments = #arguments;
            #call
        }
    }
}

fn conditions(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}

/// The type of a method's tool; nobody sees it.
fn type_name(method: &Ident) -> Ident {
    format_ident!("Tool_{}", method.unraw(), span = Span::mixed_site())
}
