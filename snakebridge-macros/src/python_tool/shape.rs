//! What the tokens of a type show of its values, as far as a manifest can be compared with them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Path, PathSegment, Type};

use crate::types::{arguments, last_segment, referenced};

/// The same as `snakebridge::client::Shape`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Nothing: a type whose name is not among those below.
    Unknown,
    Nil,
    Bool,
    Int,
    Float,
    Text,
    Bytes,
    Optional(Box<Shape>),
    List(Box<Shape>),
    Map(Box<Shape>, Box<Shape>),
}

impl Shape {
    /// What a type's tokens show. It goes by names, and so does not see through aliases.
    pub(super) fn of(ty: &Type) -> Self {
        match referenced(ty) {
            Type::Reference(_) => Self::of(referenced(ty)),
            Type::Tuple(tuple) if tuple.elems.is_empty() => Self::Nil,
            Type::Slice(slice) => Self::List(Box::new(Self::of(&slice.elem))),
            Type::Array(array) => Self::List(Box::new(Self::of(&array.elem))),
            Type::Path(path) if path.qself.is_none() => path.path.segments.last().map_or(Self::Unknown, Self::named),
            _ => Self::Unknown,
        }
    }

    fn named(segment: &PathSegment) -> Self {
        let arguments = arguments(segment);
        let name = segment.ident.to_string();
        match (name.as_str(), arguments.as_slice()) {
            ("bool", []) => Self::Bool,
            ("i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize", []) => Self::Int,
            ("f32" | "f64", []) => Self::Float,
            ("str" | "String" | "char", []) => Self::Text,
            ("Bytes", []) => Self::Bytes,
            ("Option", [inner]) => Self::Optional(Box::new(Self::of(inner))),
            // Maps and sets may name their hasher.
            ("Vec" | "VecDeque" | "LinkedList" | "BTreeSet" | "BinaryHeap", [item]) | ("HashSet", [item, ..]) => {
                Self::List(Box::new(Self::of(item)))
            }
            ("BTreeMap", [key, value]) | ("HashMap", [key, value, ..]) => {
                Self::Map(Box::new(Self::of(key)), Box::new(Self::of(value)))
            }
            ("Box" | "Rc" | "Arc" | "Cow", [inner]) => Self::of(inner),
            _ => Self::Unknown,
        }
    }

    /// The expression that makes `snakebridge::client::Shape` of it.
    pub(super) fn tokens(&self, krate: &Path) -> TokenStream {
        let shape = match self {
            Self::Unknown => quote!(Unknown),
            Self::Nil => quote!(Nil),
            Self::Bool => quote!(Bool),
            Self::Int => quote!(Int),
            Self::Float => quote!(Float),
            Self::Text => quote!(Text),
            Self::Bytes => quote!(Bytes),
            Self::Optional(inner) => {
                let inner = inner.tokens(krate);
                quote!(Optional(&#inner))
            }
            Self::List(item) => {
                let item = item.tokens(krate);
                quote!(List(&#item))
            }
            Self::Map(key, value) => {
                let (key, value) = (key.tokens(krate), value.tokens(krate));
                quote!(Map(&#key, &#value))
            }
        };
        quote!(#krate::client::Shape::#shape)
    }
}

/// The value of a `Result`: the first argument of a type that is called so. An alias by another name shows nothing.
pub(super) fn result_value(ty: &Type) -> Option<&Type> {
    last_segment(ty).filter(|last| last.ident == "Result").and_then(|last| arguments(last).first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape::of(&syn::parse_str(text).unwrap())
    }

    fn list(item: Shape) -> Shape {
        Shape::List(Box::new(item))
    }

    #[test]
    fn plain_types_are_known_by_their_names() {
        for (shown, types) in [
            (Shape::Nil, vec!["()", "&()"]),
            (Shape::Bool, vec!["bool", "::core::primitive::bool"]),
            (Shape::Int, vec!["u8", "i64", "usize", "&u32"]),
            (Shape::Float, vec!["f64", "f32", "(f64)"]),
            (Shape::Text, vec!["String", "&str", "&'static str", "char", "Cow<'_, str>", "std::string::String"]),
            (Shape::Bytes, vec!["Bytes", "&Bytes", "snakebridge::Bytes"]),
        ] {
            for ty in types {
                assert_eq!(shape(ty), shown, "{ty}");
            }
        }
    }

    #[test]
    fn containers_show_what_is_in_them() {
        for ty in ["Vec<f64>", "&[f64]", "[f64; 3]", "&Vec<f64>", "HashSet<f64>", "BTreeSet<f64>", "Box<[f64]>"] {
            assert_eq!(shape(ty), list(Shape::Float), "{ty}");
        }
        assert_eq!(shape("Option<&str>"), Shape::Optional(Box::new(Shape::Text)));
        let map = Shape::Map(Box::new(Shape::Text), Box::new(list(Shape::Int)));
        for ty in
            ["HashMap<String, Vec<u8>>", "std::collections::BTreeMap<&str, &[u8]>", "&HashMap<String, [u8; 4], S>"]
        {
            assert_eq!(shape(ty), map, "{ty}");
        }
    }

    #[test]
    fn other_types_show_nothing() {
        for ty in ["Report", "Vec", "Option<A, B>", "(u8, u8)", "i128", "<T as Trait>::Item", "fn(u8)", "Value", "Self"]
        {
            assert_eq!(shape(ty), Shape::Unknown, "{ty}");
        }
    }

    #[test]
    fn the_value_of_a_result_is_its_first_argument() {
        let value = |text: &str| result_value(&syn::parse_str(text).unwrap()).map(Shape::of);
        assert_eq!(value("Result<f64>"), Some(Shape::Float));
        assert_eq!(value("std::result::Result<(), Error>"), Some(Shape::Nil));
        assert_eq!(value("Answer<f64>"), None);
        assert_eq!(value("Result"), None);
    }
}
