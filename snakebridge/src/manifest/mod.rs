//! The manifest model: what tools a worker has, as it says itself.
//!
//! A worker names the hash of its manifest in READY and sends the manifest when asked (`$manifest`); the hash is over
//! the exact bytes, so neither side has to agree on a canonical form. Clients are checked against it when they are made.

mod json;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::body;
use crate::error::{Error, ErrorKind, Executed, Result, shown};
use crate::value::Value;
use crate::wire::limits::{MAX_HANDSHAKE, MAX_TOOLS, is_tool_name};

/// The format this crate reads.
pub const FORMAT: u32 = 1;

/// All that an adapter offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// What was loaded: `module:Class`.
    pub adapter: String,
    /// The adapter's own name.
    pub name: String,
    /// The adapter's version, when it declares one.
    #[serde(default)]
    pub version: Option<String>,
    /// Its documentation.
    #[serde(default)]
    pub description: String,
    /// Its tools, sorted by name.
    pub tools: Vec<Tool>,
}

/// One tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own in `@tool(..)`")]
pub struct Tool {
    /// What calls name it by.
    pub name: String,
    /// Its documentation.
    pub description: String,
    /// Whether it answers with a stream.
    pub streaming: bool,
    /// Whether it may be repeated when nobody knows if it ran.
    pub idempotent: bool,
    /// Its own deadline in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Its parameters in order.
    pub parameters: Vec<Parameter>,
    /// What it returns, or what its items are.
    pub returns: TypeInfo,
    /// Free labels.
    pub tags: Vec<String>,
    /// What it needs of its session, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionUse>,
    /// Its own version, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Calls of it, for documentation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Value>,
    /// Whether it changes nothing.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Whether what it changes cannot be undone.
    #[serde(skip_serializing_if = "is_false")]
    pub destructive: bool,
    /// `true`, or what to use instead, where it should not be used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Value>,
    /// Whether lists for people leave it out.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// For how many milliseconds a result is kept for calls with the same arguments, if it depends on nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_ms: Option<u64>,
    /// How the host gathers calls that it takes together, if it takes many at once. Everything else here is about one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batching>,
    /// Keys that the state of its session must have: without them Python refuses the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_variables: Vec<String>,
    /// What a call of it needs for itself while it runs, by name, and how many units of each. The pool says how many there
    /// are: [`Builder::resource`](crate::Builder::resource).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

/// How calls of a tool that takes many at once are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Batching {
    /// So many calls at most go to a worker together.
    pub max_size: u32,
    /// So many milliseconds at most a call waits for others, while there are others under way.
    pub max_wait_ms: f64,
}

/// What a tool needs of the session that it is called in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionUse {
    /// What it left in its worker: the calls of a session go to one worker.
    Affine,
    /// The same, and no other call of the session beside it, among those that say so.
    Exclusive,
    /// Nothing.
    #[default]
    #[serde(other)]
    None,
}

/// One parameter of a tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its annotation as Python would print it, `any` without one.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its JSON Schema, where the annotation has one.
    pub schema: Option<Value>,
    /// Its documentation.
    pub description: String,
    /// Whether it has no default.
    pub required: bool,
    /// The default, where it has one that can travel.
    pub default: Option<Value>,
    /// How it may be given: `positional_or_keyword`, `keyword_only`, `positional_only` or `var_keyword`.
    pub kind: String,
    /// Whether it takes a stream; the schema is that of one item.
    pub stream: bool,
}

impl Parameter {
    /// Whether it takes arguments of any name: Python's `**kwargs`.
    pub fn takes_anything(&self) -> bool {
        self.kind == "var_keyword"
    }
}

/// A type, by name and by schema.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TypeInfo {
    /// The annotation as Python would print it.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its JSON Schema.
    pub schema: Option<Value>,
}

impl Manifest {
    /// Reads the body of a `$manifest` reply and checks it against the hash that READY named.
    pub fn from_body(bytes: &[u8], expected_hash: &str) -> Result<Self> {
        let refuse = |message: String| Error::new(ErrorKind::ManifestMismatch { message }, Executed::Never);
        if bytes.len() > MAX_HANDSHAKE {
            return Err(refuse(format!("a manifest of {} bytes, the limit is {MAX_HANDSHAKE}", bytes.len())));
        }
        let actual = hash(bytes);
        if actual != expected_hash {
            return Err(refuse(format!("the worker announced manifest {expected_hash} and sent {actual}")));
        }
        let manifest: Self = body::decode(bytes)?;
        if manifest.format != FORMAT {
            return Err(refuse(format!("manifest format {}, this version reads {FORMAT}", manifest.format)));
        }
        if manifest.tools.len() > MAX_TOOLS {
            return Err(refuse(format!("{} tools, the limit is {MAX_TOOLS}", manifest.tools.len())));
        }
        if let Some(tool) = manifest.tools.iter().find(|tool| !is_tool_name(&tool.name)) {
            return Err(refuse(format!("`{}` is no tool name", shown(&tool.name))));
        }
        Ok(manifest)
    }

    /// The manifest as JSON, to be committed: `#[python_tool(manifest = "..")]` compares a trait with such a file.
    ///
    /// It ends with a newline, and of the same manifest it is always the same text. What JSON has no form for is
    /// written like this: bytes as an array of numbers, infinite floats and `NaN` as `null`, map keys that are no text
    /// as their text.
    pub fn to_json(&self) -> String {
        // A manifest is made of texts, flags and values.
        let value = Value::from_serialize(self).unwrap_or_default();
        json::pretty(&value)
    }

    /// The tool of that name.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// Whether the tool of that name, if there is one, may be repeated.
    pub fn is_idempotent(&self, name: &str) -> bool {
        self.tool(name).is_some_and(|tool| tool.idempotent)
    }

    /// The known name nearest to `name`, when one is near enough to be a typing mistake.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.tools.iter().map(|tool| tool.name.as_str()))
    }
}

/// The hash of a manifest's exact bytes: hex SHA-256.
pub fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The candidate nearest to `name` by edit distance, if it is within a third of its length.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
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
    fn a_typing_mistake_is_recognised_and_another_word_is_not() {
        let known = ["scale_array", "tokenize", "add"];
        assert_eq!(nearest("scaleArray", known), Some("scale_array"));
        assert_eq!(nearest("tokenise", known), Some("tokenize"));
        assert_eq!(nearest("delete_everything", known), None);
    }

    #[test]
    fn what_a_tool_needs_of_its_session_is_nothing_unless_it_is_a_word_that_is_known() {
        let needs = |said: Value| {
            let tool = Value::Map(vec![("name".into(), "t".into()), ("session".into(), said)]);
            tool.to::<Tool>().unwrap().session
        };
        assert_eq!(needs("affine".into()), Some(SessionUse::Affine));
        assert_eq!(needs("exclusive".into()), Some(SessionUse::Exclusive));
        assert_eq!((needs("something new".into()), needs(Value::Nil)), (Some(SessionUse::None), None));
    }

    #[test]
    fn a_manifest_whose_bytes_do_not_have_the_announced_hash_is_refused() {
        let error = Manifest::from_body(b"\x80", "0000").unwrap_err();
        assert_eq!(error.code(), "manifest_mismatch");
    }
}
