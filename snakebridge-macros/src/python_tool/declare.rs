//! From the model to what is declared about the tools: constants for the pool and for the comparison with Python, and the
//! schemas of types.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

use super::expand::{is_condition, kept};
use super::model::{Answer, Method, Passing};
use crate::types::referenced;

/// The constant that declares a tool: its name, its arguments and result as far as tokens show them, its options.
pub(super) fn declaration(krate: &Path, method: &Method) -> TokenStream {
    let (constant, name) = (method.constant(), &method.name.text);
    let conditions = kept(&method.attributes, is_condition);
    let make = match method.answer {
        Answer::Unary(_) => quote!(call),
        Answer::Stream { .. } => quote!(stream),
    };
    let named = method.arguments.iter().filter(|argument| argument.passing != Passing::Fields);
    let parameters = named.map(|argument| {
        let name = &argument.name.text;
        let kind = match argument.passing {
            Passing::Optional => quote!(.optional()),
            Passing::Stream => quote!(.stream()),
            Passing::Named | Passing::Default | Passing::Fields => quote!(),
        };
        let shape = argument.shape().tokens(krate);
        quote!(#krate::client::ParameterDeclaration::new(#name, #shape)#kind)
    });
    let kwargs = method.arguments.iter().any(|argument| argument.passing == Passing::Fields);
    let kwargs = kwargs.then(|| quote!(.kwargs()));
    let returns = method.answer.shape().tokens(krate);
    let options = method.options.tokens(krate);
    quote! {
        #(#conditions)*
        const #constant: #krate::client::ToolDeclaration = #krate::client::ToolDeclaration::#make(#name)
            .parameters(&[#(#parameters),*])
            #kwargs
            .returns(#returns)
            #options;
    }
}

/// Asks all types for their schemas. It names each where its probe is made, so that types without one compile too.
pub(super) fn schemas(krate: &Path, methods: &[Method]) -> TokenStream {
    let tools = methods.iter().map(|method| {
        let (name, conditions) = (&method.name.text, kept(&method.attributes, is_condition));
        let arguments = method.arguments.iter().map(|argument| {
            let (name, ty) = (&argument.name.text, referenced(argument.sent()));
            let schema = quote!(#krate::schema::Probe::<#ty>::new().serialized());
            if argument.passing == Passing::Fields {
                quote!(.fields(#schema))
            } else {
                quote!(.parameter(#name, #schema))
            }
        });
        let result = method.answer.result();
        quote! {
            #(#conditions)*
            schemas.add(
                #krate::client::ToolSchemas::new(#name)
                    #(#arguments)*
                    .returns(#krate::schema::Probe::<#result>::new().returned()),
            );
        }
    });
    quote! {
        #[allow(unused_imports)]
        fn schemas() -> #krate::client::Schemas {
            use #krate::schema::NoSchema as _;
            let mut schemas = #krate::client::Schemas::new();
            #(#tools)*
            schemas
        }
    }
}
