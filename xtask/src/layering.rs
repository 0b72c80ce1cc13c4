//! The shape of `snakebridge/src`: a module uses the ones above it in the order, never one below it, and the wire
//! knows neither tokio nor processes. What ARCHITECTURE.md draws is what is checked here.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::fingerprint::files_below;
use crate::source::{self, Token};

/// The modules, each after those that it may use.
const ORDER: &[&str] = &[
    "seeded",
    "wire",
    "value",
    "error",
    "body",
    "manifest",
    "schema",
    "telemetry",
    "session",
    "deadlock",
    "link",
    "tools",
    "worker",
    "pool",
    "client",
    "bridge",
];

/// Files that gather what the modules offer, and therefore name them all.
const GATHERING: &[&str] = &["lib", "prelude", "bin"];

/// Fails with every place that breaks the order.
pub(crate) fn check(root: &Path) -> Result<()> {
    let sources = root.join("snakebridge/src");
    let files = files_below(&sources)?;
    let mut violations = Vec::new();
    let mut checked = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(file).map_err(|error| Failure::new(format!("`{}`: {error}", file.display())))?;
        let module = module_of(file.strip_prefix(&sources).unwrap_or(file));
        let shown = file.strip_prefix(root).unwrap_or(file).display();
        violations.extend(complaints(&module, &text).into_iter().map(|complaint| format!("  {shown}{complaint}")));
        checked += 1;
    }
    if checked == 0 {
        return Err(Failure::new(format!("there are no sources in `{}`", sources.display())));
    }
    if violations.is_empty() {
        println!("{checked} files keep the order {}", ORDER.join(", "));
        return Ok(());
    }
    Err(Failure::new(format!("the order of the modules is broken:\n{}", violations.join("\n")))
        .hint(format!("a module uses only those before it: {}", ORDER.join(", "))))
}

/// `wire/frame.rs` is `[wire, frame]`, `wire/mod.rs` is `[wire]`.
fn module_of(path: &Path) -> Vec<String> {
    let parts = path.with_extension("");
    let parts = parts.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// What is wrong with one file, each beginning with its line.
fn complaints(module: &[String], text: &str) -> Vec<String> {
    let Some(own) = module.first().map(String::as_str).filter(|own| !GATHERING.contains(own)) else {
        return Vec::new();
    };
    let Some(own_place) = place(own) else {
        return vec![format!(
            ": the module `{own}` has no place in the order (xtask/src/layering.rs, ARCHITECTURE.md)"
        )];
    };
    let tokens = source::tokens(text);
    let mut found = Vec::new();
    for path in source::paths(&tokens, module) {
        let (Some("crate"), Some(other)) = (path.segments.first().map(String::as_str), path.segments.get(1)) else {
            continue;
        };
        let shown = path.segments.join("::");
        match place(other) {
            Some(other_place) if other_place > own_place => {
                found.push(format!(":{}: `{own}` uses `{shown}`, which is below it", path.line));
            }
            // Macros live at the root by name; anything else taken from there hides the module that it comes from.
            None if !path.is_macro => {
                found.push(format!(":{}: `{shown}` does not name the module that it comes from", path.line));
            }
            _ => {}
        }
    }
    if own == "wire" {
        found.extend(runtime_in_wire(&tokens, module));
    }
    found
}

fn runtime_in_wire(tokens: &[Token], module: &[String]) -> Vec<String> {
    let tokio = tokens.iter().filter(|token| token.text == "tokio").map(|token| (token.line, "tokio"));
    let paths = source::paths(tokens, module);
    let processes = paths.iter().filter(|path| path.segments.starts_with(&["std".to_owned(), "process".to_owned()]));
    let processes = processes.map(|path| (path.line, "std::process"));
    tokio.chain(processes).map(|(line, name)| format!(":{line}: the wire knows nothing of `{name}`")).collect()
}

fn place(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints_of(path: &str, text: &str) -> Vec<String> {
        complaints(&module_of(Path::new(path)), text)
    }

    #[test]
    fn using_what_is_above_is_right() {
        assert!(complaints_of("pool/mod.rs", "use crate::{error::Error, wire::frame::Kind, worker};").is_empty());
        assert!(complaints_of("error.rs", "use super::wire::Executed; mod tests { use super::*; }").is_empty());
    }

    #[test]
    fn using_what_is_below_is_found_however_it_is_written() {
        for text in [
            "use crate::pool::Pool;",
            "use crate::{wire::Header, pool::Pool};",
            "use super::super::pool::Pool;",
            "fn f() { crate::pool::go(); }",
        ] {
            let found = complaints_of("wire/frame.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with(":1: `wire` uses `crate::pool"), "{found:?}");
        }
    }

    #[test]
    fn the_root_of_the_crate_is_no_way_around() {
        assert!(complaints_of("wire/mod.rs", "use crate::Bridge;")[0].contains("does not name the module"));
        assert!(complaints_of("client/mod.rs", "crate::args! {}").is_empty());
    }

    #[test]
    fn the_wire_names_no_runtime_and_no_process() {
        assert_eq!(complaints_of("wire/peer.rs", "use tokio::io;"), [":1: the wire knows nothing of `tokio`"]);
        let found = complaints_of("wire/peer.rs", "use std::{io, process};");
        assert_eq!(found, [":1: the wire knows nothing of `std::process`"]);
        assert!(complaints_of("link/mod.rs", "use tokio::io; use std::process::Child;").is_empty());
    }

    #[test]
    fn a_module_without_a_place_is_reported_and_the_root_is_free() {
        assert!(complaints_of("utilities.rs", "")[0].contains("has no place in the order"));
        assert!(complaints_of("lib.rs", "pub use crate::bridge::Bridge;").is_empty());
    }
}
