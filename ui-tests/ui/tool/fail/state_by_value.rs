use snakebridge::prelude::*;

#[tool]
fn length(#[py(state)] text: String) -> usize {
    text.len()
}

fn main() {}
