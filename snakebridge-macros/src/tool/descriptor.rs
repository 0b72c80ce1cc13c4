//! What is known about a tool without calling it, as code.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Expr, ExprLit, ExprUnary, Lit, LitFloat, Path, Type, UnOp};

use super::model::{Absent, Given, Output, Parameter, Tool};
use crate::quoting::{self, place_of};
use crate::types;

/// The body of `HostTool::descriptor`.
pub(crate) fn descriptor(krate: &Path, tool: &Tool) -> TokenStream {
    let Tool { name, description, exposed, session, .. } = tool;
    let timeout = quoting::timeout(tool.timeout);
    let parameters = parameters(krate, tool);
    let max_concurrency = quoting::option(tool.max_concurrency.map(|limit| quote!(#limit as usize)));
    let metadata_limit = tool.metadata_limit.filter(|_| !tool.metadata.is_empty());
    let metadata_limit =
        metadata_limit.map(|limit| quote!(descriptor.metadata_limit = ::core::option::Option::Some(#limit);));
    let metadata = tool.metadata.iter().map(|(key, value)| {
        let (place, krate) = (place_of(value), quoting::moved(krate, place_of(value)));
        let value = quote_spanned!(place=> #krate::tools::generated::metadata(#value));
        quote!((::std::borrow::Cow::Borrowed(#key), #value))
    });
    let (streaming, returned) = match &tool.output {
        Output::Value(ty) => (false, Some(ty)),
        Output::Stream { item, .. } => (true, item.as_ref()),
    };
    let returned = returned.map(|ty| {
        let value = types::success(ty);
        let (text, schema) = (types::text(value), schema(krate, value, &quote!(serialized)));
        quote! {
            descriptor.returns = ::std::borrow::Cow::Borrowed(#text);
            descriptor.returns_schema = #schema;
        }
    });
    quote! {
        #[allow(unused_imports)]
        use #krate::schema::NoSchema as _;
        let mut descriptor = #krate::tools::Descriptor::new(#name);
        descriptor.description = ::std::borrow::Cow::Borrowed(#description);
        #parameters
        #returned
        descriptor.timeout = #timeout;
        descriptor.streaming = #streaming;
        descriptor.exposed = #exposed;
        descriptor.session = #session;
        descriptor.max_concurrency = #max_concurrency;
        descriptor.metadata = ::std::vec![#(#metadata),*];
        #metadata_limit
        descriptor
    }
}

/// The type's JSON Schema, where it has one.
fn schema(krate: &Path, ty: &Type, direction: &TokenStream) -> TokenStream {
    let ty = quoting::moved(ty, place_of(ty));
    quote!(#krate::schema::Probe::<#ty>::new().#direction())
}

fn parameters(krate: &Path, tool: &Tool) -> TokenStream {
    let all = tool.parameters.iter().find_map(|parameter| match parameter {
        Parameter::All(ty) => Some(ty),
        _ => None,
    });
    if let Some(ty) = all {
        let schema = schema(krate, ty, &quote!(deserialized));
        let (place, krate) = (place_of(ty), quoting::moved(krate, place_of(ty)));
        return quote_spanned! {place=>
            (descriptor.parameters, descriptor.open) =
                #krate::tools::generated::parameters::<#ty>().described(#schema.as_ref());
        };
    }
    let parameters = tool.given().map(|given| {
        let Given { name, description, .. } = given;
        let (type_name, required) = (types::text(&given.ty), matches!(given.absent, Absent::Refused));
        let default = quoting::option(shown_default(krate, &given.absent));
        let schema = schema(krate, &given.ty, &quote!(deserialized));
        quote! {
            {
                let mut parameter = #krate::tools::ToolParameter::new(#name, #type_name);
                parameter.schema = #schema;
                parameter.description = ::std::borrow::Cow::Borrowed(#description);
                parameter.required = #required;
                parameter.default = #default;
                parameter
            }
        }
    });
    quote!(descriptor.parameters = ::std::vec![#(#parameters),*];)
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
