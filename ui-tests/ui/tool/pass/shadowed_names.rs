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
pub mod alloc {}
pub mod core {}

/// Called like what the generated code uses.
#[snakebridge::tool]
pub async fn call(
    context: &snakebridge::tools::ToolContext,
    arguments: u8,
    received: ::core::option::Option<u8>,
    #[py(default = 1)] call: u8,
    #[py(default = "a")] name: ::std::string::String,
) -> ::core::result::Result<u8, u8> {
    let _ = (context.is_cancelled(), received, call, name);
    ::core::result::Result::Ok(arguments)
}

fn main() {
    let _ = snakebridge::tools![call];
}
