//! JSON Schemas of Rust types: of those that have schemars' `JsonSchema`, and with the feature `schema`.
//!
//! Generated code cannot know whether a type has a schema, nor which features of this crate are on. It asks a
//! [`Probe`]: where the type has a schema the probe's own method is called, and elsewhere the method of the same name
//! of [`NoSchema`], which Rust takes when no other one fits.

use std::marker::PhantomData;

use crate::value::Value;

/// Asks a type for its JSON Schema.
///
/// ```
/// use snakebridge::schema::{NoSchema as _, Probe};
///
/// struct WithoutSchema;
/// assert_eq!(Probe::<WithoutSchema>::new().serialized(), None);
/// ```
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> Probe<T> {
    /// A probe of `T`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: ?Sized> Default for Probe<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> std::fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Probe<{}>", std::any::type_name::<T>())
    }
}

/// What a [`Probe`] says of a type without a schema.
pub trait NoSchema {
    /// The schema of the values that the type is encoded as: none is known.
    fn serialized(&self) -> Option<Value> {
        None
    }

    /// The schema of the values that the type is decoded from: none is known.
    fn deserialized(&self) -> Option<Value> {
        None
    }

    /// The schema of the values that the value of a `Result` is decoded from: none is known.
    fn returned(&self) -> Option<Value> {
        None
    }
}

impl<T: ?Sized> NoSchema for Probe<T> {}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema + ?Sized> Probe<T> {
    /// The schema of the values that the type is encoded as.
    pub fn serialized(&self) -> Option<Value> {
        schema::<T>(schemars::generate::SchemaSettings::for_serialize)
    }

    /// The schema of the values that the type is decoded from.
    pub fn deserialized(&self) -> Option<Value> {
        schema::<T>(schemars::generate::SchemaSettings::for_deserialize)
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema, E> Probe<std::result::Result<T, E>> {
    /// The schema of the values that the value of this `Result` is decoded from.
    pub fn returned(&self) -> Option<Value> {
        Probe::<T>::new().deserialized()
    }
}

#[cfg(feature = "schema")]
fn schema<T: schemars::JsonSchema + ?Sized>(
    contract: fn(schemars::generate::SchemaSettings) -> schemars::generate::SchemaSettings,
) -> Option<Value> {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let schema = contract(settings).into_generator().into_root_schema_for::<T>();
    Value::from_serialize(&schema).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Opaque;

    #[test]
    fn a_type_without_a_schema_has_none() {
        assert_eq!(Probe::<Opaque>::new().serialized(), None);
        assert_eq!(Probe::<Opaque>::new().deserialized(), None);
        assert_eq!(Probe::<Result<Opaque, Opaque>>::new().returned(), None);
        assert_eq!(Probe::<bool>::new().returned(), None, "it is no `Result`");
    }

    #[cfg(feature = "schema")]
    #[test]
    fn a_type_with_a_schema_has_it_for_each_direction() {
        let of_numbers = Value::from_serialize(&serde_json::json!({"type": "array", "items": {"type": "string"}}));
        let probed = Probe::<[String]>::new().serialized().unwrap();
        assert_eq!(probed["items"], of_numbers.unwrap()["items"]);
        assert_eq!(Probe::<Option<bool>>::new().deserialized().unwrap()["type"][1].as_str(), Some("null"));
        assert_eq!(Probe::<Result<bool, Opaque>>::new().returned().unwrap()["type"].as_str(), Some("boolean"));
    }
}
