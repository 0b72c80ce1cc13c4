//! A reference to an object that stays in the worker.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::origin::{OBJECT, Origin, Wanted, decodes_an_object, says};
use crate::body::{self, Arguments, PassedObject, attach, serialize_extension};
use crate::client::{Call, CallOptions, Subject, ToolStream};
use crate::error::{Error, Result};
use crate::link::ToolName;
use crate::value::Value;
use crate::value::extension::{Content, EXTENSION};

/// The longest name of a type that is kept, in bytes. A worker sends no longer one.
const TYPE_NAME: usize = 1024;

/// A Python object that stays in its worker, and what can be done with it.
///
/// It comes as the result of a call whose type says so: of [`Module::call`](super::Module::call), of a method of another
/// object, or of a tool that returns `keep(..)`. Where the result's type is anything else, the result travels. Given back as
/// an argument of a call in the same session it is the object itself again.
///
/// The object belongs to the session, and lives until the last clone of this handle is dropped or the session ends; of more
/// than [`max_references`](crate::Builder::max_references) in a session the one that was used longest ago goes. Whatever is
/// done with it after that, or when its worker is gone, is `reference_lost`, and nothing runs.
///
/// All methods return calls: with deadlines, cancellation and options as any other. Names that begin with `_` are refused.
///
/// ```no_run
/// use snakebridge::prelude::*;
///
/// # async fn example(bridge: Bridge) -> Result<()> {
/// let letters: Object = bridge.python("collections").call("Counter", ("mississippi",)).await?;
/// let most: Vec<(String, u64)> = letters.call_method("most_common", (2,)).await?;
/// assert_eq!(most, [("i".to_owned(), 4), ("s".to_owned(), 4)]);
/// assert_eq!(letters.len().await?, 4);
/// assert_eq!(letters.get_item::<u64>("p").await?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Object(Arc<Held>);

/// Released in the worker when it is dropped.
struct Held {
    /// Its number in the worker.
    number: u64,
    type_name: Box<str>,
    origin: Arc<Origin>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Ok(shared) = self.origin.caller.shared() {
            shared.sessions.releases().drop_object(&self.origin.holder, self.number);
        }
    }
}

impl Object {
    /// The name of its type when the reference was made: `collections.Counter`.
    pub fn type_name(&self) -> &str {
        &self.0.type_name
    }

    /// The worker that keeps it, by the number that [`WorkerInfo`](crate::WorkerInfo) has.
    pub fn worker(&self) -> u64 {
        self.0.origin.holder.1
    }

    /// Calls it. What it gives is awaited, if it is a coroutine.
    ///
    /// # Errors
    /// As those of any call; the exception that it raises; `unserializable` when the result cannot travel and `T` is no
    /// `Object`; `reference_lost`.
    pub fn call<T: DeserializeOwned>(&self, arguments: impl Into<Arguments>) -> Call<T> {
        self.ask("$ref.call", "()", |request| request.nested("arguments", arguments.into()))
    }

    /// Calls a method, or what attributes of attributes lead to: `"columns.to_list"`.
    ///
    /// # Errors
    /// As [`call`](Self::call); `invalid_argument` when a name begins with `_`.
    pub fn call_method<T: DeserializeOwned>(&self, name: &str, arguments: impl Into<Arguments>) -> Call<T> {
        self.ask("$ref.call", name, |request| request.named("path", name).nested("arguments", arguments.into()))
    }

    /// An attribute, or what attributes of attributes lead to.
    ///
    /// # Errors
    /// As [`call_method`](Self::call_method).
    pub fn get_attribute<T: DeserializeOwned>(&self, name: &str) -> Call<T> {
        self.ask("$ref.attr", name, |request| request.named("path", name))
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// As [`call_method`](Self::call_method).
    pub fn set_attribute<V: Serialize + ?Sized>(&self, name: &str, value: &V) -> Call<()> {
        self.ask("$ref.set_attr", name, |request| request.named("path", name).named("value", value))
    }

    /// The item under a key or an index, as `object[key]`.
    pub fn get_item<T: DeserializeOwned>(&self, key: impl Serialize) -> Call<T> {
        self.ask("$ref.item", "[]", |request| request.named("key", &key))
    }

    /// Sets the item under a key or an index.
    pub fn set_item<V: Serialize + ?Sized>(&self, key: impl Serialize, value: &V) -> Call<()> {
        self.ask("$ref.set_item", "[]", |request| request.named("key", &key).named("value", value))
    }

    /// Iterates over it: the items as a stream, which Python fills as far as there is room
    /// ([`window`](ToolStream::window)). So an iterator may be further than what was taken of the stream.
    ///
    /// What is asynchronous is iterated over on the worker's event loop, and closed when the stream ends or is dropped.
    pub fn iterate<T: DeserializeOwned>(&self) -> ToolStream<T> {
        let request = self.request(Wanted::by::<T>());
        let target = ToolName::Declared("$ref.iter");
        ToolStream::new(&self.0.origin.caller, target, request.finish(), self.options("__iter__"))
    }

    /// `len(object)`.
    pub fn len(&self) -> Call<u64> {
        self.ask("$ref.len", "__len__", |request| request)
    }

    /// `repr(object)`, of which the first 65 536 characters.
    pub fn repr(&self) -> Call<String> {
        self.ask("$ref.repr", "__repr__", |request| request)
    }

    /// The object itself, as a value: what a tool would return of it.
    ///
    /// # Errors
    /// `unserializable` when it cannot travel, or does not fit `T`.
    pub fn value<T: DeserializeOwned>(&self) -> Call<T> {
        self.ask("$ref.attr", "", |request| request)
    }

    /// Enters it as a context manager; the result is what `with object as ..` gives. See [`with`](Self::with).
    pub fn enter<T: DeserializeOwned>(&self) -> Call<T> {
        self.ask("$ref.enter", "__enter__", |request| request)
    }

    /// Leaves it, as a context manager that was entered; with what went wrong inside, if something did. The result is
    /// whether Python takes that as dealt with.
    pub fn exit(&self, error: Option<&str>) -> Call<bool> {
        self.ask("$ref.exit", "__exit__", |request| request.named("error", &error))
    }

    /// Enters it as a context manager, does `work` with what that gives, and leaves it, however the work ends: with its
    /// error, if it has one, which is the result all the same. When the future is dropped, it is left too, as by an error.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// # async fn example(bridge: Bridge) -> Result<()> {
    /// let file: Object = bridge.python("builtins").call("open", ("notes.txt",)).await?;
    /// let text: String = file.with(|file: Object| async move { file.call_method("read", ()).await }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of entering it, of the work, and, when that went well, of leaving it.
    pub async fn with<T, R, E, Work>(&self, work: impl FnOnce(T) -> Work) -> Result<R, E>
    where
        T: DeserializeOwned,
        E: From<Error> + fmt::Display,
        Work: Future<Output = Result<R, E>>,
    {
        let entered = self.enter().await?;
        let mut context = Entered(Some(self));
        let result = work(entered).await;
        context.0 = None;
        let error = result.as_ref().err().map(ToString::to_string);
        let left = self.exit(error.as_deref()).await;
        match (result, left) {
            (Ok(_), Err(error)) => Err(error.into()),
            (result, _) => result,
        }
    }

    fn request(&self, wanted: Wanted) -> Arguments {
        let request = Arguments::new().named("object", self);
        // It is what happens if nothing is said.
        if wanted == Wanted::Value { request } else { request.named("result", wanted.as_str()) }
    }

    fn ask<T: DeserializeOwned>(
        &self,
        target: &'static str,
        what: &str,
        complete: impl FnOnce(Arguments) -> Arguments,
    ) -> Call<T> {
        let request = complete(self.request(Wanted::by::<T>())).finish();
        Call::new(&self.0.origin.caller, ToolName::Declared(target), request, self.options(what))
    }

    /// Messages say that it is about `what` of it.
    fn options(&self, what: &str) -> CallOptions {
        let dot = if what.starts_with(|first: char| first.is_alphabetic() || first == '_') { "." } else { "" };
        let name = format!("{}{dot}{what}", self.type_name()).into();
        CallOptions { subject: Some(Subject { name, is_module: false }), ..CallOptions::default() }
    }
}

/// A context manager that is entered. It is left when this is dropped.
struct Entered<'a>(Option<&'a Object>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(object) = self.0 {
            object.exit(Some("the work inside was given up")).send_and_forget();
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} {} of worker {})", self.type_name(), self.0.number, self.worker())
    }
}

/// As an argument of a call, and nowhere else.
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Held { number, origin, .. } = &*self.0;
        let is_argument = attach(|attached| {
            attached.objects.push(PassedObject {
                pool: origin.place,
                worker: origin.holder.1,
                scope: origin.session.life(),
                handle: Arc::clone(&self.0) as _,
            });
        });
        if !is_argument {
            return Err(S::Error::custom("an object of Python can only be an argument of a call of Python"));
        }
        let data = body::encode(&(origin.session.life(), number)).map_err(S::Error::custom)?;
        serialize_extension(serializer, OBJECT, &data)
    }
}

/// Out of the result of a call, and of nothing else.
impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if says(Wanted::Object) {
            return Err(D::Error::custom("asked for an object"));
        }
        deserializer.deserialize_newtype_struct(EXTENSION, Outside)
    }
}

/// Expects an extension value: two newtypes, one inside the other, see [`extension`](crate::value::extension).
struct Outside;

impl<'de> Visitor<'de> for Outside {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Inside.expecting(f)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_any(Inside)
    }
}

struct Inside;

impl<'de> Visitor<'de> for Inside {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that stays in the worker")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        let content = Content::deserialize(deserializer)?;
        let origin = Origin::current().ok_or_else(|| {
            D::Error::custom(
                "an object where none can be: it is the result of a call in a session, which is not cached",
            )
        })?;
        let unknown = || D::Error::custom("an extension value that names no object");
        let data = content.0.strip_prefix(&[OBJECT]).ok_or_else(unknown)?;
        let (scope, number, mut type_name) = body::decode::<(u64, u64, String)>(data).map_err(|_| unknown())?;
        if scope != origin.session.life() {
            return Err(D::Error::custom("an object of another session"));
        }
        type_name.truncate(type_name.floor_char_boundary(TYPE_NAME));
        if let Ok(shared) = origin.caller.shared() {
            shared.sessions.releases().hold_object(&origin.holder);
        }
        Ok(Object(Arc::new(Held { number, type_name: type_name.into(), origin })))
    }
}

/// What a call has returned of which nobody knows the type: a value, or where that cannot travel, the object.
///
/// It says so for a whole result or item, not for a part of one.
#[derive(Debug, Clone)]
pub enum ValueOrObject {
    /// What could travel.
    Value(Value),
    /// What could not, and stays.
    Object(Object),
}

impl ValueOrObject {
    /// The value, if it is one.
    pub fn as_value(&self) -> Option<&Value> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }
}

impl<'de> Deserialize<'de> for ValueOrObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if says(Wanted::Either) {
            return Err(D::Error::custom("asked for a value or an object"));
        }
        if decodes_an_object() {
            return Object::deserialize(deserializer).map(Self::Object);
        }
        Value::deserialize(deserializer).map(Self::Value)
    }
}
