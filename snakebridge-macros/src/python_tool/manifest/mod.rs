//! `manifest = "tools.json"`: the trait is compared with a committed manifest while it is compiled.

mod compare;
mod fit;
mod json;

use std::path::{Path, PathBuf};

use syn::LitStr;

pub(super) use self::compare::compare;
use self::json::Json;
use crate::diag::Diagnostics;

/// The format that is read: `snakebridge::manifest::FORMAT`.
const FORMAT: &str = "1";

/// What is compared of a manifest.
pub(super) struct Manifest {
    /// The file, as the trait names it.
    file: String,
    adapter: Option<String>,
    tools: Vec<Tool>,
}

struct Tool {
    name: String,
    streaming: bool,
    parameters: Vec<Parameter>,
    returns: Type,
}

struct Parameter {
    name: String,
    ty: Type,
    required: bool,
    stream: bool,
    /// Whether it takes arguments of any name.
    takes_anything: bool,
}

/// A type of Python's: how one writes it, and its JSON Schema.
struct Type {
    text: String,
    schema: Json,
}

/// Reads the file that the trait names. A mistake is reported at the name.
pub(super) fn read(file: &LitStr, diagnostics: &mut Diagnostics) -> Option<Manifest> {
    let name = file.value();
    match load(&name) {
        Ok(manifest) => Some(manifest),
        Err(why) => {
            diagnostics.report(file, why);
            None
        }
    }
}

fn load(name: &str) -> Result<Manifest, String> {
    if Path::new(name).is_absolute() || name.is_empty() {
        return Err(format!("{name:?} is no path below the folder of `Cargo.toml`; expected one as \"tools.json\""));
    }
    // Cargo sets it for the crate that is compiled, and other build systems do so for the sake of macros like this one.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let text = std::fs::read_to_string(folder.join(name)).map_err(|error| {
        format!(
            "the manifest `{name}` cannot be read, beside `Cargo.toml`: {error}; write it from a running bridge, with \
             `Manifest::to_json`"
        )
    })?;
    Manifest::from_json(name, &text)
}

impl Manifest {
    fn from_json(file: &str, text: &str) -> Result<Self, String> {
        let json = json::parse(text).map_err(|why| format!("`{file}` is no JSON: {why}"))?;
        let refuse =
            |what: &str| format!("`{file}` is no manifest of tools: {what}; write it with `Manifest::to_json`");
        match json.get("format") {
            Some(Json::Number(format)) if format == FORMAT => {}
            Some(Json::Number(format)) => return Err(refuse(&format!("its format is {format}, and {FORMAT} is read"))),
            _ => return Err(refuse("it says no `format`")),
        }
        let tools = json.array("tools").ok_or_else(|| refuse("it has no `tools`"))?;
        let tools = tools.iter().map(Tool::from_json).collect::<Option<_>>();
        Ok(Self {
            file: file.to_owned(),
            adapter: json.text("adapter").map(str::to_owned),
            tools: tools.ok_or_else(|| refuse("one of its tools has no name"))?,
        })
    }
}

impl Tool {
    fn from_json(json: &Json) -> Option<Self> {
        let parameters = json.array("parameters").unwrap_or_default();
        Some(Self {
            name: json.text("name")?.to_owned(),
            streaming: json.is("streaming"),
            parameters: parameters.iter().map(Parameter::from_json).collect::<Option<_>>()?,
            returns: Type::from_json(json.get("returns").unwrap_or(&Json::Null)),
        })
    }
}

impl Parameter {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            name: json.text("name")?.to_owned(),
            ty: Type::from_json(json),
            required: json.is("required"),
            stream: json.is("stream"),
            takes_anything: json.text("kind") == Some("var_keyword"),
        })
    }
}

impl Type {
    fn from_json(json: &Json) -> Self {
        Self {
            text: json.text("type").unwrap_or("any").to_owned(),
            schema: json.get("schema").cloned().unwrap_or(Json::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_manifest_is_refused_with_the_reason() {
        let refused = |text: &str| Manifest::from_json("tools.json", text).err().unwrap();
        assert_eq!(refused("{"), "`tools.json` is no JSON: expected a key in quotes at line 1, column 2");
        for (text, what) in [
            ("[]", "it says no `format`"),
            (r#"{"format": 2, "tools": []}"#, "its format is 2, and 1 is read"),
            (r#"{"format": 1}"#, "it has no `tools`"),
            (r#"{"format": 1, "tools": [{"nome": "add"}]}"#, "one of its tools has no name"),
        ] {
            let expected = format!("`tools.json` is no manifest of tools: {what}; write it with `Manifest::to_json`");
            assert_eq!(refused(text), expected);
        }
    }
}
