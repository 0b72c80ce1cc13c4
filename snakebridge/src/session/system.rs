//! The state of a session as Python sees it: the system targets `$state.*`.
//!
//! Which session it is comes from the host's own record of the call that asks. There is no argument by which a worker could
//! name one.

use bytes::Bytes;
use serde::Serialize;

use super::{Identity, Sessions};
use crate::body::{self, Received};
use crate::error::{Error, ErrorKind, Executed, Result, shown};
use crate::wire::Limits;

const PREFIX: &str = "$state.";

/// The arguments of one system call, as they came.
struct Arguments<'a> {
    target: &'a str,
    bound: Vec<Option<&'a [u8]>>,
}

impl<'a> Arguments<'a> {
    fn bind(target: &'a str, names: &[&str], body: &'a [u8]) -> Result<Self> {
        let bound = Received::parse(body, &Limits::default())
            .and_then(|received| received.bind(names))
            .map_err(|error| Error::invalid_argument(format!("`{target}`: {}", error.kind())))?;
        Ok(Self { target, bound })
    }

    fn encoded(&self, index: usize, name: &str) -> Result<&'a [u8]> {
        let missing = || Error::invalid_argument(format!("`{}`: argument `{name}` is missing", self.target));
        self.bound.get(index).copied().flatten().ok_or_else(missing)
    }

    fn decoded<T: serde::de::DeserializeOwned>(&self, index: usize, name: &str) -> Result<T> {
        body::decode(self.encoded(index, name)?)
            .map_err(|error| Error::invalid_argument(format!("`{}`: argument `{name}`: {}", self.target, error.kind())))
    }
}

impl Sessions {
    /// Whether `target` is one that [`answer`](Self::answer) answers.
    pub(crate) fn answers(target: &str) -> bool {
        target.starts_with(PREFIX)
    }

    /// Answers a system call of a worker about the state of the session in which the asking call runs.
    pub(crate) async fn answer(&self, session: Option<&Identity>, target: &str, body: &[u8]) -> Result<Bytes> {
        let session = session.ok_or_else(|| {
            // Without an id there is nothing to name.
            Error::new(ErrorKind::SessionNotFound { session: String::new() }, Executed::Never)
        })?;
        let bind = |names: &[&str]| Arguments::bind(target, names, body);
        match target.strip_prefix(PREFIX).unwrap_or_default() {
            "get" => {
                let key: String = bind(&["key"])?.decoded(0, "key")?;
                match self.get(session, &key).await? {
                    Some((version, value)) => Ok(pair(version, &value)?),
                    None => body::encode(&()),
                }
            }
            "set" => {
                let arguments = bind(&["key", "value"])?;
                let key: String = arguments.decoded(0, "key")?;
                let value = Bytes::copy_from_slice(arguments.encoded(1, "value")?);
                encoded(self.set(session, &key, value, None).await)
            }
            "cas" => {
                let arguments = bind(&["key", "expected", "value"])?;
                let key: String = arguments.decoded(0, "key")?;
                let expected = arguments.decoded(1, "expected")?;
                let value = Bytes::copy_from_slice(arguments.encoded(2, "value")?);
                encoded(self.set(session, &key, value, Some(expected)).await)
            }
            "delete" => {
                let key: String = bind(&["key"])?.decoded(0, "key")?;
                encoded(self.delete(session, &key).await)
            }
            "keys" => {
                bind(&[])?;
                encoded(self.keys(session).await.map(|keys| keys.iter().map(ToString::to_string).collect::<Vec<_>>()))
            }
            _ => {
                let message = format!("no system call `{}`", shown(target));
                Err(Error::new(ErrorKind::ToolNotFound { message }, Executed::Never))
            }
        }
    }
}

fn encoded<T: Serialize>(result: Result<T>) -> Result<Bytes> {
    result.and_then(|value| body::encode(&value))
}

/// An array of a version and a value that is encoded already.
fn pair(version: u64, value: &[u8]) -> Result<Bytes> {
    let version = body::encode(&version)?;
    Ok([&[0x92], &version[..], value].concat().into())
}
