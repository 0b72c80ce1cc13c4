//! Rust closures among the arguments of a call, which Python calls while it runs.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::{FutureExt, ready};
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::catalogue::Registered;
use super::generated::blocking;
use super::{Answer, Descriptor, HostTool, ToolContext, ToolError};
use crate::body::{self, Function, Received, attach, serialize_extension};
use crate::error::{Error, Result};
use crate::link::PendingCall;
use crate::wire::Limits;

/// What Python calls functions of the host by: this and the number.
const TARGET: &str = "$callback.";
/// The extension type of a function among the arguments of a call.
const FUNCTION: u8 = 8;
/// Functions among the arguments of one call.
const MAX_FUNCTIONS: usize = 16;

/// A Rust closure as an argument of a call: in Python a function, which can be called while the call runs.
///
/// Arguments are decoded into the closure's parameters by their places; where Python names them, they are the fields of its
/// only parameter. An error becomes Python's `HostToolError` with its code, as that of a [`#[tool]`](macro@crate::tool); a
/// panic one of code `panic`, and harms nobody. Python may call it from several threads or coroutines at once: 16 at a time,
/// and 10 000 times in one call. When the call is over it is `call_ended`, wherever Python has put it.
///
/// ```no_run
/// # use snakebridge::prelude::*;
/// # async fn example(bridge: Bridge) -> Result<()> {
/// let score = Callback::new(|word: String, weight: f64| Ok(f64::from(word.len() as u32) * weight));
/// let best: String = bridge.call("best_word", args! { text: "to be or not", score: &score }).await?;
///
/// let look_up = Callback::new_async(|name: String| async move {
///     if name == "tea" { Ok(3) } else { Err(ToolError::new("unknown", format!("no `{name}`"))) }
/// });
/// let prices: Vec<u32> = bridge.call("prices", args! { names: ["tea"], look_up: look_up }).await?;
/// # let _ = (best, prices);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Callback(Function);

/// A closure of at most six parameters that can be decoded. `A` are their types, and `R` is what it returns.
#[diagnostic::on_unimplemented(
    message = "this is no closure that Python can call",
    note = "expected a closure of at most six parameters with types, each `DeserializeOwned`, that returns \
            `Result<T, ToolError>` with `T: Serialize`, or for `new_async` a future of that"
)]
pub trait CallbackFunction<A, R>: Send + Sync + 'static {
    /// Runs it with the arguments in the body of a CALL.
    ///
    /// # Errors
    /// When they do not fit.
    #[doc(hidden)]
    fn run(&self, arguments: &[u8]) -> Result<R>;
}

impl Callback {
    /// A closure that answers at once.
    pub fn new<A, T: Serialize>(function: impl CallbackFunction<A, Result<T, ToolError>>) -> Self {
        Self(Function::new(move |arguments| ready(function.run(&arguments).and_then(encoded)).boxed()))
    }

    /// A closure that takes its time on its thread: it is run where that does no harm. It runs to its end, whoever waits.
    pub fn new_blocking<A, T: Serialize>(function: impl CallbackFunction<A, Result<T, ToolError>>) -> Self {
        let function = Arc::new(function);
        Self(Function::new(move |arguments| {
            let function = Arc::clone(&function);
            blocking(move || function.run(&arguments).and_then(encoded)).boxed()
        }))
    }

    /// A closure that returns a future, which is dropped when nobody waits for it any more.
    pub fn new_async<A, T: Serialize + 'static, F>(function: impl CallbackFunction<A, F>) -> Self
    where
        F: Future<Output = Result<T, ToolError>> + Send + 'static,
    {
        Self(Function::new(move |arguments| match function.run(&arguments) {
            Ok(future) => future.map(encoded).boxed(),
            Err(error) => ready(Err(error)).boxed(),
        }))
    }
}

fn encoded<T: Serialize>(result: Result<T, ToolError>) -> Result<Bytes> {
    body::encode(&result?)
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback(..)")
    }
}

/// As an argument of a call, and nowhere else.
impl Serialize for Callback {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut number = 0;
        let is_argument = attach(|attached| {
            attached.functions.push(self.0.clone());
            number = attached.functions.len();
        });
        match u8::try_from(number) {
            _ if !is_argument => Err(S::Error::custom("a function can only be an argument of a call of Python")),
            // So small that it is its own encoding.
            Ok(byte) if number <= MAX_FUNCTIONS => serialize_extension(serializer, FUNCTION, &[byte]),
            _ => Err(S::Error::custom("more than 16 of the arguments are functions")),
        }
    }
}

macro_rules! callback_functions {
    ($($count:literal: $($name:ident)*;)+) => {
        $(
            #[allow(non_snake_case, reason = "each argument is named as its type")]
            impl<Closure, R, $($name),*> CallbackFunction<($($name,)*), R> for Closure
            where
                Closure: Fn($($name),*) -> R + Send + Sync + 'static,
                $($name: DeserializeOwned,)*
            {
                fn run(&self, arguments: &[u8]) -> Result<R> {
                    let places = Received::parse(arguments, &Limits::default())?.places::<$count>()?;
                    let [$($name),*] = places;
                    $(let $name = body::decode::<$name>($name).map_err(misfit)?;)*
                    Ok(self($($name),*))
                }
            }
        )+
    };
}
callback_functions! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
}

/// What Python gave is at fault, and nothing ran.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn misfit(error: Error) -> Error {
    Error::invalid_argument(format!("an argument of the function: {}", error.kind()))
}

/// The function that `call` lent to its worker under the name `target`, as a tool.
pub(super) fn lent(call: &PendingCall, target: &str) -> Option<Registered> {
    let number: usize = target.strip_prefix(TARGET)?.parse().ok()?;
    let function = call.functions.get(number.checked_sub(1)?)?.clone();
    let tool = Lent { function, name: format!("function {number}") };
    Some(Registered { descriptor: Arc::new(tool.descriptor()), tool: Arc::new(tool) })
}

struct Lent {
    function: Function,
    name: String,
}

impl HostTool for Lent {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.name.clone())
    }

    fn call(&self, _: ToolContext, arguments: Bytes) -> Answer {
        Answer::Value(self.function.call(arguments))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::body::Arguments;
    use crate::error::{ErrorKind, Executed};

    #[derive(Deserialize)]
    struct Point {
        x: i64,
        y: i64,
    }

    async fn call(callback: &Callback, arguments: Arguments) -> Result<i64> {
        body::decode(&callback.0.call(arguments.finish()?.body.into()).await?)
    }

    #[tokio::test]
    async fn arguments_come_by_their_places_or_are_the_fields_of_the_only_one() {
        let add = Callback::new(|a: i64, b: i64| Ok(a + b));
        assert_eq!(call(&add, (40, 2).into()).await.unwrap(), 42);
        let sum = Callback::new_async(|point: Point| async move { Ok(point.x + point.y) });
        assert_eq!(call(&sum, Arguments::new().named("x", &1).named("y", &2)).await.unwrap(), 3);
        let none = Callback::new_blocking(|| Ok(7));
        assert_eq!(call(&none, ().into()).await.unwrap(), 7);
        for misfit in [(1,).into(), (1, "2").into(), Arguments::new().named("a", &1), (1, 2, 3).into(), ().into()] {
            let error = call(&add, misfit).await.unwrap_err();
            assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never));
        }
    }

    #[tokio::test]
    async fn an_error_keeps_its_code_and_data() {
        let fails = Callback::new(|number: i64| -> Result<(), _> {
            Err(ToolError::new("out_of_range", format!("{number} is too much")).with_data(&number))
        });
        let error = call(&fails, (9,).into()).await.unwrap_err();
        let ErrorKind::HostTool { code, message, data } = error.kind() else { panic!("{error}") };
        assert_eq!((code.as_str(), message.as_str(), data), ("out_of_range", "9 is too much", &Some(9.into())));
    }

    #[test]
    fn a_function_is_an_argument_of_a_call_and_of_nothing_else() {
        let function = Callback::new(|| Ok(()));
        assert!(body::encode(&function).unwrap_err().to_string().contains("only be an argument"));
        let encoded = Arguments::new().positional(&function).positional(&function).finish().unwrap();
        assert_eq!(encoded.body, [0x92, 0x92, 0xd4, 8, 1, 0xd4, 8, 2, 0x80]);
        let many = Arguments::new().positional(&vec![function; 17]).finish().unwrap_err();
        assert!(many.to_string().contains("more than 16"), "{many}");
    }
}
