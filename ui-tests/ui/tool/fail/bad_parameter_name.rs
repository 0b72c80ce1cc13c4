use snakebridge::prelude::*;

#[tool]
fn shout(#[py(name = "the text")] text: String) -> String {
    text.to_uppercase()
}

fn main() {}
