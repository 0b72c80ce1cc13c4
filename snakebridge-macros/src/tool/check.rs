//! The rules that a function or a method keeps to be a tool.

use std::collections::HashSet;

use syn::{ReceiverKind, Signature, Type};

use super::model::{Absent, Given, Output, Tool, ToolFn, ToolImpl};
use crate::diag::Diagnostics;
use crate::{defaults, rules, types};

/// Reports every broken rule of a function.
pub(super) fn check_function(function: &ToolFn, diagnostics: &mut Diagnostics) {
    if let Some(receiver) = function.item.sig.receiver() {
        let message = "`#[tool]` goes on a free function, and this is a method: there would be no `self` to call it with\n\
             put `#[tool]` on the whole `impl` block, and its methods are tools that share a value";
        diagnostics.report(receiver, message);
    }
    check_tool(&function.tool, &function.item.sig, diagnostics);
}

/// Reports every broken rule of an `impl` block.
pub(super) fn check_block(block: &ToolImpl, diagnostics: &mut Diagnostics) {
    let item = &block.item;
    if let Some((path, _)) = &item.trait_ {
        let message = "`#[tool]` goes on an `impl` block of a type, and this is one of a trait\n\
             a trait of Rust tools takes `#[elixir_style_tool]`, on the trait itself";
        diagnostics.report(path, message);
    }
    if !item.generics.params.is_empty() {
        diagnostics.report(&item.generics.params, "a set of tools cannot be generic: each type is a set of its own");
    } else if let Some(clause) = &item.generics.where_clause {
        diagnostics.report(clause, "a set of tools cannot have a `where` clause");
    }
    if block.methods.is_empty() && diagnostics.is_empty() {
        let message = "no method of this block is a tool; a tool has `&self`, and no `#[py(skip)]`";
        diagnostics.report(&item.self_ty, message);
    }
    let mut seen = HashSet::new();
    for method in &block.methods {
        check_receiver(&method.signature, diagnostics);
        check_tool(&method.tool, &method.signature, diagnostics);
        // Conditions may exclude each other.
        if method.conditions.is_empty() && !seen.insert(&method.tool.name) {
            let message = format!("two methods are called `{}` in Python", method.tool.name);
            diagnostics.report_at(method.tool.name_span, message);
        }
    }
}

/// Reports a receiver other than `&self`.
pub(crate) fn check_receiver(signature: &Signature, diagnostics: &mut Diagnostics) {
    let Some(receiver) = signature.receiver() else { return };
    if matches!(receiver.kind, ReceiverKind::Reference(_, None, None)) {
        return;
    }
    diagnostics.report(
        receiver,
        "many calls share the value at once: take `&self`, and keep what changes in a `Mutex` or an atomic",
    );
}

/// Reports every broken rule of what a tool says.
pub(crate) fn check_tool(tool: &Tool, signature: &Signature, diagnostics: &mut Diagnostics) {
    rules::qualifiers(signature, "a tool", diagnostics);
    rules::generics(signature, "a tool", diagnostics);
    let mut seen = HashSet::new();
    for given in tool.given() {
        parameter(given, diagnostics);
        if !seen.insert(&given.name) {
            diagnostics.report_at(given.name_span, format!("two parameters are called `{}` in Python", given.name));
        }
    }
    match (&tool.output, &tool.blocking) {
        (Output::Stream { tokens, .. }, Some(_)) => {
            diagnostics.report(tokens, "`blocking` is for a tool that returns one value; a stream is pulled, not run");
        }
        (Output::Value(_), Some(key)) if signature.asyncness.is_some() => {
            let message = "`blocking` is for a function that is not `async`: this one leaves its thread where it waits\n\
                 remove `blocking`, or `async`";
            diagnostics.report(key, message);
        }
        _ => {}
    }
    output(tool, signature, diagnostics);
}

fn output(tool: &Tool, signature: &Signature, diagnostics: &mut Diagnostics) {
    match &tool.output {
        Output::Stream { tokens, item } => {
            if let Some(keyword) = &signature.asyncness {
                diagnostics.report(keyword, "a tool that streams is no `async fn`: return the stream at once");
            }
            if item.is_none() {
                diagnostics.report(tokens, "a stream says what it yields: `impl Stream<Item = T>`");
            }
        }
        Output::Value(ty) => {
            if let Some(opaque) = types::opaque(ty) {
                diagnostics.report(
                    opaque,
                    "Python needs to know what comes back: name the type, or return `impl Stream<Item = T>`",
                );
            }
        }
    }
}

fn parameter(given: &Given, diagnostics: &mut Diagnostics) {
    let Given { ident, ty, .. } = given;
    if let Absent::Expression(default) = &given.absent {
        defaults::check(default, ident, ty, diagnostics);
    }
    if !rules::parameter_type(ty, diagnostics) {
        return;
    }
    if types::is_named(ty, "ToolContext") {
        diagnostics.report(ty, "the host lends the context: write `&ToolContext`");
    } else if let Some(borrow) = types::borrow(ty) {
        let refuse = |instead| {
            format!(
                "`{ident}` comes from another process and cannot be borrowed: take {instead}\n\
                 lent are only `&ToolContext`, `&Session` and `#[py(state)] {ident}: &T`"
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
