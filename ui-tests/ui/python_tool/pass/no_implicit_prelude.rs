#![no_implicit_prelude]
#![deny(warnings)]

#[::snakebridge::python_tool(adapter = "tools:Tools", timeout = "5s")]
pub trait Tools {
    async fn add(&self, a: f64, b: ::core::option::Option<f64>) -> ::snakebridge::Result<f64>;

    fn count(&self, to: u32) -> impl ::futures::Stream<Item = ::snakebridge::Result<u32>>;
}

fn main() {}
