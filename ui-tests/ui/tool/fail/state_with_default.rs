use snakebridge::prelude::*;

#[tool]
fn length(#[py(state, default)] text: &String) -> usize {
    text.len()
}

fn main() {}
