//! What clients of host tools call.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::Arguments;
use crate::tools::{HostCall, SessionTools};

/// What a client of host tools may send.
#[diagnostic::on_unimplemented(
    message = "a client cannot send `{Self}`: it is not `Serialize`",
    label = "the params of a trait of tools travel both ways",
    note = "derive it with `#[derive(serde::Serialize)]`"
)]
pub trait ClientParams: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ClientParams for T {}

/// What a client of host tools may get.
#[diagnostic::on_unimplemented(
    message = "a client cannot get `{Self}`: it is not `Deserialize`",
    label = "the results of a trait of tools travel both ways",
    note = "derive it with `#[derive(serde::Deserialize)]`"
)]
pub trait ClientResult: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ClientResult for T {}

/// The params of a call, each field an argument.
pub fn client_arguments<T: ClientParams>(params: &T) -> Arguments {
    Arguments::new().fields(params)
}

/// The call.
pub fn client_call<T: ClientResult>(tools: &SessionTools, name: &str, arguments: Arguments) -> HostCall<T> {
    tools.call(name, arguments)
}
