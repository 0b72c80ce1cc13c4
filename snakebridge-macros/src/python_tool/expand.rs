//! From the model to Rust: the trait, its client, and the client's implementations.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitStr, Path, ReturnType, Token, TraitItem, TraitItemFn, Type, TypeImplTrait,
    TypeParamBound, Visibility, parse_quote,
};

use super::declare::{declaration, schemas};
use super::model::{Answer, Argument, Method, Passing, ToolTrait};
use crate::attrs::is_doc;
use crate::quoting::{self, moved, place_of};
use crate::types::{bound_named, optional, peel, referenced};

/// All of it.
pub(super) fn expand(tools: &ToolTrait) -> TokenStream {
    let emitted = emitted_trait(tools);
    let client = client(tools);
    let implementation = implementation(tools);
    let manifest = tools.manifest.as_ref().map(depends_on);
    quote!(#emitted #client #implementation #manifest)
}

/// Makes the compiler look at the trait again when the manifest has changed.
fn depends_on(file: &LitStr) -> TokenStream {
    quote! {
        const _: &[::core::primitive::u8] =
            ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #file));
    }
}

/// After a mistake: the trait as it was written, and a client of the methods that are right.
pub(super) fn salvage(tools: &ToolTrait) -> TokenStream {
    let mut item = tools.item.clone();
    item.items.extend(tools.skipped.iter().cloned().map(TraitItem::Fn));
    let client = client(tools);
    quote! {
        #[allow(async_fn_in_trait, dead_code)]
        #item
        #client
    }
}

/// The user's trait, whose futures and streams can be sent to other threads.
fn emitted_trait(tools: &ToolTrait) -> TokenStream {
    let mut item = tools.item.clone();
    let functions = item.items.iter_mut().filter_map(|item| match item {
        TraitItem::Fn(function) => Some(function),
        _ => None,
    });
    for (function, method) in functions.zip(&tools.methods) {
        let output = trait_output(method, &quote!(use<Self>));
        function.sig.asyncness = None;
        function.sig.output = ReturnType::Type(Token![->](output.span()), Box::new(Type::Verbatim(output)));
    }
    item.items.extend(tools.skipped.iter().map(skipped));
    quote! {
        #[allow(dead_code)]
        #item
    }
}

/// A method that is no tool stays as it is: whether its future can be sent is its own business.
fn skipped(function: &TraitItemFn) -> TraitItem {
    let mut function = function.clone();
    if function.sig.asyncness.is_some() {
        function.attrs.push(parse_quote!(#[allow(async_fn_in_trait)]));
    }
    TraitItem::Fn(function)
}

/// What a method of the trait returns. `captured` keeps a stream from borrowing the arguments; where one of these is a
/// stream itself, Rust has no way to say so, and the output captures them all.
fn trait_output(method: &Method, captured: &TokenStream) -> TokenStream {
    let answer = &method.answer;
    match answer {
        Answer::Unary(output) => {
            let span = answer.place();
            quote_spanned!(span=> impl ::core::future::Future<Output = #output> + ::core::marker::Send)
        }
        Answer::Stream { stream: TypeImplTrait { bounds, .. }, .. } => {
            let bounds = bounds
                .iter()
                .filter(|bound| !matches!(bound, TypeParamBound::PreciseCapture(_)))
                .filter(|bound| bound_named(bound, "Send").is_none());
            let span = answer.place();
            let takes_streams = method.arguments.iter().any(|argument| argument.passing == Passing::Stream);
            let captured = (!takes_streams).then(|| moved(captured, span));
            let captured = captured.map(|captured| quote_spanned!(span=> + #captured));
            quote_spanned!(span=> impl #(#bounds +)* ::core::marker::Send #captured)
        }
    }
}

/// The client type, its methods, and what the crate asks of it.
fn client(tools: &ToolTrait) -> TokenStream {
    let ToolTrait { crate_path: krate, item, client, .. } = tools;
    let visibility = &item.vis;
    let (docs, conditions) = (kept(&item.attrs, is_doc), &kept(&item.attrs, is_condition));
    let about = format!("Calls the Python tools of [`{}`].", item.ident);
    let separator = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let adapter = quoting::option(tools.adapter.as_ref().map(|adapter| &adapter.text));
    let schemas = schemas(krate, &tools.methods);
    let methods = tools.methods.iter().map(|method| client_method(krate, visibility, method));
    let declarations = tools.methods.iter().map(|method| {
        let (constant, conditions) = (method.constant(), kept(&method.attributes, is_condition));
        quote!(#(#conditions)* Self::#constant)
    });
    quote! {
        #(#docs)*
        #separator
        #[doc = #about]
        #(#conditions)*
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #client {
            caller: #krate::client::Caller,
        }

        #(#conditions)*
        // What there is to say about names and numbers of arguments is said about the trait.
        #[allow(dead_code, clippy::too_many_arguments, clippy::wrong_self_convention)]
        impl #client {
            /// A client that calls through `source`: a bridge, or anything else that makes calls. Its calls go to the pool
            /// that loads its adapter. It is not compared with what the workers offer, as `Bridge::client` does.
            #[must_use]
            #visibility fn new(source: &impl #krate::client::AsCaller) -> Self {
                let caller = #krate::client::AsCaller::caller(source);
                Self { caller: caller.for_adapter(<Self as #krate::client::PythonTools>::ADAPTER) }
            }

            #(#methods)*
        }

        #(#conditions)*
        #[automatically_derived]
        impl #krate::client::PythonTools for #client {
            const ADAPTER: ::core::option::Option<&'static ::core::primitive::str> = #adapter;
            const TOOLS: &'static [#krate::client::ToolDeclaration] = &[#(#declarations),*];

            #schemas

            fn from_caller(caller: #krate::client::Caller) -> Self {
                Self { caller }
            }
        }
    }
}

/// A tool's declaration, and the method that calls it.
fn client_method(krate: &Path, visibility: &Visibility, method: &Method) -> TokenStream {
    let declaration = declaration(krate, method);
    let signature = &method.signature;
    let (ident, inputs, constant) = (&signature.ident, &signature.inputs, method.constant());
    let attributes = kept(&method.attributes, is_carried);
    let docs = method_docs(method);
    // `self` as the user wrote it: in a trait that `macro_rules!` made, another `self` would be unknown.
    let this = signature.receiver().map(|receiver| receiver.self_token);
    let arguments = method.arguments.iter().map(|argument| encoded(krate, argument));
    let span = method.answer.place();
    let output = returned(krate, &method.answer);
    let make = match &method.answer {
        Answer::Unary(_) => "call",
        Answer::Stream { .. } => "stream",
    };
    let (make, krate) = (Ident::new(make, span), moved(krate, span));
    let body =
        quote_spanned!(span=> #this.caller.#make(&Self::#constant, #krate::body::Arguments::new()#(#arguments)*));
    quote! {
        #declaration

        #(#attributes)*
        #docs
        #visibility fn #ident(#inputs) -> #output {
            #body
        }
    }
}

/// `Call<T, E>` or `ToolStream<T, E>` for a `Result<T, E>`, whatever it is called. All of it comes out of the bound: where
/// that is not met, the compiler has nothing more to say about the method.
fn returned(krate: &Path, answer: &Answer) -> TokenStream {
    let (place, result) = (answer.place(), answer.result());
    let (krate, bound) = (moved(krate, place), Ident::new(answer.bound(), place));
    quote_spanned!(place=> <#result as #krate::client::#bound>::Answer)
}

/// The link of the chain that encodes an argument; an error points at the argument's type.
fn encoded(krate: &Path, argument: &Argument) -> TokenStream {
    let Argument { ident, ty, name, passing, .. } = argument;
    let name = &name.text;
    let sent = referenced(argument.sent());
    let span = match passing {
        Passing::Optional | Passing::Default => place_of(referenced(optional(sent))),
        Passing::Named | Passing::Fields | Passing::Stream => place_of(sent),
    };
    let mut value = ident.clone();
    value.set_span(ident.span().located_at(span));
    let borrow = (!matches!(peel(ty), Type::Reference(_))).then(|| quote_spanned!(span=> &));
    let method = match passing {
        Passing::Named => "named",
        Passing::Optional => "optional",
        Passing::Default => {
            let default = argument.default.as_ref().map(made);
            return quote_spanned!(span=> .optional_or(#name, #borrow #value, || #default));
        }
        Passing::Fields => return quote_spanned!(span=> .fields(#borrow #value)),
        Passing::Stream => {
            let krate = moved(krate, span);
            return quote_spanned!(span=> .named(#name, &#krate::body::Input::new(#value)));
        }
    };
    let method = Ident::new(method, span);
    quote_spanned!(span=> .#method(#name, #borrow #value))
}

/// A default value. A string literal stands for a `String`, or whatever else is made from one.
fn made(default: &Expr) -> TokenStream {
    match default {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => quote!(::core::convert::From::from(#text)),
        default => default.to_token_stream(),
    }
}

/// What the documentation of a method has beyond the user's own: its arguments', or anything at all.
fn method_docs(method: &Method) -> TokenStream {
    let mut lines: Vec<String> = Vec::new();
    if !method.attributes.iter().any(is_doc) {
        lines.push(format!("Calls the Python tool `{}`.", method.name.text));
    }
    let documented = method.arguments.iter().filter(|argument| !argument.docs.is_empty());
    for (index, argument) in documented.enumerate() {
        if index == 0 {
            lines.push(String::new());
        }
        lines.push(format!("- `{}`: {}", argument.ident, argument.docs.replace('\n', "\n  ")));
    }
    quote!(#(#[doc = #lines])*)
}

/// The client is the trait's implementation that calls Python.
fn implementation(tools: &ToolTrait) -> TokenStream {
    let ToolTrait { item, client, .. } = tools;
    let conditions = kept(&item.attrs, is_condition);
    let name = &item.ident;
    let methods = tools.methods.iter().map(|method| {
        let signature = &method.signature;
        let (ident, inputs) = (&signature.ident, &signature.inputs);
        let conditions = kept(&method.attributes, is_condition);
        let output = trait_output(method, &quote!(use<>));
        let this = signature.receiver().map(|receiver| receiver.self_token);
        let arguments = method.arguments.iter().map(|argument| &argument.ident);
        let call = quote_spanned!(method.answer.place()=> Self::#ident(#this, #(#arguments),*));
        quote! {
            #(#conditions)*
            fn #ident(#inputs) -> #output {
                #call
            }
        }
    });
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #name for #client {
            #(#methods)*
        }
    }
}

pub(super) fn kept(attributes: &[Attribute], keep: impl Fn(&Attribute) -> bool) -> Vec<&Attribute> {
    attributes.iter().filter(|attribute| keep(attribute)).collect()
}

pub(super) fn is_condition(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

/// What holds for the client's method as it does for the trait's.
fn is_carried(attribute: &Attribute) -> bool {
    ["doc", "cfg", "deprecated", "allow"].iter().any(|name| attribute.path().is_ident(name))
}
