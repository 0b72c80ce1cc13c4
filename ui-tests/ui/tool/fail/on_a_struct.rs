use snakebridge::prelude::*;

#[tool]
struct Shout {
    text: String,
}

fn main() {}
