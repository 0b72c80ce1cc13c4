//! The rules that a function or a method keeps to be a tool in the Elixir style.
//!
//! The limits of names and metadata are those of the system that the style comes from.

use std::collections::HashSet;

use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, Signature, Type};

use super::model::{Service, ServiceMethod};
use crate::diag::Diagnostics;
use crate::tool::check::{check_receiver, check_tool};
use crate::tool::model::{Output, Parameter, Tool, ToolFn};
use crate::types;

/// How long a name may be.
pub(super) const NAME_LIMIT: usize = 64;
const METADATA_ENTRIES: usize = 32;
pub(super) const METADATA_BYTES: usize = 4096;

/// Reports every broken rule of a function.
pub(super) fn check_function(function: &ToolFn, diagnostics: &mut Diagnostics) {
    let signature = &function.item.sig;
    if let Some(receiver) = signature.receiver() {
        let message = "`#[elixir_style_tool]` goes on a free function or on a trait, and this is a method: \
                       there would be no `self` to call it with";
        diagnostics.report(receiver, message);
    }
    check_common(&function.tool, signature, diagnostics);
}

/// Reports every broken rule of a trait, and leaves only the methods that break none.
pub(super) fn check_service(service: &mut Service, diagnostics: &mut Diagnostics) {
    let item = &service.item;
    if let Some(keyword) = &item.unsafety {
        diagnostics.report(keyword, "a trait of tools cannot be `unsafe`: nobody could keep its promise");
    }
    if !item.generics.params.is_empty() {
        diagnostics.report(&item.generics.params, "a trait of tools cannot be generic: use concrete types");
    } else if let Some(clause) = &item.generics.where_clause {
        diagnostics.report(clause, "a trait of tools cannot have a `where` clause");
    }
    if service.methods.is_empty() && diagnostics.is_empty() {
        diagnostics.report(&item.ident, "the trait has no methods, so there would be no tools");
    }
    let mut seen = HashSet::new();
    service.methods.retain(|ServiceMethod { method, .. }| {
        let before = diagnostics.count();
        let signature = &method.signature;
        if signature.receiver().is_none() {
            diagnostics.report(&signature.ident, "the method needs `&self`, which is the host's implementation");
        }
        if signature.ident == "new" {
            diagnostics.report(&signature.ident, "`new` makes the client; call the method something else");
        }
        check_receiver(signature, diagnostics);
        check_common(&method.tool, signature, diagnostics);
        if method.conditions.is_empty() && !seen.insert(method.tool.name.clone()) {
            let message = format!("two methods are called `{}` in Python", method.tool.name);
            diagnostics.report_at(method.tool.name_span, message);
        }
        diagnostics.count() == before
    });
}

fn check_common(tool: &Tool, signature: &Signature, diagnostics: &mut Diagnostics) {
    check_tool(tool, signature, diagnostics);
    if let Output::Stream { tokens, .. } = &tool.output {
        diagnostics.report(tokens, "a tool in the Elixir style returns one outcome; `#[tool]` may return a stream");
    }
    params(tool, signature, diagnostics);
    if let Some((_, extra)) = tool.metadata.get(METADATA_ENTRIES) {
        let message = format!("{} entries of metadata; there are at most {METADATA_ENTRIES}", tool.metadata.len());
        diagnostics.report(extra, message);
    }
    let bytes: usize = tool.metadata.iter().map(|(key, value)| key.len() + size(value)).sum();
    if bytes > METADATA_BYTES
        && let Some((_, last)) = tool.metadata.last()
    {
        diagnostics.report(last, format!("{bytes} bytes of metadata; there are at most {METADATA_BYTES}"));
    }
}

/// The bytes of a literal. Anything else is counted when the tool is registered.
fn size(value: &Expr) -> usize {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value().len(),
        Expr::Lit(ExprLit { lit: Lit::ByteStr(bytes), .. }) => bytes.value().len(),
        Expr::Lit(other) => other.to_token_stream().to_string().len(),
        _ => 0,
    }
}

/// There is one `params` value, owned.
fn params(tool: &Tool, signature: &Signature, diagnostics: &mut Diagnostics) {
    let mut all = tool.parameters.iter().filter_map(|parameter| match parameter {
        Parameter::All(ty) => Some(ty),
        _ => None,
    });
    let Some(ty) = all.next() else {
        let message =
            "a tool in the Elixir style takes one `params` value: a struct that is `Deserialize`, or `Params`";
        diagnostics.report(&signature.ident, message);
        return;
    };
    for extra in all {
        let message = "a tool in the Elixir style takes one `params` value: make a struct whose fields these are";
        diagnostics.report(extra, message);
    }
    if let Some(opaque) = types::opaque(ty) {
        diagnostics.report(opaque, "Python needs to know what to give: name the type, or take `Params`");
    } else if let Type::Reference(reference) = ty {
        let owned = types::owned(&reference.elem);
        let message = format!(
            "the params come from another process and cannot be borrowed: take `{owned}`\n\
             lent are only `&ToolContext`, `&Session` and `#[py(state)] name: &T`"
        );
        diagnostics.report(ty, message);
    } else if let Some(borrow) = types::borrow(ty) {
        diagnostics.report(borrow, "the params come from another process and cannot be borrowed: own what is in them");
    }
}
