//! The arguments of one call, as a tool's parameters.

use serde::de::DeserializeOwned;

use crate::body::{self, Received};
use crate::error::{Error, Result};
use crate::tools::ToolParameter;
use crate::tools::introspect::parameters_of;
use crate::value::Value;
use crate::wire::Limits;

/// What a parameter of a tool may be: what Python sends is decoded into it.
#[diagnostic::on_unimplemented(
    message = "Python cannot give a `{Self}`: it is not `Deserialize`",
    label = "a parameter of a tool comes from Python",
    note = "derive it with `#[derive(serde::Deserialize)]`; a value of the host's is `#[py(state)] name: &T`"
)]
pub trait ToolArgument: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ToolArgument for T {}

/// What a parameter that may be left out is then.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no default: it is not `Default`",
    label = "`#[py(default)]` needs one",
    note = "write the value: `#[py(default = ..)]`"
)]
pub trait DefaultArgument: ToolArgument + Default {}

#[diagnostic::do_not_recommend]
impl<T: ToolArgument + Default> DefaultArgument for T {}

/// The arguments of one call, taken out one after the other in the order of the tool's parameters.
///
/// Whatever does not fit is refused before the tool runs, naming the tool, the argument and the Rust type.
#[derive(Debug)]
pub struct Arguments<'a> {
    tool: &'static str,
    parameters: &'static [&'static str],
    bound: std::vec::IntoIter<Option<&'a [u8]>>,
}

impl<'a> Arguments<'a> {
    /// Matches the body of a CALL with the parameters of `tool`.
    pub fn bind(tool: &'static str, parameters: &'static [&'static str], body: &'a [u8]) -> Result<Self> {
        let bound = Received::parse(body, &Limits::default())
            .and_then(|received| received.bind(parameters))
            .map_err(|error| Error::invalid_argument(format!("tool `{tool}`: {}", error.kind())))?;
        Ok(Self { tool, parameters, bound: bound.into_iter() })
    }

    /// The next argument, which must be there.
    pub fn required<T: ToolArgument>(&mut self) -> Result<T> {
        let (name, value) = self.next();
        match value {
            Some(value) => self.decode(name, value),
            None => Err(self.misfit(name, &format!("it is missing; expected `{}`", std::any::type_name::<T>()))),
        }
    }

    /// The next argument, or what `default` makes when it was left out.
    pub fn or_else<T: ToolArgument>(&mut self, default: impl FnOnce() -> T) -> Result<T> {
        let (name, value) = self.next();
        value.map_or_else(|| Ok(default()), |value| self.decode(name, value))
    }

    /// The next argument, or its type's default when it was left out.
    pub fn or_default<T: DefaultArgument>(&mut self) -> Result<T> {
        self.or_else(T::default)
    }

    fn next(&mut self) -> (&'static str, Option<&'a [u8]>) {
        let index = self.parameters.len() - self.bound.len();
        let name = self.parameters.get(index).copied().unwrap_or_default();
        (name, self.bound.next().flatten())
    }

    fn decode<T: DeserializeOwned>(&self, name: &str, value: &[u8]) -> Result<T> {
        body::decode(value).map_err(|error| self.misfit(name, error.kind()))
    }

    fn misfit(&self, name: &str, why: &dyn std::fmt::Display) -> Error {
        Error::invalid_argument(format!("tool `{}`: argument `{name}`: {why}", self.tool))
    }
}

/// The parameters of a tool in the Elixir style: all named arguments as one value.
///
/// What can be done with them is looked up where they are made, so that a type which cannot hold them is refused in the same
/// words wherever that is, and so once.
#[derive(Debug)]
pub struct Parameters<T> {
    described: fn(Option<&Value>) -> (Vec<ToolParameter>, bool),
    taken: fn(&str, &[u8]) -> Result<T>,
}

/// The parameters that `T` holds.
pub fn parameters<T: ToolArgument>() -> Parameters<T> {
    Parameters { described: parameters_of::<T>, taken }
}

impl<T> Parameters<T> {
    /// What they are, from the schema of the type where it has one, and whether it takes others too.
    pub fn described(self, schema: Option<&Value>) -> (Vec<ToolParameter>, bool) {
        (self.described)(schema)
    }

    /// The arguments of one call.
    pub fn taken(self, tool: &str, body: &[u8]) -> Result<T> {
        (self.taken)(tool, body)
    }
}

fn taken<T: DeserializeOwned>(tool: &str, body: &[u8]) -> Result<T> {
    let misfit = |why: &dyn std::fmt::Display| Error::invalid_argument(format!("tool `{tool}`: {why}"));
    let limits = Limits::default();
    let named = Received::parse(body, &limits).and_then(Received::all_named).map_err(|error| misfit(error.kind()))?;
    body::decode(named).map_err(|error| misfit(error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Arguments as Sent;

    const PARAMETERS: &[&str] = &["text", "times"];

    fn take(sent: Sent) -> Result<(String, u8)> {
        let body = sent.finish()?.body;
        let mut arguments = Arguments::bind("repeat", PARAMETERS, &body)?;
        Ok((arguments.required()?, arguments.or_else(|| 3)?))
    }

    #[test]
    fn arguments_come_in_the_order_of_the_parameters_and_defaults_fill_gaps() {
        assert_eq!(take(Sent::new().named("times", &2).named("text", "a")).unwrap(), ("a".to_owned(), 2));
        assert_eq!(take(Sent::new().positional("a")).unwrap(), ("a".to_owned(), 3));
    }

    #[test]
    fn a_misfit_names_the_tool_the_argument_and_the_type_and_nothing_ran() {
        let refused = |sent| {
            let error = take(sent).unwrap_err();
            assert_eq!((error.code(), error.executed()), ("invalid_argument", crate::error::Executed::Never));
            error.to_string()
        };
        assert_eq!(
            refused(Sent::new()),
            "tool `repeat`: argument `text`: it is missing; expected `alloc::string::String`"
        );
        let wrong = refused(Sent::new().named("text", "a").named("times", "twice"));
        assert_eq!(wrong, "tool `repeat`: argument `times`: expected `u8`, got a string");
        assert_eq!(
            refused(Sent::new().named("texts", "a")),
            "tool `repeat`: unknown argument `texts`; it takes `text`, `times`"
        );
    }

    #[test]
    fn parameters_in_the_elixir_style_are_one_value_and_have_names() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Repeat {
            text: String,
            times: Option<u8>,
        }

        let taken = |sent: Sent| parameters::<Repeat>().taken("repeat", &sent.finish()?.body);
        let repeat = |times| Repeat { text: "a".to_owned(), times };
        assert_eq!(taken(Sent::new().named("text", "a")).unwrap(), repeat(None));
        assert_eq!(taken(Sent::new().named("times", &2).named("text", "a")).unwrap(), repeat(Some(2)));
        for (sent, why) in [
            (Sent::new(), "got a map without the field `text`"),
            (Sent::new().named("text", &1), "got integer `1` at `text`"),
            (Sent::new().positional("a"), "1 positional argument was given; it takes named ones only"),
        ] {
            let error = taken(sent).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("tool `repeat`: ") && text.ends_with(why), "{text}");
            assert_eq!((error.code(), error.executed()), ("invalid_argument", crate::error::Executed::Never));
        }
    }
}
