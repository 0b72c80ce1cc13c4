//! The generated code means what it says, whatever the names around it mean.
#![deny(warnings)]
#![allow(dead_code, non_snake_case)]

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
#[snakebridge::python_tool(adapter = "tools:Tools", timeout = "5s")]
pub trait Tools {
    async fn add(&self, a: f64, b: ::core::option::Option<f64>) -> snakebridge::Result<f64>;

    fn count(&self, caller: u32, source: u32) -> impl futures::Stream<Item = snakebridge::Result<u32>>;
}

fn main() {}
