//! What tools in the Elixir style take and return.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::value::Value;

/// What a tool in the Elixir style returns: `{:ok, value}` or `{:error, reason}`, both values.
///
/// Python may take it apart (`ctx.tools.parse_json.tagged(..)` gives `("ok", value)` or `("error", reason)`); an ordinary call
/// returns the value, or raises an exception whose `data` is the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[must_use = "an outcome says whether the tool has failed"]
pub enum Outcome<T, R = String> {
    /// It went well.
    Ok(T),
    /// It did not, for this reason.
    Error(R),
}

impl<T, R> Outcome<T, R> {
    /// The value, or the reason as an error.
    ///
    /// # Errors
    /// With the reason, when it did not go well.
    pub fn into_result(self) -> std::result::Result<T, R> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Error(reason) => Err(reason),
        }
    }
}

impl<T, R> From<std::result::Result<T, R>> for Outcome<T, R> {
    fn from(result: std::result::Result<T, R>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(reason) => Self::Error(reason),
        }
    }
}

/// The parameters of a call, whatever they are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, Value>);

impl Params {
    /// The parameter of this name.
    ///
    /// # Errors
    /// `InvalidArgument` when it is missing, or does not fit the type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.optional(name)?.ok_or_else(|| {
            let given: Vec<&str> = self.0.keys().map(String::as_str).collect();
            Error::invalid_argument(format!("parameter `{name}` is missing; given were `{}`", given.join("`, `")))
        })
    }

    /// The parameter of this name, or `None` when it was left out or is nil.
    ///
    /// # Errors
    /// `InvalidArgument` when it does not fit the type.
    pub fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_nil()) else { return Ok(None) };
        let misfit = |error: Error| Error::invalid_argument(format!("parameter `{name}`: {}", error.kind()));
        let bytes = crate::body::encode(value).map_err(misfit)?;
        crate::body::decode(&bytes).map(Some).map_err(misfit)
    }

    /// The names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_typed_when_they_are_taken() {
        let params = Params(BTreeMap::from([("a".to_owned(), Value::from(7)), ("b".to_owned(), Value::Nil)]));
        assert_eq!(params.get::<u8>("a").unwrap(), 7);
        assert_eq!(params.optional::<String>("b").unwrap(), None);
        let missing = params.get::<u8>("c").unwrap_err().to_string();
        assert_eq!(missing, "parameter `c` is missing; given were `a`, `b`");
        let misfit = params.get::<String>("a").unwrap_err().to_string();
        assert!(misfit.starts_with("parameter `a`: "), "{misfit}");
    }
}
