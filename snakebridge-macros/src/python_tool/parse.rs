//! From the tokens of a trait to the model.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    FnArg, Ident, Item, ItemTrait, LitStr, PatType, Receiver, ReturnType, Signature, TraitItem, TraitItemFn, Type,
    TypeParamBound, parse_quote, parse_quote_spanned,
};

use super::model::{Answer, Argument, Method, Passing, PythonName, ToolTrait};
use super::options::{self, Options, PRIORITIES, SESSIONS};
use crate::attrs::{Entries, Key, Shape, Table, docs, is_doc};
use crate::case::{CASES, Case};
use crate::diag::Diagnostics;
use crate::{names, rules, types};

const TRAIT: Table = Table {
    place: "`#[python_tool(..)]`",
    keys: &[
        Key { name: "adapter", shape: Shape::Text, example: "adapter = \"module:Class\"" },
        Key { name: "module", shape: Shape::Text, example: "module = \"module\"" },
        Key { name: "class", shape: Shape::Text, example: "class = \"Class\"" },
        Key { name: "client", shape: Shape::Text, example: "client = \"Name\"" },
        Key { name: "rename_all", shape: Shape::Choice(CASES), example: "rename_all = \"camelCase\"" },
        Key { name: "timeout", shape: Shape::Duration, example: "timeout = \"30s\"" },
        Key { name: "idempotent", shape: Shape::Flag, example: "idempotent" },
        Key { name: "session", shape: Shape::Choice(SESSIONS), example: "session = \"affine\"" },
        Key { name: "manifest", shape: Shape::Text, example: "manifest = \"tools.json\"" },
        Key { name: "crate", shape: Shape::Path, example: "crate = snakebridge" },
    ],
};

const METHOD: Table = Table {
    place: "`#[py(..)]` on a method",
    keys: &[
        Key { name: "name", shape: Shape::Text, example: "name = \"name_in_python\"" },
        Key { name: "timeout", shape: Shape::Duration, example: "timeout = \"30s\"" },
        Key { name: "idempotent", shape: Shape::Switch, example: "idempotent" },
        Key { name: "retry", shape: Shape::Number, example: "retry = 3" },
        Key { name: "notify", shape: Shape::Flag, example: "notify" },
        Key { name: "no_cancel", shape: Shape::Flag, example: "no_cancel" },
        Key { name: "priority", shape: Shape::Choice(PRIORITIES), example: "priority = \"high\"" },
        Key { name: "cache", shape: Shape::Duration, example: "cache = \"10m\"" },
        Key { name: "window", shape: Shape::Size, example: "window = \"1MiB\"" },
        Key { name: "session", shape: Shape::Choice(SESSIONS), example: "session = \"affine\"" },
        Key { name: "skip", shape: Shape::Flag, example: "skip" },
    ],
};

const ARGUMENT: Table = Table {
    place: "`#[py(..)]` on an argument",
    keys: &[
        Key { name: "name", shape: Shape::Text, example: "name = \"name_in_python\"" },
        Key { name: "kwargs", shape: Shape::Flag, example: "kwargs" },
        Key { name: "default", shape: Shape::Value, example: "default = expression" },
    ],
};

const USAGE: &str = "\
write it on a trait:

    #[python_tool(adapter = \"module:Class\")]
    trait Tools {
        async fn add(&self, a: f64, b: f64) -> Result<f64>;
    }";

/// Reads the trait. `None` if the item is something else; what is wrong inside of it is reported and left out.
pub(super) fn parse(attribute: TokenStream, item: &TokenStream, diagnostics: &mut Diagnostics) -> Option<ToolTrait> {
    let mut item = read_trait(item, diagnostics)?;
    let mut keys = Entries::default();
    keys.read(attribute, &TRAIT, diagnostics);
    for misplaced in item.attrs.extract_if(.., |attribute| crate::attrs::is_ours(attribute)) {
        let message = "`#[py(..)]` goes on methods and arguments; a trait's keys go into `#[python_tool(..)]`";
        diagnostics.report(misplaced, message);
    }
    let (mut methods, mut skipped) = (Vec::new(), Vec::new());
    for entry in std::mem::take(&mut item.items) {
        match entry {
            TraitItem::Fn(mut function) => {
                let method_keys = Entries::take(&mut function.attrs, &METHOD, diagnostics);
                if method_keys.has("skip") {
                    skip(&method_keys, &mut function, diagnostics);
                    skipped.push(function);
                } else {
                    methods.extend(method(&mut function, &method_keys, &keys, diagnostics));
                    item.items.push(TraitItem::Fn(function));
                }
            }
            other => {
                diagnostics.report(&other, "a trait of Python tools has methods only; move this to another trait");
                item.items.push(other);
            }
        }
    }
    Some(ToolTrait {
        crate_path: keys.crate_path(),
        client: client_name(&item, &keys, diagnostics),
        adapter: adapter(&keys, diagnostics),
        manifest: keys.text("manifest").cloned(),
        methods,
        skipped,
        item,
    })
}

fn read_trait(tokens: &TokenStream, diagnostics: &mut Diagnostics) -> Option<ItemTrait> {
    let (keyword, what) = match crate::item::read(tokens) {
        Ok(Item::Trait(item)) => return Some(item),
        Err(error) => {
            diagnostics.push(error);
            return None;
        }
        Ok(Item::Struct(item)) => (item.struct_token.span, "a struct"),
        Ok(Item::Enum(item)) => (item.enum_token.span, "an enum"),
        Ok(Item::Impl(item)) => (item.impl_token.span, "an impl block"),
        Ok(Item::Mod(item)) => (item.mod_token.span, "a module"),
        Ok(Item::Fn(item)) => (item.sig.fn_token.span, "a function; a Rust function for Python takes `#[tool]`"),
        Ok(other) => (other.span(), "something else"),
    };
    diagnostics.report_at(keyword, format!("`#[python_tool]` goes on a trait, and this is {what}\n{USAGE}"));
    None
}

fn client_name(item: &ItemTrait, keys: &Entries, diagnostics: &mut Diagnostics) -> Ident {
    let usual = format_ident!("{}Client", item.ident.unraw(), span = item.ident.span());
    let Some(name) = keys.text("client") else { return usual };
    match name.parse::<Ident>() {
        Ok(ident) if ident != item.ident => ident,
        Ok(_) => {
            diagnostics
                .report(name, format!("the trait is called `{}` too; the client needs a name of its own", item.ident));
            usual
        }
        Err(_) => {
            diagnostics
                .report(name, format!("{:?} cannot name a Rust type; leave `client` out for `{usual}`", name.value()));
            usual
        }
    }
}

fn adapter(keys: &Entries, diagnostics: &mut Diagnostics) -> Option<PythonName> {
    if let (Some(_), Some(other)) = (keys.text("adapter"), keys.key("module").or_else(|| keys.key("class"))) {
        diagnostics.report(other, format!("`adapter` says the class already; remove `{other}`"));
        return None;
    }
    let mut refuse = |text: &LitStr, what: &str| {
        let shown = text.value();
        diagnostics.report(text, format!("{shown:?} is no {what}, with dots between packages, and no path of a file"));
    };
    if let Some(adapter) = keys.text("adapter") {
        if !names::is_adapter(&adapter.value()) {
            refuse(adapter, "Python adapter; expected \"module:Class\" or \"module\"");
        }
        return Some(PythonName { text: adapter.value(), span: adapter.span() });
    }
    let (module, class) = (keys.text("module"), keys.text("class"));
    if let Some(module) = module.filter(|module| !names::is_module(&module.value())) {
        refuse(module, "Python module; expected \"module\" or \"package.module\"");
    }
    if let Some(class) = class.filter(|class| !names::is_identifier(&class.value())) {
        diagnostics.report(class, format!("{:?} is no Python class name; expected \"Class\"", class.value()));
    }
    match (module, class) {
        (Some(module), Some(class)) => {
            Some(PythonName { text: format!("{}:{}", module.value(), class.value()), span: module.span() })
        }
        (Some(module), None) => Some(PythonName { text: module.value(), span: module.span() }),
        (None, Some(class)) => {
            diagnostics.report(class, "`class` needs its module; add `module = \"..\"`");
            None
        }
        (None, None) => None,
    }
}

/// A method that is no tool: all that it needs is a body.
fn skip(keys: &Entries, function: &mut TraitItemFn, diagnostics: &mut Diagnostics) {
    if function.default.is_none() {
        let message = "a method that is skipped is no tool, and so nobody would implement it; give it a body";
        diagnostics.report(&function.sig.ident, message);
    }
    for key in keys.keys().filter(|key| *key != "skip") {
        diagnostics.report(key, format!("a method that is skipped is no tool; remove `{key}`"));
    }
    for input in &mut function.sig.inputs {
        let (FnArg::Typed(PatType { attrs, .. }) | FnArg::Receiver(Receiver { attrs, .. })) = input;
        for attribute in attrs.extract_if(.., |attribute| crate::attrs::is_ours(attribute)) {
            diagnostics.report(attribute, "a method that is skipped is no tool; remove `#[py]` from its arguments");
        }
    }
}

fn method(
    function: &mut TraitItemFn,
    keys: &Entries,
    of_trait: &Entries,
    diagnostics: &mut Diagnostics,
) -> Option<Method> {
    // All are read before any can end this, so that the mistakes of all are reported.
    let case = of_trait.text("rename_all").and_then(|case| Case::called(&case.value()));
    let name = tool_name(keys, &function.sig.ident, case, diagnostics);
    let arguments = arguments(&mut function.sig, diagnostics);
    let answer = answer(&function.sig, diagnostics);
    let options = Options::of(keys, of_trait);
    options::check(keys, &options, answer.as_ref(), diagnostics);
    Some(Method {
        attributes: function.attrs.clone(),
        signature: function.sig.clone(),
        name,
        arguments: arguments?,
        answer: answer?,
        options,
    })
}

fn tool_name(keys: &Entries, ident: &Ident, case: Option<Case>, diagnostics: &mut Diagnostics) -> PythonName {
    if let Some(text) = keys.text("name") {
        let name = PythonName { text: text.value(), span: text.span() };
        if !names::is_tool_name(&name.text) {
            diagnostics.report(
                text,
                format!("{:?} is no tool name; {}", name.text, names::tool_name_rule(names::TOOL_NAME_LIMIT)),
            );
        }
        return name;
    }
    let written = ident.unraw().to_string();
    let text = case.map_or_else(|| written.clone(), |case| case.apply(&written));
    if !names::is_tool_name(&text) {
        let message = format!(
            "{text:?} is no tool name; {}; add `#[py(name = \"..\")]`",
            names::tool_name_rule(names::TOOL_NAME_LIMIT)
        );
        diagnostics.report(ident, message);
    }
    PythonName { text, span: ident.span() }
}

fn argument_name(keys: &Entries, ident: &Ident, diagnostics: &mut Diagnostics) -> PythonName {
    let Some(text) = keys.text("name") else {
        return PythonName { text: ident.unraw().to_string(), span: ident.span() };
    };
    let name = PythonName { text: text.value(), span: text.span() };
    if !names::is_identifier(&name.text) {
        diagnostics.report(text, format!("{:?} is no name of a Python argument", name.text));
    }
    name
}

/// The arguments, or `None` if one of them is not legal.
fn arguments(signature: &mut Signature, diagnostics: &mut Diagnostics) -> Option<Vec<Argument>> {
    let mut arguments = Some(Vec::new());
    for input in &mut signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        match (argument(input, diagnostics), &mut arguments) {
            (Some(argument), Some(arguments)) => arguments.push(argument),
            _ => arguments = None,
        }
    }
    arguments
}

fn argument(input: &mut PatType, diagnostics: &mut Diagnostics) -> Option<Argument> {
    let keys = Entries::take(&mut input.attrs, &ARGUMENT, diagnostics);
    let docs = docs(&input.attrs);
    input.attrs.retain(|attribute| !is_doc(attribute));
    for attribute in &input.attrs {
        diagnostics.report(attribute, "an argument takes `#[py(..)]` and doc comments only");
    }
    let Some(ident) = rules::plain_name(&input.pat) else {
        diagnostics.report(&input.pat, "an argument needs a plain name, which is its name in Python");
        // Without the pattern, the compiler does not report it a second time.
        *input.pat = parse_quote!(_);
        return None;
    };
    let optional = types::is_named(types::referenced(&input.ty), "Option");
    let default = keys.expression("default").cloned();
    if let Some(key) = keys.key("default").filter(|_| !optional && !keys.has("kwargs")) {
        let message = "a default is for an argument that may be `None`: make its type an `Option`, or remove `default`";
        diagnostics.report(key, message);
    }
    let passing = if keys.has("kwargs") {
        if let Some(name) = keys.key("name") {
            diagnostics.report(name, "`kwargs` passes each field by the field's name; remove `name`");
        }
        if let Some(key) = keys.key("default") {
            diagnostics.report(key, "`kwargs` passes fields, which have defaults of their own; remove `default`");
        }
        Passing::Fields
    } else if optional {
        if default.is_some() { Passing::Default } else { Passing::Optional }
    } else if types::as_stream(&input.ty).is_some() {
        sendable(&mut input.ty);
        Passing::Stream
    } else {
        Passing::Named
    };
    let name = argument_name(&keys, &ident, diagnostics);
    Some(Argument { ident, ty: (*input.ty).clone(), docs, name, passing, default })
}

/// Adds what a stream needs so that another task can pull it: nobody should have to write `+ Send + 'static`.
fn sendable(ty: &mut Type) {
    let ty = match ty {
        Type::Group(group) => return sendable(&mut group.elem),
        Type::Paren(paren) => return sendable(&mut paren.elem),
        Type::ImplTrait(ty) => ty,
        _ => return,
    };
    // Where the user's own tokens are, so that a message about the stream points at it.
    let span = ty.impl_token.span;
    if !ty.bounds.iter().any(|bound| types::bound_named(bound, "Send").is_some()) {
        ty.bounds.push(parse_quote_spanned!(span=> ::core::marker::Send));
    }
    if !ty.bounds.iter().any(|bound| matches!(bound, TypeParamBound::Lifetime(_))) {
        ty.bounds.push(parse_quote_spanned!(span=> 'static));
    }
}

fn answer(signature: &Signature, diagnostics: &mut Diagnostics) -> Option<Answer> {
    let output = match &signature.output {
        ReturnType::Type(_, output) => Some(&**output),
        ReturnType::Default => None,
    };
    let stream = output.and_then(types::as_stream);
    match (&signature.asyncness, output, stream) {
        (Some(_), Some(output), None) => return Some(Answer::Unary(output.clone())),
        (Some(_), None, _) => {
            diagnostics.report(&signature.ident, "a call of Python can fail: return `Result<()>`");
        }
        (Some(keyword), Some(_), Some(_)) => {
            let message = "a stream opens when it is first polled: remove `async` from a method that returns one";
            diagnostics.report(keyword, message);
        }
        (None, _, Some(stream)) => {
            if let Some(item) = types::stream_item(stream) {
                return Some(Answer::Stream { stream: stream.clone(), item: item.clone() });
            }
            diagnostics.report(stream, "the stream does not say its items: write `impl Stream<Item = Result<T>>`");
        }
        (None, _, None) => {
            let message = "a call of Python takes time: write `async fn`, or return `impl Stream<Item = Result<T>>`";
            diagnostics.report(signature.fn_token, message);
        }
    }
    None
}
