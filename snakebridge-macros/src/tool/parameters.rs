//! The parameters of a tool: what the host lends, and what Python gives.

use syn::ext::IdentExt;
use syn::{PatType, Type};

use super::model::{Absent, Given, Parameter};
use crate::attrs::{Entries, Key, Shape, Table, docs, is_doc};
use crate::diag::Diagnostics;
use crate::{names, rules, types};

const PARAMETER: Table = Table {
    place: "`#[py(..)]` on a parameter",
    keys: &[
        Key { name: "name", shape: Shape::Text, example: "name = \"name_in_python\"" },
        Key { name: "default", shape: Shape::Expression, example: "default = expression" },
        Key { name: "state", shape: Shape::Flag, example: "state" },
    ],
};

/// Takes our attributes off a parameter, and reads those of what is given by Python.
pub(crate) struct Attributes {
    keys: Entries,
    description: String,
}

impl Attributes {
    pub(crate) fn take(input: &mut PatType, diagnostics: &mut Diagnostics) -> Self {
        let keys = Entries::take(&mut input.attrs, &PARAMETER, diagnostics);
        let description = docs(&input.attrs);
        input.attrs.retain(|attribute| !is_doc(attribute));
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
            diagnostics.report(
                attribute,
                "a parameter that is there only sometimes cannot be told to Python; put `#[cfg]` on two functions",
            );
        }
        Self { keys, description }
    }

    /// Reports keys that mean nothing on a parameter that is not given by Python.
    pub(crate) fn refuse(&self, why: &str, diagnostics: &mut Diagnostics) {
        for key in ["name", "default"].into_iter().filter_map(|key| self.keys.key(key)) {
            diagnostics.report(key, format!("{why}, so `{key}` has no meaning here; remove it"));
        }
    }
}

/// What the host lends: the context, the session, a state. `None` for what comes from Python.
pub(crate) fn lent(input: &PatType, attributes: &Attributes, diagnostics: &mut Diagnostics) -> Option<Parameter> {
    if let Some(key) = attributes.keys.key("state") {
        attributes.refuse("the builder gives a state", diagnostics);
        if let Some(referent) = shared(&input.ty) {
            return Some(Parameter::State(referent.clone()));
        }
        let ty = types::text(types::referenced(&input.ty));
        diagnostics.report(key, format!("the host lends a state to many calls at once: write `&{ty}`"));
        // As if it had been written so, that nothing else is said about it.
        return Some(Parameter::State(types::referenced(&input.ty).clone()));
    }
    let referent = shared(&input.ty)?;
    if types::is_named(referent, "ToolContext") {
        attributes.refuse("the host gives `&ToolContext`", diagnostics);
        return Some(Parameter::Context);
    }
    if types::is_named(referent, "Session") {
        attributes.refuse("the host gives `&Session`", diagnostics);
        return Some(Parameter::Lent(referent.clone()));
    }
    None
}

/// A parameter of a tool whose arguments are named one by one.
pub(super) fn parameter(input: &mut PatType, diagnostics: &mut Diagnostics) -> Option<Parameter> {
    let attributes = Attributes::take(input, diagnostics);
    if let Some(lent) = lent(input, &attributes, diagnostics) {
        return Some(lent);
    }
    let Attributes { keys, description } = attributes;
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

/// The type behind a shared reference.
fn shared(ty: &Type) -> Option<&Type> {
    match types::peel(ty) {
        Type::Reference(reference) if reference.mutability.is_none() => Some(types::peel(&reference.elem)),
        _ => None,
    }
}
