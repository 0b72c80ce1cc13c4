//! From the tokens of a function to the model.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{FnArg, Item, ItemFn, PatType, TraitItemFn, Type};

use super::model::{Absent, Given, Parameter, ToolFn};
use crate::attrs::{Entries, Key, Shape, Table, docs, is_doc};
use crate::diag::Diagnostics;
use crate::{names, rules, types};

const TOOL: Table = Table {
    place: "`#[tool(..)]`",
    keys: &[
        Key { name: "name", shape: Shape::Text, example: "name = \"name_in_python\"" },
        Key { name: "description", shape: Shape::Text, example: "description = \"What it does.\"" },
        Key { name: "timeout", shape: Shape::Duration, example: "timeout = \"30s\"" },
        Key { name: "crate", shape: Shape::Path, example: "crate = snakebridge" },
    ],
};

const PARAMETER: Table = Table {
    place: "`#[py(..)]` on a parameter",
    keys: &[
        Key { name: "name", shape: Shape::Text, example: "name = \"name_in_python\"" },
        Key { name: "default", shape: Shape::Expression, example: "default = expression" },
    ],
};

const USAGE: &str = "\
write it on a function:

    #[tool]
    async fn shout(text: String) -> String { text.to_uppercase() }";

/// Reads the function. `None` if the item is something else; what is wrong inside of it is reported and left out.
pub(super) fn parse(attribute: TokenStream, item: &TokenStream, diagnostics: &mut Diagnostics) -> Option<ToolFn> {
    let mut item = read_function(item, diagnostics)?;
    let mut keys = Entries::default();
    keys.read(attribute, &TOOL, diagnostics);
    for misplaced in item.attrs.extract_if(.., |attribute| crate::attrs::is_ours(attribute)) {
        diagnostics.report(misplaced, "`#[py(..)]` goes on parameters; a tool's keys go into `#[tool(..)]`");
    }
    let mut parameters = Vec::new();
    for input in &mut item.sig.inputs {
        if let FnArg::Typed(input) = input {
            parameters.extend(parameter(input, diagnostics));
        }
    }
    let name = keys.text("name");
    if let Some(name) = name.filter(|name| !names::is_tool_name(&name.value())) {
        diagnostics.report(name, format!("{:?} is no tool name; {}", name.value(), names::TOOL_NAME_RULE));
    }
    Some(ToolFn {
        crate_path: keys.crate_path(),
        name: name.map_or_else(|| item.sig.ident.unraw().to_string(), syn::LitStr::value),
        description: keys.text("description").map_or_else(|| docs(&item.attrs), syn::LitStr::value),
        timeout: keys.duration("timeout"),
        parameters,
        item,
    })
}

fn read_function(tokens: &TokenStream, diagnostics: &mut Diagnostics) -> Option<ItemFn> {
    let mut refuse = |span: Span, what: &str| {
        diagnostics.report_at(span, format!("`#[tool]` goes on a function, and this is {what}\n{USAGE}"));
        None
    };
    match syn::parse2::<Item>(tokens.clone()) {
        Ok(Item::Fn(item)) => Some(item),
        Ok(Item::Struct(item)) => refuse(item.struct_token.span, "a struct"),
        Ok(Item::Enum(item)) => refuse(item.enum_token.span, "an enum"),
        Ok(Item::Impl(item)) => refuse(item.impl_token.span, "an impl block"),
        Ok(Item::Mod(item)) => refuse(item.mod_token.span, "a module"),
        Ok(Item::Trait(item)) => {
            refuse(item.trait_token.span, "a trait; a trait of Python tools takes `#[python_tool]`")
        }
        // What `syn` reads so includes a function without a body.
        Ok(other) => match syn::parse2::<TraitItemFn>(tokens.clone()) {
            Ok(method) => refuse(method.sig.ident.span(), "a function without a body"),
            Err(_) => refuse(other.span(), "something else"),
        },
        Err(error) => {
            diagnostics.push(error);
            None
        }
    }
}

fn parameter(input: &mut PatType, diagnostics: &mut Diagnostics) -> Option<Parameter> {
    let keys = Entries::take(&mut input.attrs, &PARAMETER, diagnostics);
    let description = docs(&input.attrs);
    input.attrs.retain(|attribute| !is_doc(attribute));
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
        diagnostics.report(
            attribute,
            "a parameter that is there only sometimes cannot be told to Python; put `#[cfg]` on two functions",
        );
    }
    if is_context(&input.ty) {
        for key in ["name", "default"].into_iter().filter_map(|key| keys.key(key)) {
            diagnostics
                .report(key, format!("the host gives `&ToolContext`, so `{key}` has no meaning here; remove it"));
        }
        return Some(Parameter::Context);
    }
    let Some(ident) = rules::plain_name(&input.pat) else {
        diagnostics.report(&input.pat, "a parameter needs a plain name, which is its name in Python");
        return None;
    };
    let name = keys.text("name");
    if let Some(name) = name.filter(|name| !names::is_identifier(&name.value())) {
        diagnostics.report(name, format!("{:?} is no name of a Python argument", name.value()));
    }
    let absent = match keys.expression("default") {
        Some(expression) => Absent::Expression(expression.clone()),
        None if keys.has("default") => Absent::Default,
        None if types::is_named(&input.ty, "Option") => Absent::None,
        None => Absent::Refused,
    };
    Some(Parameter::Given(Box::new(Given {
        name: name.map_or_else(|| ident.unraw().to_string(), syn::LitStr::value),
        name_span: name.map_or_else(|| ident.span(), syn::LitStr::span),
        ident,
        ty: (*input.ty).clone(),
        description,
        absent,
    })))
}

/// Whether a type is `&ToolContext`, by its name.
fn is_context(ty: &Type) -> bool {
    match types::peel(ty) {
        Type::Reference(reference) => reference.mutability.is_none() && types::is_named(&reference.elem, "ToolContext"),
        _ => false,
    }
}
