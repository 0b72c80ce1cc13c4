use snakebridge::prelude::*;

#[tool]
fn count(to: u32) -> impl Stream {
    futures::stream::iter(0..to)
}

fn main() {}
