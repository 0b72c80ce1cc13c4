use snakebridge::prelude::*;

#[tool(blocking)]
fn count(to: u32) -> impl Stream<Item = u32> {
    futures::stream::iter(0..to)
}

fn main() {}
