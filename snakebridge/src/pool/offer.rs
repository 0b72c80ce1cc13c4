//! In what two manifests differ for those who call: tools, what they take and what they return. Documentation may change.

use crate::manifest::{Manifest, Parameter, Tool};

/// Differences that are named; of more there is a number.
const NAMED: usize = 8;

/// Everything in which `newer` is not what callers of `older` know, a sentence for each; none: it can stand in its place.
pub(super) fn changes(older: &Manifest, newer: &Manifest) -> Vec<String> {
    let gone = older.tools.iter().filter(|tool| newer.tool(&tool.name).is_none());
    let mut changes: Vec<String> = gone.map(|tool| format!("`{}` is gone", tool.name)).collect();
    for tool in &newer.tools {
        match older.tool(&tool.name) {
            None => changes.push(format!("`{}` is new", tool.name)),
            Some(before) if !are_alike(before, tool) => {
                changes.push(format!("`{}` was `{}` and is `{}`", tool.name, signature(before), signature(tool)));
            }
            Some(_) => {}
        }
    }
    if changes.len() > NAMED {
        let more = changes.len() - NAMED;
        changes.truncate(NAMED);
        changes.push(format!("and {more} more"));
    }
    changes
}

/// Whether who calls the one may call the other.
fn are_alike(before: &Tool, after: &Tool) -> bool {
    let rules = |tool: &Tool| (tool.streaming, tool.idempotent, tool.session, tool.resources.clone());
    let takes_the_same = |(before, after): (&Parameter, &Parameter)| {
        let said = |parameter: &Parameter| Parameter { description: String::new(), ..parameter.clone() };
        said(before) == said(after)
    };
    rules(before) == rules(after)
        && before.returns == after.returns
        && before.parameters.len() == after.parameters.len()
        && before.parameters.iter().zip(&after.parameters).all(takes_the_same)
}

/// A tool as Python would write it, as far as callers see it.
fn signature(tool: &Tool) -> String {
    use std::fmt::Write;
    let parameters: Vec<String> = tool
        .parameters
        .iter()
        .map(|parameter| {
            let default = if parameter.required || parameter.takes_anything() { "" } else { " = .." };
            format!("{}: {}{default}", parameter.name, parameter.type_name)
        })
        .collect();
    let mut text = format!("({}) -> {}", parameters.join(", "), tool.returns.type_name);
    for (holds, word) in [(tool.streaming, ", streaming"), (tool.idempotent, ", idempotent")] {
        text.push_str(if holds { word } else { "" });
    }
    for (name, units) in &tool.resources {
        // Writing to a string cannot fail.
        let _ = write!(text, ", needs {name}: {units}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::TypeInfo;

    fn tool(name: &str, parameter: &str) -> Tool {
        let parameter = Parameter { name: parameter.into(), type_name: "int".into(), ..Parameter::default() };
        let returns = TypeInfo { type_name: "str".into(), schema: None };
        Tool { name: name.into(), parameters: vec![parameter], returns, ..Tool::default() }
    }

    fn manifest(tools: Vec<Tool>) -> Manifest {
        let (adapter, name) = ("a".into(), "a".into());
        Manifest { format: 1, adapter, name, version: None, description: String::new(), tools }
    }

    #[test]
    fn what_callers_rely_on_is_compared_and_documentation_is_not() {
        let older = manifest(vec![tool("gone", "x"), tool("kept", "x"), tool("other", "x")]);
        let mut kept = tool("kept", "x");
        kept.description = "Now with words.".into();
        kept.parameters[0].description = "More words.".into();
        assert!(changes(&older, &older).is_empty());
        let newer = manifest(vec![kept, tool("new", "x"), tool("other", "y")]);
        assert_eq!(
            changes(&older, &newer),
            ["`gone` is gone", "`new` is new", "`other` was `(x: int = ..) -> str` and is `(y: int = ..) -> str`"]
        );
        let mut idempotent = tool("other", "x");
        idempotent.idempotent = true;
        assert!(!changes(&manifest(vec![tool("other", "x")]), &manifest(vec![idempotent])).is_empty());
        let mut needs_more = tool("other", "x");
        needs_more.resources.insert("gpu".into(), 2);
        assert_eq!(
            changes(&manifest(vec![tool("other", "x")]), &manifest(vec![needs_more])),
            ["`other` was `(x: int = ..) -> str` and is `(x: int = ..) -> str, needs gpu: 2`"]
        );
    }

    #[test]
    fn of_many_differences_some_are_named() {
        let many = manifest((0..100).map(|number| tool(&format!("t{number}"), "x")).collect());
        let changes = changes(&manifest(Vec::new()), &many);
        assert_eq!((changes.len(), changes.last().unwrap().as_str()), (NAMED + 1, "and 92 more"));
    }
}
