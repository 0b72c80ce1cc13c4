//! Rules that tools of both directions keep.

use syn::{Ident, Pat, Safety, Signature, Type};

use crate::diag::Diagnostics;
use crate::types;

/// Reports `const`, `unsafe`, `extern` and `..` on a function that Python calls or that calls Python.
pub(crate) fn qualifiers(signature: &Signature, what: &str, diagnostics: &mut Diagnostics) {
    if let Some(keyword) = &signature.constness {
        diagnostics.report(keyword, format!("{what} cannot be `const`: it runs at run time only"));
    }
    if let Safety::Unsafe(keyword) = &signature.safety {
        diagnostics.report(keyword, format!("{what} cannot be `unsafe`: nobody could keep its promise"));
    }
    if let Safety::Safe(keyword) = &signature.safety {
        diagnostics.report(keyword, format!("{what} cannot be `safe`: that is for `extern` blocks"));
    }
    if let Some(abi) = &signature.abi {
        diagnostics.report(abi, format!("{what} cannot be `extern`: arguments travel as messages"));
    }
    if let Some(variadic) = &signature.variadic {
        diagnostics.report(variadic, format!("{what} cannot be variadic"));
    }
}

/// Reports type parameters, lifetimes and `where` clauses.
pub(crate) fn generics(signature: &Signature, what: &str, diagnostics: &mut Diagnostics) {
    if !signature.generics.params.is_empty() {
        let message =
            format!("{what} cannot be generic: use concrete types, or `Value` for anything; leave lifetimes out");
        diagnostics.report(&signature.generics.params, message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        diagnostics.report(clause, format!("{what} cannot have a `where` clause"));
    }
}

/// Reports `impl Trait`, which is generic too, and `&mut`. Returns whether the type is neither.
pub(crate) fn parameter_type(ty: &Type, diagnostics: &mut Diagnostics) -> bool {
    if let Some(opaque) = types::opaque(ty) {
        diagnostics.report(opaque, "`impl Trait` makes it generic: use a concrete type, or `Value` for anything");
        return false;
    }
    if let Type::Reference(reference) = types::peel(ty)
        && let Some(mutability) = &reference.mutability
    {
        let message = "`&mut` cannot reach another process: pass the value, and return what becomes of it";
        diagnostics.report(mutability, message);
        return false;
    }
    true
}

/// Reports a bare trait object: a type without a size, and in `-> A + B` a list of traits where a type should be.
pub(crate) fn trait_object(ty: &Type, diagnostics: &mut Diagnostics) {
    if let Type::TraitObject(object) = types::peel(ty) {
        diagnostics.report(object, "this is no type of values that can travel between processes: use a concrete type");
    }
}

/// The name in a pattern that is only a name.
pub(crate) fn plain_name(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none() => {
            Some(name.ident.clone())
        }
        _ => None,
    }
}
