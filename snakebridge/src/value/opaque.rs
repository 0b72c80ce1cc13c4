//! What could not be encoded.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::Value;
use super::extension::{Extension, code, serde_by_extension};
use crate::wire::msgpack::{Reader, Token, put_map, put_nil, put_str};

/// The mark that Python leaves for an object that has no form on the wire, where its tool asks for that instead of an error:
/// `@tool(unserializable="type")`, say.
///
/// Sent back, it is such a mark again, and never the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// The type of the object, as Python names it: `threading.Thread`.
    pub type_name: String,
    /// What `repr` gives for it, in as much as the tool lets out.
    pub repr: Option<String>,
}

/// The readable form.
#[derive(Serialize)]
struct Readable<'a> {
    #[serde(rename = "type")]
    type_name: &'a str,
    repr: Option<&'a str>,
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Some(text) => f.write_str(text),
            None => write!(f, "<{}>", self.type_name),
        }
    }
}

impl Extension for Opaque {
    const CODE: i8 = 7;
    const NAME: &'static str = "the mark of an object that has no form on the wire";

    fn content(&self) -> Cow<'_, [u8]> {
        let mut content = vec![code(Self::CODE)];
        put_map(&mut content, 2);
        put_str(&mut content, "type");
        put_str(&mut content, &self.type_name);
        put_str(&mut content, "repr");
        match &self.repr {
            Some(text) => put_str(&mut content, text),
            None => put_nil(&mut content),
        }
        content.into()
    }

    fn from_data(data: &[u8]) -> Result<Self, String> {
        let wrong = |_| "a mark that is no map of texts".to_owned();
        let (mut type_name, mut repr) = (None, None);
        let mut reader = Reader::new(data);
        for _ in 0..reader.map().map_err(wrong)? {
            let entry = match reader.str().map_err(wrong)? {
                "type" => &mut type_name,
                "repr" => &mut repr,
                // Of a later version.
                _ => {
                    reader.value(1, 1000).map_err(wrong)?;
                    continue;
                }
            };
            *entry = match reader.token().map_err(wrong)? {
                Token::Str(text) => Some(text.to_owned()),
                Token::Nil => None,
                _ => return Err("a mark that is no map of texts".to_owned()),
            };
        }
        match type_name {
            Some(type_name) if reader.position() == data.len() => Ok(Self { type_name, repr }),
            _ => Err("a mark that is not a type and at most its `repr`".to_owned()),
        }
    }

    fn serialize_readable<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Readable { type_name: &self.type_name, repr: self.repr.as_deref() }.serialize(serializer)
    }

    fn from_natural(value: Value) -> Result<Self, String> {
        match value["type"].as_str() {
            Some(type_name) => {
                Ok(Self { type_name: type_name.to_owned(), repr: value["repr"].as_str().map(str::to_owned) })
            }
            None => Err(format!("expected {}, got {}", Self::NAME, value.kind())),
        }
    }
}

serde_by_extension!(Opaque);

impl From<Opaque> for Value {
    fn from(mark: Opaque) -> Self {
        Self::Opaque(mark)
    }
}
