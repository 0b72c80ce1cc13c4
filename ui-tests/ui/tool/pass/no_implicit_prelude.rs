#![no_implicit_prelude]
#![deny(warnings)]

#[::snakebridge::tool(timeout = "5s")]
pub async fn count(
    context: &::snakebridge::tools::ToolContext,
    to: u8,
    #[py(default)] from: u8,
) -> ::core::option::Option<u8> {
    let _ = context.is_cancelled();
    ::core::option::Option::Some(to - from)
}

fn main() {
    let _ = ::snakebridge::tools![count];
}
