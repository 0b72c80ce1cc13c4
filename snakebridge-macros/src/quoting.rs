//! Small pieces of generated code.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;

/// A name that is ours.
pub(crate) fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// An `Option`.
pub(crate) fn option(value: Option<impl ToTokens>) -> TokenStream {
    value.map_or_else(|| quote!(::core::option::Option::None), |value| quote!(::core::option::Option::Some(#value)))
}

/// An `Option<Duration>`.
pub(crate) fn timeout(duration: Option<Duration>) -> TokenStream {
    option(milliseconds(duration))
}

/// A `Duration`. Every one here was read as milliseconds in 64 bits.
pub(crate) fn milliseconds(duration: Option<Duration>) -> Option<TokenStream> {
    let milliseconds = duration.and_then(|duration| u64::try_from(duration.as_millis()).ok());
    milliseconds.map(|milliseconds| quote!(::core::time::Duration::from_millis(#milliseconds)))
}

/// A span for generated code that errors show at the place of the user's `tokens`.
///
/// Not their span itself: lints would take the generated code for the user's.
pub(crate) fn place_of(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}

/// The same tokens at another place.
pub(crate) fn moved(tokens: impl ToTokens, place: Span) -> TokenStream {
    let moved = tokens.into_token_stream().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(place));
        token
    });
    moved.collect()
}
