//! Objects that stay in Python: [`Object`], a reference to one, and [`Module`], by which Python's modules are used.
//!
//! [`origin`] makes references out of what workers answer, and says which of results is to become one; [`releasing`] tells
//! workers what nobody refers to any more.

mod module;
mod object;
mod origin;
mod releasing;

pub use self::module::Module;
pub(super) use self::module::OwnSession;
pub use self::object::{Object, ValueOrObject};
pub(super) use self::origin::Origin;
pub(super) use self::releasing::release_forever;

/// The system calls of workers that are about objects. No tool has such a name.
pub(super) const PREFIX: &str = "$ref.";
