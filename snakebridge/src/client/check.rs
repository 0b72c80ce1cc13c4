//! Whether a typed client fits what the workers offer.

use super::ToolDeclaration;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::manifest::{Manifest, Tool, nearest};

/// Names every tool of a client that the manifest does not have, or has in another manner.
pub(super) fn check(manifest: &Manifest, tools: &[ToolDeclaration], client: &str) -> Result<()> {
    let misfits: Vec<String> = tools
        .iter()
        .flat_map(|declared| match manifest.tool(declared.name) {
            Some(tool) => compare(declared, tool),
            None => vec![format!("there is no tool `{}`{}", declared.name, hint(manifest.nearest(declared.name)))],
        })
        .collect();
    if misfits.is_empty() {
        return Ok(());
    }
    let message = format!("`{client}` does not fit adapter `{}`: {}", manifest.adapter, misfits.join("; "));
    Err(Error::new(ErrorKind::ManifestMismatch { message }, Executed::Never))
}

fn compare(declared: &ToolDeclaration, tool: &Tool) -> Vec<String> {
    let name = declared.name;
    let mut misfits = Vec::new();
    match (declared.streaming, tool.streaming) {
        (false, true) => {
            misfits.push(format!("`{name}` is a stream in Python; declare `fn {name}(..) -> impl Stream<..>`"));
        }
        (true, false) => {
            misfits.push(format!("`{name}` is no stream in Python; declare `async fn {name}(..) -> Result<..>`"));
        }
        _ => {}
    }
    let takes_anything = tool.parameters.iter().any(|parameter| parameter.kind == "var_keyword");
    let known = || tool.parameters.iter().map(|parameter| parameter.name.as_str());
    for parameter in declared.parameters {
        let parameter = parameter.name;
        if !takes_anything && known().all(|name| name != parameter) {
            misfits.push(format!("`{name}` has no parameter `{parameter}`{}", hint(nearest(parameter, known()))));
        }
    }
    misfits
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
