//! From the tokens of functions and traits to tools in the Elixir style.

use proc_macro2::TokenStream;
use syn::{Attribute, ItemFn, ItemTrait, PatType, Signature, TraitItem, TraitItemFn};

use super::check::{METADATA_BYTES, NAME_LIMIT};
use super::model::{Service, ServiceMethod};
use crate::attrs::{Entries, is_doc};
use crate::diag::Diagnostics;
use crate::tool::keys::{ELIXIR_FUNCTION, ELIXIR_METHOD, ELIXIR_TRAIT, Naming, read_tool};
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
    let tool = read(&keys, &item.attrs, &mut item.sig, naming(""), diagnostics);
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
    let naming = naming(&prefix);
    naming.check_prefix(&keys, diagnostics);
    let mut methods = Vec::new();
    for entry in &mut item.items {
        match entry {
            TraitItem::Fn(function) => methods.push(method(function, &keys, naming, diagnostics)),
            other => diagnostics.report(other, "a trait of tools has methods only; move this to another trait"),
        }
    }
    Service { crate_path: keys.crate_path(), item, methods }
}

fn method(
    function: &mut TraitItemFn,
    of_trait: &Entries,
    naming: Naming<'_>,
    diagnostics: &mut Diagnostics,
) -> ServiceMethod {
    let keys = Entries::take(&mut function.attrs, &ELIXIR_METHOD, diagnostics);
    let mut tool = read(&keys, &function.attrs, &mut function.sig, naming, diagnostics);
    tool.exposed = keys.switch("exposed_to_python").or(of_trait.switch("exposed_to_python")).unwrap_or_default();
    tool.timeout = tool.timeout.or(of_trait.duration("timeout"));
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
    let docs = function.attrs.iter().filter(|attribute| is_doc(attribute)).cloned().collect();
    ServiceMethod { docs, method: ToolMethod { signature: function.sig.clone(), conditions, tool } }
}

fn naming(prefix: &str) -> Naming<'_> {
    Naming { prefix, limit: NAME_LIMIT, whose: "a tool in the Elixir style" }
}

fn read(
    keys: &Entries,
    attributes: &[Attribute],
    signature: &mut Signature,
    naming: Naming<'_>,
    diagnostics: &mut Diagnostics,
) -> Tool {
    let parameter = |input: &mut PatType, diagnostics: &mut Diagnostics| Some(parameter(input, diagnostics));
    let mut tool = read_tool(keys, attributes, signature, naming, diagnostics, parameter);
    tool.exposed = keys.switch("exposed_to_python").unwrap_or_default();
    tool.session = true;
    tool.metadata_limit = Some(METADATA_BYTES);
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
