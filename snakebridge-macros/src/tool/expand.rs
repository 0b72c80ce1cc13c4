//! From the model to Rust: the function, and the type beside it that is the tool.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, ExprUnary, Lit, LitFloat, Path, ReturnType, UnOp};

use super::model::{Absent, Given, Parameter, ToolFn};
use crate::quoting::{self, place_of};
use crate::types;

/// The function, and its tool.
pub(super) fn expand(tool: &ToolFn) -> TokenStream {
    let (descriptor, call) = (descriptor(tool), call(tool));
    both(tool, &descriptor, &call)
}

/// After a mistake: the function, and a tool to name in `tools![..]`, so that it is not reported as missing too.
pub(super) fn salvage(tool: &ToolFn) -> TokenStream {
    if tool.item.sig.receiver().is_some() {
        // Inside of an `impl` there is no place for a type.
        return tool.item.to_token_stream();
    }
    let never_built = quote!(::core::unreachable!());
    both(tool, &never_built, &never_built)
}

/// The type lives in another namespace than the function, so both have one name, and one `use` imports both.
fn both(tool: &ToolFn, descriptor: &TokenStream, call: &TokenStream) -> TokenStream {
    let ToolFn { crate_path: krate, item, .. } = tool;
    let (visibility, ident) = (&item.vis, &item.sig.ident);
    let conditions: Vec<&Attribute> = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let (context, arguments) = (local("context"), local("arguments"));
    quote! {
        // A tool cannot borrow what it only reads.
        #[allow(clippy::needless_pass_by_value)]
        #item

        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, missing_copy_implementations)]
        #visibility struct #ident {}

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, unused_variables)]
        impl #krate::tools::HostTool for #ident {
            fn descriptor(&self) -> #krate::tools::Descriptor {
                #descriptor
            }

            fn call(
                &self,
                #context: #krate::tools::ToolContext,
                #arguments: #krate::tools::generated::Bytes,
            ) -> #krate::tools::Answer {
                #call
            }
        }
    }
}

fn descriptor(tool: &ToolFn) -> TokenStream {
    let ToolFn { crate_path: krate, name, description, .. } = tool;
    let timeout = quoting::timeout(tool.timeout);
    let parameters = tool.given().map(|given| {
        let Given { name, description, .. } = given;
        let (type_name, required) = (types::text(&given.ty), matches!(given.absent, Absent::Refused));
        let default = quoting::option(shown_default(krate, &given.absent));
        quote! {
            {
                let mut parameter = #krate::tools::ToolParameter::new(#name, #type_name);
                parameter.description = ::std::borrow::Cow::Borrowed(#description);
                parameter.required = #required;
                parameter.default = #default;
                parameter
            }
        }
    });
    quote! {
        let mut descriptor = #krate::tools::Descriptor::new(#name);
        descriptor.description = ::std::borrow::Cow::Borrowed(#description);
        descriptor.parameters = ::std::vec![#(#parameters),*];
        descriptor.timeout = #timeout;
        descriptor
    }
}

/// The default as Python's documentation shows it: `None`, or a literal. Other expressions are not run for this.
fn shown_default(krate: &Path, absent: &Absent) -> Option<TokenStream> {
    match absent {
        Absent::None => Some(quote!(#krate::Value::Nil)),
        Absent::Expression(expression) => {
            let value = literal(expression)?;
            Some(quote!(<#krate::Value as ::core::convert::From<_>>::from(#value)))
        }
        Absent::Refused | Absent::Default => None,
    }
}

/// A literal as a type that a `Value` is made from.
fn literal(expression: &Expr) -> Option<TokenStream> {
    match expression {
        Expr::Group(group) => literal(&group.expr),
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => Some(quote!(#text)),
            Lit::Bool(truth) => Some(quote!(#truth)),
            Lit::Int(number) => number.base10_parse::<u64>().ok().map(|number| quote!(#number)),
            Lit::Float(number) => finite(number).map(|number| quote!(#number)),
            _ => None,
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match &**expr {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
                let negative = format!("-{}", number.base10_digits()).parse::<i64>().ok()?;
                Some(quote!(#negative))
            }
            Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => finite(number).map(|number| quote!(-#number)),
            _ => None,
        },
        _ => None,
    }
}

/// `1e999` is a legal literal and no number that can be written again.
fn finite(number: &LitFloat) -> Option<f64> {
    number.base10_parse().ok().filter(|number: &f64| number.is_finite())
}

fn call(tool: &ToolFn) -> TokenStream {
    let ToolFn { crate_path: krate, item, .. } = tool;
    let (context, arguments) = (local("context"), local("arguments"));
    let (decoded, values) = decoded(tool, &arguments);
    let mut values = values.iter();
    let passed = tool.parameters.iter().map(|parameter| match parameter {
        Parameter::Context => Some(quote!(&#context)),
        Parameter::Given(_) => values.next().map(ToTokens::to_token_stream),
    });
    let ident = &item.sig.ident;
    let wait = item.sig.asyncness.map(|_| quote!(.await));
    let span = match &item.sig.output {
        ReturnType::Type(_, output) => place_of(output),
        ReturnType::Default => place_of(ident),
    };
    let reply = quote_spanned!(span=> (&&&#krate::tools::Output::new(#ident(#(#passed),*)#wait)).encode());
    quote! {
        #krate::tools::Answer::Value(::std::boxed::Box::pin(async move {
            #decoded
            {
                #[allow(unused_imports)]
                use #krate::tools::{ViaOutcome as _, ViaResult as _, ViaToolError as _, ViaValue as _};
                #reply
            }
        }))
    }
}

/// A statement that takes the arguments out of the message, and the variables it leaves them in.
fn decoded(tool: &ToolFn, arguments: &Ident) -> (TokenStream, Vec<Ident>) {
    let ToolFn { crate_path: krate, name, .. } = tool;
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

/// A variable of the same name that the user's expressions cannot see.
fn hidden(ident: &Ident) -> Ident {
    let mut hidden = ident.clone();
    hidden.set_span(Span::mixed_site());
    hidden
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
