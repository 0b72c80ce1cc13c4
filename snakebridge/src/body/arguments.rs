//! The arguments of a call: a map, or an array of positional ones and a map.

use serde::Serialize;

use super::{check, encode_into};
use crate::error::{Error, Result};
use crate::wire::msgpack::{Reader, put_array, put_map, put_str};
use crate::wire::{Limits, Violation};

/// What an argument of a call may be: it is encoded for Python.
#[diagnostic::on_unimplemented(
    message = "Python cannot be given a `{Self}`: it is not `Serialize`",
    label = "an argument of a call goes to Python",
    note = "derive it with `#[derive(serde::Serialize)]`"
)]
pub trait Argument: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Argument for T {}

/// Arguments of a call on their way out: positional ones, named ones, or both.
///
/// An encoding error is kept and comes out of [`finish`](Arguments::finish), so that building is one chain.
///
/// ```
/// use snakebridge::body::Arguments;
///
/// let encoded = Arguments::new().named("a", &2).named("b", &2.5).finish()?;
/// assert_eq!(encoded.body[0], 0x82, "a map of two entries");
/// # Ok::<(), snakebridge::Error>(())
/// ```
pub struct Arguments {
    positional: u32,
    positional_bytes: Vec<u8>,
    named: u32,
    /// Begins with room for the head of a short map, so that the common call is encoded once and never copied.
    named_bytes: Vec<u8>,
    failed: Option<Error>,
    #[cfg(feature = "host")]
    inputs: Vec<super::InputStream>,
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = (self.positional, self.named);
        f.debug_struct("Arguments").field("counts", &counts).field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// The arguments of a call, ready to be sent.
pub struct Encoded {
    /// The body of the CALL.
    pub body: Vec<u8>,
    /// The streams among them.
    #[cfg(feature = "host")]
    pub inputs: Vec<super::InputStream>,
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoded").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Encoded {
    /// Adds a named argument of bytes.
    #[cfg(feature = "host")]
    pub(crate) fn add_binary(&mut self, name: &str, data: &bytes::Bytes) -> Result<()> {
        let mut reader = Reader::new(&self.body);
        // Encoded by this side: positional arguments and a map, or the map alone.
        if reader.array().is_ok() {
            let _ = reader.value(u64::MAX, u64::MAX);
        } else {
            reader = Reader::new(&self.body);
        }
        let map = reader.position();
        let Ok(entries) = reader.map() else { return Ok(()) };
        let mut body = Vec::with_capacity(self.body.len() + name.len() + data.len() + 16);
        body.extend_from_slice(&self.body[..map]);
        put_map(&mut body, u32::try_from(entries).unwrap_or(u32::MAX).saturating_add(1));
        body.extend_from_slice(&self.body[reader.position()..]);
        put_str(&mut body, name);
        encode_into(&mut body, data)?;
        self.body = body;
        Ok(())
    }
}

/// The most entries of a map whose head is one byte.
const SHORT_MAP: u32 = 15;

impl Default for Arguments {
    fn default() -> Self {
        let mut named_bytes = Vec::with_capacity(64);
        put_map(&mut named_bytes, 0);
        Self {
            positional: 0,
            positional_bytes: Vec::new(),
            named: 0,
            named_bytes,
            failed: None,
            #[cfg(feature = "host")]
            inputs: Vec::new(),
        }
    }
}

impl Arguments {
    /// No arguments yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next positional argument.
    #[must_use]
    pub fn positional<T: Argument + ?Sized>(mut self, value: &T) -> Self {
        self.positional += 1;
        let mut out = std::mem::take(&mut self.positional_bytes);
        let encoded = self.encode(&mut out, value);
        self.positional_bytes = out;
        let position = self.positional;
        self.keep(encoded, || format!("positional argument {position}"))
    }

    /// Adds a named argument.
    #[must_use]
    pub fn named<T: Argument + ?Sized>(mut self, name: &str, value: &T) -> Self {
        self.named += 1;
        put_str(&mut self.named_bytes, name);
        let mut out = std::mem::take(&mut self.named_bytes);
        let encoded = self.encode(&mut out, value);
        self.named_bytes = out;
        self.keep(encoded, || format!("argument `{name}`"))
    }

    /// Adds a named argument of bytes, which Python sees as `bytes`.
    #[must_use]
    pub fn binary(self, name: &str, data: impl Into<bytes::Bytes>) -> Self {
        self.named(name, &data.into())
    }

    /// Adds a named argument that is left out when it is `None`, so that Python's own default applies.
    #[must_use]
    pub fn optional<T: Argument>(self, name: &str, value: &Option<T>) -> Self {
        match value {
            Some(value) => self.named(name, value),
            None => self,
        }
    }

    /// Adds a named argument that is something else when it is `None`.
    #[must_use]
    pub fn optional_or<T: Argument>(self, name: &str, value: &Option<T>, default: impl FnOnce() -> T) -> Self {
        match value {
            Some(value) => self.named(name, value),
            None => self.named(name, &default()),
        }
    }

    /// Adds every field of a struct, or every entry of a map with string keys, as a named argument.
    #[must_use]
    pub fn fields<T: Argument + ?Sized>(mut self, fields: &T) -> Self {
        let mut bytes = Vec::new();
        let encoded = self.encode(&mut bytes, fields);
        if encoded.is_ok() {
            let mut reader = Reader::new(&bytes);
            if let Ok(entries) = reader.map() {
                self.named += u32::try_from(entries).unwrap_or(u32::MAX);
                self.named_bytes.extend_from_slice(&bytes[reader.position()..]);
            } else {
                let message = "keyword arguments must be a struct or a map with string keys";
                self.failed.get_or_insert_with(|| Error::invalid_argument(message));
            }
        }
        self.keep(encoded, || "keyword arguments".to_owned())
    }

    /// Encodes a value that may have streams in it.
    #[cfg_attr(not(feature = "host"), expect(clippy::unused_self, reason = "streams are the host's"))]
    fn encode<T: Serialize + ?Sized>(&mut self, out: &mut Vec<u8>, value: &T) -> Result<()> {
        #[cfg(feature = "host")]
        return super::input::collecting(&mut self.inputs, || encode_into(out, value));
        #[cfg(not(feature = "host"))]
        encode_into(out, value)
    }

    fn keep(mut self, encoded: Result<()>, what: impl FnOnce() -> String) -> Self {
        if let Err(error) = encoded {
            self.failed.get_or_insert_with(|| Error::invalid_argument(format!("{}: {error}", what())));
        }
        self
    }

    /// The body of the CALL, or the first error.
    pub fn finish(mut self) -> Result<Encoded> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.positional == 0 && self.named <= SHORT_MAP {
            // 0x80 is the head of an empty map; its low half counts the entries.
            self.named_bytes[0] += self.named.to_le_bytes()[0];
            return Ok(Encoded {
                body: self.named_bytes,
                #[cfg(feature = "host")]
                inputs: self.inputs,
            });
        }
        let mut out = Vec::with_capacity(16 + self.positional_bytes.len() + self.named_bytes.len());
        if self.positional > 0 {
            put_array(&mut out, 2);
            put_array(&mut out, self.positional);
            out.extend_from_slice(&self.positional_bytes);
        }
        put_map(&mut out, self.named);
        out.extend_from_slice(&self.named_bytes[1..]);
        Ok(Encoded {
            body: out,
            #[cfg(feature = "host")]
            inputs: self.inputs,
        })
    }
}

/// The arguments of an incoming call, each still encoded.
#[derive(Debug)]
pub struct Received<'a> {
    positional: Vec<&'a [u8]>,
    named: Vec<(&'a str, &'a [u8])>,
    /// The map that the named ones are in.
    map: &'a [u8],
}

impl<'a> Received<'a> {
    /// Takes the body of a CALL apart.
    pub fn parse(body: &'a [u8], limits: &Limits) -> Result<Self> {
        check(body, limits)?;
        let wrong = |_| Error::invalid_argument("arguments are a map, or an array of positional ones and a map");
        let mut reader = Reader::new(body);
        let mut received = Self { positional: Vec::new(), named: Vec::new(), map: &[] };
        if !matches!(reader.peek(), Some(0x80..=0x8f | 0xde | 0xdf)) {
            if reader.array().map_err(wrong)? != 2 {
                return Err(wrong(Violation::Shape("")));
            }
            for _ in 0..reader.array().map_err(wrong)? {
                received.positional.push(reader.value(limits.depth, limits.items).map_err(wrong)?);
            }
        }
        received.map = &body[reader.position()..];
        for _ in 0..reader.map().map_err(wrong)? {
            let name = reader.str().map_err(|_| Error::invalid_argument("argument names are strings"))?;
            received.named.push((name, reader.value(limits.depth, limits.items).map_err(wrong)?));
        }
        Ok(received)
    }

    /// All arguments as one map, still encoded. Refuses positional ones, and two of one name.
    pub fn all_named(self) -> Result<&'a [u8]> {
        match self.positional.len() {
            0 => {}
            1 => return Err(Error::invalid_argument("1 positional argument was given; it takes named ones only")),
            given => {
                return Err(Error::invalid_argument(format!(
                    "{given} positional arguments were given; it takes named ones only"
                )));
            }
        }
        let mut seen = std::collections::HashSet::new();
        match self.named.iter().find(|(name, _)| !seen.insert(name)) {
            Some((name, _)) => Err(Error::invalid_argument(format!("argument `{name}` was given twice"))),
            None => Ok(self.map),
        }
    }

    /// Matches the arguments with a tool's parameters, in their order: what belongs to each, or nothing.
    ///
    /// Refuses unknown names, too many positional arguments and doubles, naming what there is.
    pub fn bind(self, parameters: &[&str]) -> Result<Vec<Option<&'a [u8]>>> {
        let takes = || match parameters {
            [] => "it takes no arguments".to_owned(),
            names => format!("it takes `{}`", names.join("`, `")),
        };
        if self.positional.len() > parameters.len() {
            let given = self.positional.len();
            return Err(Error::invalid_argument(format!("{given} positional arguments were given; {}", takes())));
        }
        let mut bound: Vec<Option<&'a [u8]>> = self.positional.into_iter().map(Some).collect();
        bound.resize(parameters.len(), None);
        for (name, value) in self.named {
            let Some(index) = parameters.iter().position(|parameter| *parameter == name) else {
                return Err(Error::invalid_argument(format!("unknown argument `{name}`; {}", takes())));
            };
            if bound[index].replace(value).is_some() {
                return Err(Error::invalid_argument(format!("argument `{name}` was given twice")));
            }
        }
        Ok(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "host")]
    #[test]
    fn bytes_join_arguments_of_every_form() {
        let data = bytes::Bytes::from_static(b"\x00\xff");
        let with_bytes = |arguments: Arguments| {
            let mut encoded = arguments.finish().unwrap();
            encoded.add_binary("data", &data).unwrap();
            encoded.body
        };
        let at_once = |arguments: Arguments| arguments.binary("data", data.clone()).finish().unwrap().body;
        let many = || (0..20).fold(Arguments::new(), |arguments, index| arguments.named(&format!("a{index}"), &index));
        assert_eq!(with_bytes(Arguments::new()), at_once(Arguments::new()));
        assert_eq!(with_bytes(Arguments::new().named("a", &1)), at_once(Arguments::new().named("a", &1)));
        assert_eq!(with_bytes(many()), at_once(many()));
        let positional = || Arguments::new().positional(&vec![1, 2]).positional(&"x").named("a", &1);
        assert_eq!(with_bytes(positional()), at_once(positional()));
    }

    #[test]
    fn arguments_are_a_map_or_an_array_and_a_map() {
        let named = Arguments::new().named("a", &1).optional("b", &None::<i32>).finish().unwrap().body;
        assert_eq!(named[..], [0x81, 0xa1, b'a', 1]);
        let defaulted = Arguments::new().optional_or("a", &Some(1), || 2).optional_or("b", &None, || 2);
        assert_eq!(defaulted.finish().unwrap().body[..], [0x82, 0xa1, b'a', 1, 0xa1, b'b', 2]);
        let both = Arguments::new().positional(&1).named("b", &2).finish().unwrap().body;
        assert_eq!(both[..], [0x92, 0x91, 1, 0x81, 0xa1, b'b', 2]);
        assert_eq!(Arguments::new().finish().unwrap().body[..], [0x80]);
    }

    #[test]
    fn received_arguments_bind_to_parameters_by_place_and_by_name() {
        let body = Arguments::new().positional(&1).named("c", &3).finish().unwrap().body;
        let bound = Received::parse(&body, &Limits::default()).unwrap().bind(&["a", "b", "c"]).unwrap();
        assert_eq!(bound, [Some(&[1][..]), None, Some(&[3][..])]);
    }

    #[test]
    fn misfits_are_named_together_with_what_fits() {
        let parse = |arguments: Arguments| {
            let body = arguments.finish().unwrap().body;
            Received::parse(&body, &Limits::default()).unwrap().bind(&["a"]).unwrap_err().to_string()
        };
        assert_eq!(parse(Arguments::new().named("x", &1)), "unknown argument `x`; it takes `a`");
        assert_eq!(
            parse(Arguments::new().positional(&1).positional(&2)),
            "2 positional arguments were given; it takes `a`"
        );
        assert_eq!(parse(Arguments::new().positional(&1).named("a", &2)), "argument `a` was given twice");
    }
}
