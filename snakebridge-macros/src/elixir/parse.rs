//! From the tokens of functions and traits to tools in the Elixir style.

use proc_macro2::TokenStream;
use syn::{Attribute, ItemFn, ItemTrait, PatType, Signature, TraitItem, TraitItemFn};

use super::model::Service;
use crate::attrs::Entries;
use crate::diag::Diagnostics;
use crate::names;
use crate::tool::keys::{ELIXIR_FUNCTION, ELIXIR_METHOD, ELIXIR_TRAIT, read_tool};
use crate::tool::model::{Parameter, Tool, ToolFn, ToolMethod};
use crate::tool::parameters::{Attributes, lent};
use crate::types;

/// Reads a function.
pub(super) fn function(attribute: TokenStream, mut item: ItemFn, diagnostics: &mut Diagnostics) -> ToolFn {
    let mut keys = Entries::default();
    keys.read(attribute, &ELIXIR_FUNCTION, diagnostics);
    for misplaced in item.attrs.extract_if(.., |attribute| crate::attrs::is_ours(attribute)) {
        diagnostics.report(misplaced, "a tool's keys go into `#[elixir_style_tool(..)]`, and not into `#[py(..)]`");
    }
    let tool = read(&keys, &item.attrs, &mut item.sig, diagnostics);
    ToolFn { crate_path: keys.crate_path(), item, tool }
}

/// Reads a trait. What is wrong inside of it is reported and left out.
pub(super) fn service(attribute: TokenStream, mut item: ItemTrait, diagnostics: &mut Diagnostics) -> Service {
    let mut keys = Entries::default();
    keys.read(attribute, &ELIXIR_TRAIT, diagnostics);
    for misplaced in item.attrs.extract_if(.., |attribute| crate::attrs::is_ours(attribute)) {
        let message = "`#[py(..)]` goes on methods; a trait's keys go into `#[elixir_style_tool(..)]`";
        diagnostics.report(misplaced, message);
    }
    let prefix = keys.text("prefix").map(syn::LitStr::value).unwrap_or_default();
    if let Some(text) = keys.text("prefix").filter(|_| !names::is_tool_name(&prefix)) {
        let message = format!("{prefix:?} cannot begin a tool's name; {}", names::TOOL_NAME_RULE);
        diagnostics.report(text, message);
    }
    let mut methods = Vec::new();
    for entry in &mut item.items {
        match entry {
            TraitItem::Fn(function) => methods.push(method(function, &keys, &prefix, diagnostics)),
            other => diagnostics.report(other, "a trait of tools has methods only; move this to another trait"),
        }
    }
    Service { crate_path: keys.crate_path(), item, methods }
}

fn method(function: &mut TraitItemFn, of_trait: &Entries, prefix: &str, diagnostics: &mut Diagnostics) -> ToolMethod {
    let keys = Entries::take(&mut function.attrs, &ELIXIR_METHOD, diagnostics);
    let mut tool = read(&keys, &function.attrs, &mut function.sig, diagnostics);
    tool.name.insert_str(0, prefix);
    tool.exposed = keys.switch("exposed_to_python").or(of_trait.switch("exposed_to_python")).unwrap_or_default();
    tool.timeout = tool.timeout.or(of_trait.duration("timeout"));
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
    ToolMethod { signature: function.sig.clone(), conditions, tool }
}

fn read(keys: &Entries, attributes: &[Attribute], signature: &mut Signature, diagnostics: &mut Diagnostics) -> Tool {
    let mut tool =
        read_tool(keys, attributes, signature, diagnostics, |input, diagnostics| Some(parameter(input, diagnostics)));
    tool.exposed = keys.switch("exposed_to_python").unwrap_or_default();
    tool.session = true;
    tool
}

/// What the host lends, or the one value of all parameters.
fn parameter(input: &mut PatType, diagnostics: &mut Diagnostics) -> Parameter {
    let attributes = Attributes::take(input, diagnostics);
    if let Some(lent) = lent(input, &attributes, diagnostics) {
        return lent;
    }
    attributes.refuse("all parameters are one value whose fields have the names", diagnostics);
    Parameter::All(types::peel(&input.ty).clone())
}
