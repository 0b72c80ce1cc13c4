use snakebridge::prelude::*;

#[tool]
fn größe(text: String) -> usize {
    text.len()
}

fn main() {}
