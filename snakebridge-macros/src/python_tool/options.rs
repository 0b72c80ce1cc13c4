//! What the keys of a trait and of a method say about its calls.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Path, Type};

use super::model::Answer;
use super::shape::{Shape, result_value};
use crate::attrs::Entries;
use crate::diag::Diagnostics;
use crate::quoting;

/// The values of `priority`.
pub(super) const PRIORITIES: &[&str] = &["high", "normal", "low"];
/// The values of `session`.
pub(super) const SESSIONS: &[&str] = &["none", "affine", "exclusive"];

/// Everything that a tool's declaration says beside its signature.
pub(super) struct Options {
    timeout: Option<Duration>,
    idempotent: bool,
    retries: Option<u32>,
    pub(super) notify: bool,
    no_cancel: bool,
    window: Option<u64>,
    priority: Option<&'static str>,
    cache: Option<Duration>,
    session: Option<&'static str>,
}

impl Options {
    /// The options of a method: its own, and the trait's where it says nothing.
    pub(super) fn of(method: &Entries, of_trait: &Entries) -> Self {
        Self {
            timeout: method.duration("timeout").or_else(|| of_trait.duration("timeout")),
            idempotent: method.switch("idempotent").unwrap_or_else(|| of_trait.has("idempotent")),
            retries: method.number("retry"),
            notify: method.has("notify"),
            no_cancel: method.has("no_cancel"),
            window: method.size("window"),
            priority: variant(method, "priority", &[("high", "High"), ("low", "Low")]),
            cache: method.duration("cache"),
            // What is the trait's does not hold where the method says `none`.
            session: if method.has("session") { session(method) } else { session(of_trait) },
        }
    }

    /// The links of the chain of constants that declares them.
    pub(super) fn tokens(&self, krate: &Path) -> TokenStream {
        let timeout = quoting::milliseconds(self.timeout).map(|timeout| quote!(.timeout(#timeout)));
        let idempotent = self.idempotent.then(|| quote!(.idempotent()));
        let retries = self.retries.map(|retries| quote!(.retries(#retries)));
        let notify = self.notify.then(|| quote!(.notify()));
        let no_cancel = self.no_cancel.then(|| quote!(.no_cancel()));
        let window = self.window.map(|bytes| quote!(.window(#bytes)));
        let priority = self.priority.map(|name| {
            let name = quoting::ident(name);
            quote!(.priority(#krate::client::Priority::#name))
        });
        let cache = quoting::milliseconds(self.cache).map(|kept| quote!(.cache(#kept)));
        let session = self.session.map(|name| {
            let name = quoting::ident(name);
            quote!(.session(#krate::client::SessionUse::#name))
        });
        quote!(#timeout #idempotent #retries #notify #no_cancel #window #priority #cache #session)
    }
}

fn session(keys: &Entries) -> Option<&'static str> {
    variant(keys, "session", &[("affine", "Affine"), ("exclusive", "Exclusive")])
}

/// The variant that a key's value means. The default needs no mention.
fn variant(keys: &Entries, key: &str, variants: &[(&str, &'static str)]) -> Option<&'static str> {
    let text = keys.text(key)?.value();
    variants.iter().find(|(name, _)| *name == text).map(|(_, variant)| *variant)
}

/// Reports options that contradict each other or the method.
pub(super) fn check(keys: &Entries, options: &Options, answer: Option<&Answer>, diagnostics: &mut Diagnostics) {
    if let Some(retry) = keys.key("retry").filter(|_| !options.idempotent) {
        let message = "`retry` needs `idempotent`: a call is repeated only where running it twice does no harm; add \
                       `idempotent`, or remove `retry`";
        diagnostics.report(retry, message);
    }
    if let Some(notify) = keys.key("notify") {
        notification(notify, keys, answer, diagnostics);
    }
    let mut only_for = |key: &str, why: &str| {
        if let Some(key) = keys.key(key) {
            diagnostics.report(key, format!("{why}; remove `{key}`"));
        }
    };
    match answer {
        Some(Answer::Unary(_)) => only_for("window", "a window is for streams, and this method returns one value"),
        Some(Answer::Stream { .. }) => only_for("cache", "the items of a stream are not kept"),
        None => {}
    }
}

fn notification(notify: &Ident, keys: &Entries, answer: Option<&Answer>, diagnostics: &mut Diagnostics) {
    match answer {
        Some(Answer::Unary(ty)) if returns_nothing(ty) => {}
        Some(Answer::Unary(ty)) => {
            let message = "nobody waits for what a notification returns: return `Result<()>`, or remove `notify`";
            diagnostics.report(ty, message);
        }
        Some(Answer::Stream { .. }) => {
            diagnostics.report(notify, "a stream is read by its caller and no notification; remove `notify`");
        }
        None => {}
    }
    for (key, why) in [
        ("cache", "a notification has no result to keep"),
        ("no_cancel", "a notification goes on when its caller is gone anyway"),
    ] {
        if let Some(key) = keys.key(key) {
            diagnostics.report(key, format!("{why}; remove `{key}`"));
        }
    }
}

fn returns_nothing(ty: &Type) -> bool {
    result_value(ty).is_some_and(|value| Shape::of(value) == Shape::Nil)
}
