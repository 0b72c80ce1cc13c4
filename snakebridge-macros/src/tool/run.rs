//! How a tool is run: its arguments are taken out of the message, what it is lent is found, and what it returns becomes
//! its answer.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Expr, ExprLit, Lit, Path};

use super::descriptor::descriptor;
use super::model::{Absent, Given, Output, Parameter, Tool};
use crate::quoting::{moved, place_of};

/// A tool as the generated code calls it.
pub(crate) struct Callee<'a> {
    pub(crate) krate: &'a Path,
    pub(crate) tool: &'a Tool,
    /// The function's path, where the user's names mean what they mean to the user.
    pub(crate) function: TokenStream,
    /// Its name as written.
    pub(crate) ident: &'a Ident,
    pub(crate) is_async: bool,
    /// Whether the tool's type holds the value that the method is called on, as its only field.
    pub(crate) method: bool,
}

/// The members of `impl HostTool`.
pub(crate) fn members(callee: &Callee<'_>) -> TokenStream {
    let Callee { krate, tool, .. } = callee;
    let (descriptor, call) = (descriptor(krate, tool), call(callee));
    let (context, arguments) = (local("context"), local("arguments"));
    let missing: Vec<_> = tool
        .states()
        .map(|ty| {
            let (place, krate) = (place_of(ty), moved(krate, place_of(ty)));
            quote_spanned!(place=> #krate::tools::generated::state::<#ty>().note_missing(states, &mut missing);)
        })
        .collect();
    let missing = (!missing.is_empty()).then(|| {
        quote! {
            fn missing_states(&self, states: &#krate::tools::States) -> ::std::vec::Vec<&'static ::core::primitive::str> {
                let mut missing = ::std::vec::Vec::new();
                #(#missing)*
                missing
            }
        }
    });
    quote! {
        fn descriptor(&self) -> #krate::tools::Descriptor {
            #descriptor
        }

        #missing

        fn call(
            &self,
            #context: #krate::tools::ToolContext,
            #arguments: #krate::tools::generated::Bytes,
        ) -> #krate::tools::Answer {
            #call
        }
    }
}

/// The same members for a tool with mistakes in it, which is never built.
pub(crate) fn members_never_built(krate: &Path) -> TokenStream {
    quote! {
        fn descriptor(&self) -> #krate::tools::Descriptor {
            ::core::unreachable!()
        }

        fn call(&self, _: #krate::tools::ToolContext, _: #krate::tools::generated::Bytes) -> #krate::tools::Answer {
            ::core::unreachable!()
        }
    }
}

fn call(callee: &Callee<'_>) -> TokenStream {
    let Callee { krate, tool, function, .. } = callee;
    let (context, value) = (local("context"), local("value"));
    let shared = callee.method.then(|| share(&quote!(self.0))).map(|shared| quote!(let #value = #shared;));
    let receiver = callee.method.then(|| quote!(&*#value,));
    let (decoded, values) = decoded(krate, tool);
    let (mut values, mut lent) = (values.into_iter(), Vec::new());
    let mut passed = Vec::new();
    for parameter in &tool.parameters {
        let name = local(&format!("lent{}", lent.len()));
        passed.push(match parameter {
            Parameter::Context => quote!(&#context),
            Parameter::State(ty) => {
                let place = place_of(ty);
                let krate = moved(krate, place);
                lent.push(quote_spanned! {place=>
                    let #name = #krate::tools::generated::state::<#ty>().lent(&#context)?;
                });
                quote!(&*#name)
            }
            Parameter::Lent(ty) => {
                let ty = moved(ty, place_of(ty));
                let (place, krate) = (place_of(&ty), moved(krate, place_of(&ty)));
                lent.push(quote_spanned! {place=>
                    let #name = <#ty as #krate::tools::FromContext>::from_context(&#context)?;
                });
                quote!(&#name)
            }
            Parameter::Given(_) | Parameter::All(_) => {
                values.next().map(ToTokens::into_token_stream).unwrap_or_default()
            }
        });
    }
    let wait = callee.is_async.then(|| quote!(.await));
    let run = quote!(#function(#receiver #(#passed),*)#wait);
    let imports = quote! {
        #[allow(unused_imports)]
        use #krate::tools::{ViaOutcome as _, ViaResult as _, ViaToolError as _, ViaValue as _};
    };
    match &tool.output {
        Output::Stream { tokens, item } => {
            let (yielder, one) = (local("yielder"), local("item"));
            let place = item.as_ref().map_or_else(|| place_of(tokens), place_of);
            let encode = encoded(krate, &one, place);
            // What cannot be sent between threads is reported where the function says what it returns.
            let place = place_of(tokens);
            let near = moved(krate, place);
            let answer = quote! {
                #decoded
                #(#lent)*
                #imports
                #yielder.pass(#run, |#one| #encode).await
            };
            quote_spanned! {place=>
                #shared
                #near::tools::Answer::Stream(::std::boxed::Box::pin(#near::tools::generated::stream(
                    move |#yielder| async move { #answer },
                )))
            }
        }
        Output::Value(ty) => {
            let place = if matches!(ty, syn::Type::Tuple(unit) if unit.elems.is_empty()) {
                place_of(callee.ident)
            } else {
                place_of(ty)
            };
            let returned = local("returned");
            let encode = encoded(krate, &returned, place);
            let reply = quote! {
                #imports
                let #returned = #run;
                #encode
            };
            let reply = if tool.blocking.is_some() {
                quote!(#krate::tools::generated::blocking(move || { #reply }).await)
            } else {
                reply
            };
            let answer = quote! {
                #decoded
                #(#lent)*
                #reply
            };
            // What cannot be sent between threads is reported at the function's name.
            let place = place_of(callee.ident);
            let near = moved(krate, place);
            quote_spanned! {place=>
                #shared
                #near::tools::Answer::Value(::std::boxed::Box::pin(async move { #answer }))
            }
        }
    }
}

/// One more owner of what an `Arc` holds.
pub(crate) fn share(arc: &TokenStream) -> TokenStream {
    quote!(<::std::sync::Arc<_> as ::core::clone::Clone>::clone(&#arc))
}

/// A statement that takes the arguments out of the message, and the variables it leaves them in.
fn decoded(krate: &Path, tool: &Tool) -> (TokenStream, Vec<Ident>) {
    let (name, arguments) = (&tool.name, local("arguments"));
    let all = tool.parameters.iter().find_map(|parameter| match parameter {
        Parameter::All(ty) => Some(ty),
        _ => None,
    });
    if let Some(ty) = all {
        let (place, params) = (place_of(ty), local("params"));
        let krate = moved(krate, place);
        let take = quote_spanned!(place=> #krate::tools::generated::parameters::<#ty>().taken(#name, &#arguments)?);
        return (quote!(let #params = #take;), vec![params]);
    }
    let names = tool.given().map(|given| &given.name);
    let bind = quote!(#krate::tools::generated::Arguments::bind(#name, &[#(#names),*], &#arguments)?);
    let values: Vec<Ident> = tool.given().map(|given| hidden(&given.ident)).collect();
    if values.is_empty() {
        // Still called: it refuses arguments that the tool does not take.
        return (quote!(#bind;), values);
    }
    let received = local("received");
    let takes = tool.given().map(|given| take(given, &received));
    // In a block of its own: nothing borrows the message while the tool runs.
    let statement = quote! {
        let (#(#values,)*) = {
            let mut #received = #bind;
            (#(#takes,)*)
        };
    };
    (statement, values)
}

/// A variable that the user's expressions cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The body of the reply to what a tool has returned; what its type lacks is reported at `place`.
fn encoded(krate: &Path, returned: &Ident, place: Span) -> TokenStream {
    let (krate, mut returned) = (moved(krate, place), returned.clone());
    returned.set_span(returned.span().located_at(place));
    quote_spanned!(place=> (&&&#krate::tools::Output::new(#returned)).encode())
}

/// A variable for an argument, which neither the user's expressions nor our own names can meet.
fn hidden(ident: &Ident) -> Ident {
    local(&format!("given_{}", ident.unraw()))
}

/// Takes one argument out of the message; an error points at the parameter's type.
fn take(given: &Given, received: &Ident) -> TokenStream {
    let Given { ty, absent, .. } = given;
    let place = place_of(ty);
    match absent {
        Absent::Refused => quote_spanned!(place=> #received.required::<#ty>()?),
        Absent::None | Absent::Default => quote_spanned!(place=> #received.or_default::<#ty>()?),
        // A string literal stands for a `String`, or whatever else is made from one.
        Absent::Expression(text) if literal_text(text) => {
            quote_spanned!(place=> #received.or_else::<#ty>(|| ::core::convert::From::from(#text))?)
        }
        Absent::Expression(expression) => quote_spanned!(place=> #received.or_else::<#ty>(|| #expression)?),
    }
}

fn literal_text(expression: &Expr) -> bool {
    match expression {
        Expr::Group(group) => literal_text(&group.expr),
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => true,
        _ => false,
    }
}
