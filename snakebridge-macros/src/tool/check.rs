//! The rules that a function keeps to be a tool.

use std::collections::HashSet;

use syn::{ReturnType, Type};

use super::model::{Given, ToolFn};
use crate::diag::Diagnostics;
use crate::{rules, types};

/// Reports every broken rule.
pub(super) fn check(tool: &ToolFn, diagnostics: &mut Diagnostics) {
    let signature = &tool.item.sig;
    if let Some(receiver) = signature.receiver() {
        let message =
            "`#[tool]` goes on a free function, and this is a method: there would be no `self` to call it with";
        diagnostics.report(receiver, message);
    }
    rules::qualifiers(signature, "a tool", diagnostics);
    rules::generics(signature, "a tool", diagnostics);
    let mut seen = HashSet::new();
    for given in tool.given() {
        parameter(given, diagnostics);
        if !seen.insert(&given.name) {
            diagnostics.report_at(given.name_span, format!("two parameters are called `{}` in Python", given.name));
        }
    }
    if let ReturnType::Type(_, output) = &signature.output
        && let Some(stream) = types::as_stream(output)
    {
        diagnostics
            .report(stream, "a tool returns one value: collect the stream, or let Python call the tool for each item");
    }
}

fn parameter(given: &Given, diagnostics: &mut Diagnostics) {
    let Given { ident, ty, .. } = given;
    if !rules::parameter_type(ty, diagnostics) {
        return;
    }
    if types::is_named(ty, "ToolContext") {
        diagnostics.report(ty, "the host lends the context: write `&ToolContext`");
    } else if let Some(borrow) = types::borrow(ty) {
        let refuse = |instead| {
            format!(
                "`{ident}` comes from another process and cannot be borrowed: take {instead}; \
                 only `&ToolContext` is lent"
            )
        };
        match types::peel(ty) {
            Type::Reference(reference) => {
                diagnostics.report(ty, refuse(format!("`{}`", types::owned(&reference.elem))));
            }
            _ => diagnostics.report(borrow, refuse("an owned type".to_owned())),
        }
    }
}
