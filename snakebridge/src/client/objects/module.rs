//! Modules of Python, used without an adapter.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;

use super::origin::Wanted;
use crate::body::Arguments;
use crate::client::{Call, CallOptions, Caller, Subject};
use crate::error::Result;
use crate::link::ToolName;
use crate::session::{Affinity, Identity, SessionName, Sessions};

/// A module of Python, whose functions are called without an adapter. Made by [`Bridge::python`](crate::Bridge::python) and
/// [`Session::python`](crate::Session::python), where the pool allows it.
///
/// Made from a bridge, it has a session of its own, which begins with its first call and ends when neither it nor any
/// [`Object`](super::Object) that came of it is left; when it has expired, the next call begins another. All calls of a
/// session go to one worker, so that what they leave there can be used together; when that worker is gone, the next call goes
/// to another.
///
/// ```no_run
/// use snakebridge::prelude::*;
///
/// # async fn example() -> Result<()> {
/// let bridge = Bridge::builder().python_modules(["math", "os"]).start().await?;
/// let root: f64 = bridge.python("math").call("sqrt", (16.0,)).await?;
/// let path: String = bridge.python("os").call("path.join", ("a", "b")).await?;
/// let pi: f64 = bridge.python("math").get_attribute("pi").await?;
/// # let _ = (root, path, pi);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Module {
    name: Arc<str>,
    caller: Caller,
    /// Its own session, if it is not the caller's.
    own: Option<Arc<Mutex<Option<Arc<OwnSession>>>>>,
}

/// A session that ends when nobody uses it any more.
pub(in crate::client) struct OwnSession {
    sessions: Sessions,
    identity: Arc<Identity>,
}

impl fmt::Debug for OwnSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnSession({:?})", self.identity.id())
    }
}

impl Drop for OwnSession {
    fn drop(&mut self) {
        self.sessions.close_own(&self.identity);
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Module({})", self.name)
    }
}

impl Caller {
    /// A module of Python, which calls through this: in its session, if it has one.
    pub fn python(&self, module: &str) -> Module {
        let own = self.session.is_none().then(Arc::default);
        Module { name: module.into(), caller: self.clone(), own }
    }
}

impl Module {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls a function or class, or what attributes of attributes lead to: `"path.join"`. What it gives is awaited, if it is
    /// a coroutine.
    ///
    /// # Errors
    /// As those of any call; the exception that it raises, or that importing the module raises; `invalid_argument` when the
    /// pool does not allow the module, or a name begins with `_`; `unserializable` when the result cannot travel and `T` is no
    /// [`Object`](super::Object).
    pub fn call<T: DeserializeOwned>(&self, function: &str, arguments: impl Into<Arguments>) -> Call<T> {
        self.ask("$ref.call", function, |request| request.nested("arguments", arguments.into()))
    }

    /// An attribute, or what attributes of attributes lead to.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn get_attribute<T: DeserializeOwned>(&self, name: &str) -> Call<T> {
        self.ask("$ref.attr", name, |request| request)
    }

    fn ask<T: DeserializeOwned>(
        &self,
        target: &'static str,
        path: &str,
        complete: impl FnOnce(Arguments) -> Arguments,
    ) -> Call<T> {
        let request = Arguments::new().named("module", &*self.name).named("path", path);
        let request = complete(request.named("result", Wanted::by::<T>().as_str())).finish();
        let options = CallOptions {
            affinity: Some(Affinity::StrictQueue),
            subject: Some(Subject { name: format!("{}.{path}", self.name).into(), is_module: true }),
            ..CallOptions::default()
        };
        let (caller, request) = match self.caller() {
            Ok(caller) => (caller, request),
            Err(error) => (self.caller.clone(), Err(error)),
        };
        Call::new(&caller, ToolName::Declared(target), request, options)
    }

    /// What makes its calls: in its own session, which is there now.
    fn caller(&self) -> Result<Caller> {
        let Some(own) = &self.own else { return Ok(self.caller.clone()) };
        let sessions = &self.caller.shared()?.sessions;
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        let living = own.take().filter(|own| sessions.touch(&own.identity).is_ok());
        let begin = || -> Result<_> {
            let identity = sessions.create_own(&format!("python-{}", self.name))?;
            Ok(Arc::new(OwnSession { sessions: sessions.clone(), identity }))
        };
        let session = living.map_or_else(begin, Ok)?;
        let name = SessionName::known(&session.identity);
        *own = Some(Arc::clone(&session));
        Ok(Caller { session: Some(name), _lease: Some(session), ..self.caller.clone() })
    }
}
