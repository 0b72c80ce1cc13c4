//! The rules that a trait of Python tools keeps.

use std::collections::{HashMap, HashSet};

use syn::{Attribute, Ident, Receiver, ReceiverKind, TraitItem, TraitItemFn, TypeImplTrait};

use super::model::{Answer, Method, Passing, PythonName, ToolTrait};
use crate::diag::Diagnostics;
use crate::{defaults, rules, types};

/// Reports every broken rule, and leaves only the methods that break none.
pub(super) fn check(tools: &mut ToolTrait, diagnostics: &mut Diagnostics) {
    let before = diagnostics.count();
    check_trait(tools, diagnostics);
    let trait_is_right = diagnostics.count() == before;
    let mut wrong = same_names(&tools.methods, diagnostics);
    // Also those methods that could not be read completely, and are missing from the model.
    for item in &tools.item.items {
        if let TraitItem::Fn(function) = item {
            let before = diagnostics.count();
            check_signature(function, diagnostics);
            if diagnostics.count() > before {
                wrong.push(function.sig.ident.clone());
            }
        }
    }
    tools.methods.retain(|method| {
        let before = diagnostics.count();
        check_method(method, diagnostics);
        let method_is_right = diagnostics.count() == before;
        trait_is_right && method_is_right && !wrong.contains(&method.signature.ident)
    });
}

fn check_trait(tools: &mut ToolTrait, diagnostics: &mut Diagnostics) {
    let item = &mut tools.item;
    if !item.generics.params.is_empty() {
        let message = "a trait of Python tools cannot be generic: a tool has one signature in Python";
        diagnostics.report(&item.generics.params, message);
    }
    if let Some(clause) = &item.generics.where_clause {
        diagnostics
            .report(clause, "a trait of Python tools has no `where` clause; write bounds of `Self` behind its name");
    }
    if let Some(keyword) = &item.unsafety {
        diagnostics.report(keyword, "a trait of Python tools cannot be `unsafe`");
    }
    // Without it, the compiler has nothing more to say.
    if let Some(keyword) = item.modifiers.auto_token.take() {
        diagnostics.report(keyword, "a trait of Python tools cannot be `auto`");
    }
    if item.items.is_empty() {
        let message = "the trait has no tools; add a method for each: `async fn name(&self, ..) -> Result<T>;`";
        diagnostics.report(&item.ident, message);
    }
}

fn check_signature(function: &TraitItemFn, diagnostics: &mut Diagnostics) {
    let signature = &function.sig;
    rules::qualifiers(signature, "a method of a Python trait", diagnostics);
    rules::generics(signature, "a method of a Python trait", diagnostics);
    match signature.receiver() {
        None => diagnostics.report(&signature.ident, "the method needs `&self`, through which it reaches Python"),
        Some(Receiver { kind: ReceiverKind::Reference(_, None, None), .. }) => {}
        Some(receiver) => {
            diagnostics
                .report(receiver, "a Python tool is called through `&self`: many calls may be under way at once");
        }
    }
    if signature.ident == "new" {
        let message = "`new` makes the client; call the method something else and keep its name in Python with \
                       `#[py(name = \"new\")]`";
        diagnostics.report(&signature.ident, message);
    }
    if let Some(body) = &function.default {
        let message = "the method is written in Python and has no body here; end it with `;`, or add `#[py(skip)]` \
                       if it is no tool";
        diagnostics.report_at(body.brace_token.span.open(), message);
    }
}

fn check_method(method: &Method, diagnostics: &mut Diagnostics) {
    arguments(method, diagnostics);
    result(&method.answer, diagnostics);
}

fn arguments(method: &Method, diagnostics: &mut Diagnostics) {
    let mut seen = HashSet::new();
    let last = method.arguments.len().saturating_sub(1);
    let mut kwargs = false;
    for (index, argument) in method.arguments.iter().enumerate() {
        match types::as_stream(&argument.ty) {
            Some(stream) if argument.passing == Passing::Stream => stream_argument(stream, diagnostics),
            _ => {
                rules::parameter_type(&argument.ty, diagnostics);
                rules::trait_object(&argument.ty, diagnostics);
            }
        }
        if let (Passing::Default, Some(default)) = (argument.passing, &argument.default) {
            let held = types::optional(types::referenced(&argument.ty));
            defaults::check(default, &argument.ident, held, diagnostics);
        }
        if argument.passing == Passing::Fields {
            if kwargs {
                diagnostics.report(&argument.ident, "two arguments are `kwargs`; put all fields into one");
            } else if index != last
                && method.arguments[index + 1..].iter().all(|later| later.passing != Passing::Fields)
            {
                diagnostics.report(&argument.ident, "the `kwargs` argument comes last, as in Python");
            }
            kwargs = true;
        } else {
            twice(&mut seen, &argument.name, "arguments", diagnostics);
        }
    }
}

fn stream_argument(stream: &TypeImplTrait, diagnostics: &mut Diagnostics) {
    match types::stream_item(stream) {
        None => diagnostics.report(stream, "the stream does not say its items: write `impl Stream<Item = T>`"),
        Some(item) => {
            if let Some(borrow) = types::borrow(item) {
                let message = "items are pulled by another task while the call runs and cannot borrow: use owned types";
                diagnostics.report(borrow, message);
            }
        }
    }
    if let Some(lifetime) = types::stream_lifetime(stream) {
        let message = "the stream is pulled by another task while the call runs: remove the lifetime";
        diagnostics.report(lifetime, message);
    }
}

/// Reports names that are not unlike enough, and returns the methods of which there cannot be two.
fn same_names(methods: &[Method], diagnostics: &mut Diagnostics) -> Vec<Ident> {
    let (mut seen, mut doubled) = (HashSet::new(), Vec::new());
    let mut constants = HashMap::new();
    for method in methods.iter().filter(|method| !method.attributes.iter().any(is_cfg)) {
        twice(&mut seen, &method.name, "methods", diagnostics);
        let constant = method.constant().to_string();
        let ident = &method.signature.ident;
        if let Some(other) = constants.insert(constant, ident).filter(|other| *other != ident) {
            diagnostics.report(
                ident,
                format!("`{ident}` and `{other}` differ only in case; rename one, and use `#[py(name = \"..\")]`"),
            );
            doubled.push(ident.clone());
        }
    }
    doubled
}

fn is_cfg(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

fn twice<'a>(seen: &mut HashSet<&'a str>, name: &'a PythonName, what: &str, diagnostics: &mut Diagnostics) {
    if !seen.insert(&name.text) {
        diagnostics.report_at(name.span, format!("two {what} are called `{}` in Python", name.text));
    }
}

fn result(answer: &Answer, diagnostics: &mut Diagnostics) {
    rules::trait_object(answer.result(), diagnostics);
    if let Some(borrow) = types::borrow(answer.result()) {
        diagnostics
            .report(borrow, "the result comes from another process and borrows from nothing here: return owned types");
    }
    if let Answer::Stream { stream, .. } = answer
        && let Some(lifetime) = types::stream_lifetime(stream)
    {
        diagnostics.report(lifetime, "the stream borrows from nothing: remove the lifetime");
    }
}
