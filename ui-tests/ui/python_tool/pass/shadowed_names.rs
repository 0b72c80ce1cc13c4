//! The generated code means what it says, whatever the names around it mean.
#![deny(warnings)]
#![allow(dead_code, non_snake_case, unused_macros)]

pub struct Result;
pub struct Option;
pub struct Future;
pub struct Box;
pub struct String;
pub struct Vec;
pub struct Call;
pub struct Arguments;
pub struct Caller;
pub trait Send {}
pub trait Clone {}
pub trait Debug {}
pub trait From {}
pub trait Default {}
#[allow(non_camel_case_types)]
pub struct str;
pub fn Some() {}
pub fn None() {}
pub fn Ok() {}
pub fn Err() {}
pub mod std {}
pub mod core {}
pub struct Bytes;
pub struct Probe;
pub struct Schemas;
pub struct Shape;
pub trait NoSchema {}
pub trait Stream {}
pub trait Drop {}
pub trait Sync {}
pub trait Sized {}
pub struct Priority;
macro_rules! concat {
    () => {};
}
macro_rules! vec {
    () => {};
}
#[snakebridge::python_tool(adapter = "tools:Tools", timeout = "5s", rename_all = "kebab-case", session = "affine")]
pub trait Tools {
    async fn add(&self, a: f64, b: ::core::option::Option<f64>) -> snakebridge::Result<f64>;

    #[py(idempotent, retry = 1, cache = "1s", priority = "low", session = "exclusive")]
    async fn find(
        &self,
        schemas: u8,
        #[py(default = "here")] value: ::core::option::Option<::std::string::String>,
        #[py(kwargs)] arguments: &::snakebridge::Value,
    ) -> snakebridge::Result<()>;

    #[py(notify, priority = "high")]
    async fn log(&self, line: &[u8]) -> snakebridge::Result<()>;

    async fn join(&self, words: impl ::futures::Stream<Item = u8>) -> ::std::result::Result<u8, snakebridge::Error>;

    fn count(&self, caller: u32, source: u32) -> impl futures::Stream<Item = snakebridge::Result<u32>>;
}

fn main() {}
