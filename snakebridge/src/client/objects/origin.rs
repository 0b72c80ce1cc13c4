//! Where a result comes from, as far as objects in it have to know: asked while it is decoded.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use serde::de::value::Error as Refusal;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

use crate::client::Caller;
use crate::session::{Holder, Identity};

/// The extension type of an object.
pub(super) const OBJECT: u8 = 5;
/// Types inside one another that are looked into. `Option<Object>` is two.
const DEPTH: u8 = 8;

/// The worker and the session that a result belongs to.
#[derive(Debug)]
pub(in crate::client) struct Origin {
    /// Makes calls of the objects in it.
    pub(super) caller: Caller,
    /// Where the pool is.
    pub(super) place: usize,
    pub(super) holder: Holder,
    pub(super) session: Arc<Identity>,
}

/// What is being decoded on this thread.
struct Decoding {
    origin: Arc<Origin>,
    /// The whole of it is one object.
    is_object: bool,
}

thread_local! {
    static DECODING: RefCell<Option<Decoding>> = const { RefCell::new(None) };
    /// Set while a type is asked what it wants to be made from; then to what it says.
    static ASKED: Cell<Option<Wanted>> = const { Cell::new(None) };
}

impl Origin {
    pub(in crate::client) fn new(
        caller: &Caller,
        place: usize,
        pool: Arc<str>,
        worker: u64,
        session: &Arc<Identity>,
    ) -> Self {
        let caller = caller.for_objects(place, session);
        Self { caller, place, holder: (pool, worker), session: Arc::clone(session) }
    }

    /// Decodes `body`, which came from there, by `decode`.
    pub(in crate::client) fn decoding<R>(self, body: &[u8], decode: impl FnOnce() -> R) -> R {
        let decoding = Decoding { origin: Arc::new(self), is_object: is_object(body) };
        let outer = DECODING.replace(Some(decoding));
        let decoded = decode();
        DECODING.set(outer);
        decoded
    }

    /// Where what is being decoded on this thread comes from.
    pub(super) fn current() -> Option<Arc<Self>> {
        DECODING.with_borrow(|decoding| decoding.as_ref().map(|decoding| Arc::clone(&decoding.origin)))
    }
}

/// Whether all that is being decoded on this thread is one object.
pub(super) fn decodes_an_object() -> bool {
    DECODING.with_borrow(|decoding| decoding.as_ref().is_some_and(|decoding| decoding.is_object))
}

/// Whether a body is an extension value of the type of objects.
fn is_object(body: &[u8]) -> bool {
    let code = match body {
        [0xd4..=0xd8, code, ..] | [0xc7, _, code, ..] | [0xc8, _, _, code, ..] | [0xc9, _, _, _, _, code, ..] => *code,
        _ => return false,
    };
    code == OBJECT
}

/// How a result is to travel, as the worker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// As a value.
    Value,
    /// It stays there.
    Object,
    /// As a value, if that is possible.
    Either,
}

impl Wanted {
    /// What `T` is made from.
    pub(super) fn by<T: DeserializeOwned>() -> Self {
        let outer = ASKED.replace(Some(Self::Value));
        // What it is given says nothing, so it fails; what counts is whether it says something before.
        let _ = T::deserialize(Nothing { depth: DEPTH });
        ASKED.replace(outer).unwrap_or(Self::Value)
    }

    /// In a request.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Object => "object",
            Self::Either => "either",
        }
    }
}

/// A type says what it wants to be made from. True if it was only asked, and is not to be made.
pub(super) fn says(wanted: Wanted) -> bool {
    let is_asked = ASKED.get().is_some();
    if is_asked {
        ASKED.set(Some(wanted));
    }
    is_asked
}

/// Nothing to be made from. It goes through what has one thing inside, and no further.
struct Nothing {
    depth: u8,
}

impl Nothing {
    fn inner(self) -> Result<Self, Refusal> {
        self.depth.checked_sub(1).map(|depth| Self { depth }).ok_or_else(|| Refusal::custom("too deep"))
    }
}

impl<'de> Deserializer<'de> for Nothing {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refusal> {
        Err(Refusal::custom("nothing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self.inner()?)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self.inner()?)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::client::{Object, ValueOrObject};
    use crate::value::Value;

    #[derive(Deserialize)]
    struct Wrapped(#[expect(dead_code, reason = "its type is what counts")] Object);

    #[derive(Deserialize)]
    struct Endless(#[expect(dead_code, reason = "its type is what counts")] Option<Box<Endless>>);

    #[test]
    fn a_type_says_whether_it_is_made_from_an_object() {
        assert_eq!(Wanted::by::<Object>(), Wanted::Object);
        assert_eq!(Wanted::by::<Option<Object>>(), Wanted::Object);
        assert_eq!(Wanted::by::<Wrapped>(), Wanted::Object);
        assert_eq!(Wanted::by::<ValueOrObject>(), Wanted::Either);
        assert_eq!(Wanted::by::<Endless>(), Wanted::Value);
        assert_eq!(Wanted::by::<(i64, Value)>(), Wanted::Value);
        assert_eq!(Wanted::by::<()>(), Wanted::Value);
    }

    #[test]
    fn an_object_is_recognised_by_its_extension_type_in_every_form() {
        assert!(is_object(&[0xd6, 5, 0, 0, 0, 0]) && is_object(&[0xc7, 3, 5, 0x92, 1, 2]));
        assert!(is_object(&[0xc8, 0, 1, 5, 0]) && is_object(&[0xc9, 0, 0, 0, 1, 5, 0]));
        assert!(!is_object(&[0xd6, 6, 0, 0, 0, 0]) && !is_object(&[0x91, 0xd4, 5, 0]) && !is_object(&[]));
    }
}
