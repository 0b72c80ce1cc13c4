use snakebridge::prelude::*;

#[derive(serde::Serialize)]
struct Wrong;

#[tool]
fn half(of: u32) -> Result<u32, Wrong> {
    if of % 2 == 0 { Ok(of / 2) } else { Err(Wrong) }
}

fn main() {}
