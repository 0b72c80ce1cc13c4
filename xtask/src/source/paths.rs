//! Finds the paths that a file names, in `use` trees and in code.

use super::Token;

/// A path such as `crate::wire::frame`, with `self` and `super` resolved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// Followed by `!`.
    pub(crate) is_macro: bool,
}

/// Every path that begins with `crate`, `self`, `super` or `std`, where `module` is the module of the file.
/// `use` groups give one path for each leaf.
pub(crate) fn paths(tokens: &[Token], module: &[String]) -> Vec<NamedPath> {
    let mut reader = PathReader { tokens, found: Vec::new() };
    let mut inner: Vec<(usize, String)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.retain(|(opened_at, _)| *opened_at <= depth);
            }
            "mod" if reader.text(at + 2) == "{" => {
                inner.push((depth + 1, reader.text(at + 1).to_owned()));
            }
            root @ ("crate" | "self" | "super" | "std") if reader.is_root(at) && reader.is_separator(at + 1) => {
                let here = || module.iter().cloned().chain(inner.iter().map(|(_, name)| name.clone()));
                let mut prefix = if root == "std" { Vec::new() } else { vec!["crate".to_owned()] };
                if matches!(root, "self" | "super") {
                    prefix.extend(here());
                }
                at = reader.tree(at, &prefix);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    reader.found
}

struct PathReader<'a> {
    tokens: &'a [Token],
    found: Vec<NamedPath>,
}

impl PathReader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn is_separator(&self, at: usize) -> bool {
        self.text(at) == ":" && self.text(at + 1) == ":"
    }

    /// Not in the middle of a path. (`::std::process` begins at `std`.)
    fn is_root(&self, at: usize) -> bool {
        let continues = at >= 2 && self.is_separator(at - 2);
        let before = at.checked_sub(3).and_then(|before| self.tokens.get(before));
        !(continues && before.is_some_and(|token| token.is_word() || token.text == ">"))
    }

    /// Reads a path or a `use` tree that begins at `at`, and returns the position after it.
    fn tree(&mut self, mut at: usize, prefix: &[String]) -> usize {
        let mut segments = prefix.to_vec();
        loop {
            let text = self.text(at);
            match text {
                "{" => return self.group(at, &segments),
                "crate" | "self" => {}
                "super" => {
                    segments.pop();
                }
                _ if self.tokens.get(at).is_some_and(Token::is_word) || text == "*" => {
                    segments.push(text.to_owned());
                }
                // Such as `<` after `Vec::`.
                _ => return self.record(at, segments),
            }
            at += 1;
            if !self.is_separator(at) {
                return self.record(at, segments);
            }
            at += 2;
        }
    }

    fn group(&mut self, open: usize, prefix: &[String]) -> usize {
        let mut at = open + 1;
        while at < self.tokens.len() && self.text(at) != "}" {
            at = self.tree(at, prefix);
            // `as Name`, and the comma.
            while at < self.tokens.len() && !matches!(self.text(at), "," | "}") {
                at += 1;
            }
            if self.text(at) == "," {
                at += 1;
            }
        }
        at + 1
    }

    fn record(&mut self, end: usize, segments: Vec<String>) -> usize {
        let line = self.tokens.get(end.saturating_sub(1)).map_or(0, |token| token.line);
        self.found.push(NamedPath { line, segments, is_macro: self.text(end) == "!" });
        end
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    fn named(text: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(ToString::to_string).collect();
        paths(&tokens(text), &module).iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn groups_give_one_path_for_each_leaf() {
        let text = "use crate::{error::{Error, Result as R}, wire::{self, frame::*}, value};";
        let expected =
            ["crate::error::Error", "crate::error::Result", "crate::wire", "crate::wire::frame::*", "crate::value"];
        assert_eq!(named(text, &["pool"]), expected);
    }

    #[test]
    fn relative_paths_are_resolved_against_the_module() {
        assert_eq!(named("use super::super::pool::Pool;", &["wire", "frame"]), ["crate::pool::Pool"]);
        assert_eq!(named("mod tests { use super::*; } use self::x;", &["wire"]), ["crate::wire::*", "crate::wire::x"]);
        assert_eq!(
            named("mod a { mod b { fn f() { super::g() } } } fn h() { super::i() }", &["wire"]),
            ["crate::wire::a::g", "crate::i"]
        );
    }

    #[test]
    fn paths_in_expressions_and_macros_count() {
        assert_eq!(named("let x = crate::pool::Pool::<u8>::new();", &["wire"]), ["crate::pool::Pool"]);
        assert_eq!(named("($crate::bridge::go($a))", &["wire"]), ["crate::bridge::go"]);
        assert_eq!(
            named("use std::{io, process::Command}; ::std::fs::read()", &[]),
            ["std::io", "std::process::Command", "std::fs::read"]
        );
        assert!(paths(&tokens("crate::args!{}"), &[])[0].is_macro);
    }

    #[test]
    fn visibility_and_receivers_are_no_paths() {
        assert!(named("pub(crate) fn f(&self) -> Self { self.g() } pub(super) struct S;", &["wire"]).is_empty());
    }

    #[test]
    fn lines_are_counted() {
        let text = "/* one\ntwo */\nuse crate::{\n    a,\n    b::c,\n};";
        let lines: Vec<usize> = paths(&tokens(text), &[]).iter().map(|path| path.line).collect();
        assert_eq!(lines, [4, 5]);
    }
}
