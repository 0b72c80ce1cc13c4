//! Mistakes are collected and reported together, each at the token that is wrong.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Diagnostics {
    errors: Option<Error>,
    count: usize,
}

impl Diagnostics {
    /// Reports a mistake that spans `tokens`.
    pub(crate) fn report(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// Reports a mistake at `span`.
    pub(crate) fn report_at(&mut self, span: Span, message: impl Display) {
        self.push(Error::new(span, message));
    }

    /// Takes in a mistake that a parser found.
    pub(crate) fn push(&mut self, error: Error) {
        self.count += 1;
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            None => self.errors = Some(error),
        }
    }

    /// How many there are; a part was right if this did not change while it was looked at.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// `compile_error!`s for all of them.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.errors.map(Error::into_compile_error).unwrap_or_default()
    }
}

/// `; did you mean ..?` if a candidate is near to `name`, else nothing.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// The candidate nearest to `name` by edit distance, if it is within a third of its length.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= candidate.len().max(name.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, case-insensitive.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in right.iter().enumerate() {
            let cost = (diagonal + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_proposed_and_a_far_one_is_not() {
        let keys = ["adapter", "timeout", "client"];
        assert_eq!(did_you_mean("adaptor", keys), "; did you mean `adapter`?");
        assert_eq!(did_you_mean("timeOut", keys), "; did you mean `timeout`?");
        assert_eq!(did_you_mean("colour", keys), "");
    }
}
