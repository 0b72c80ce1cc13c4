use snakebridge::prelude::*;

#[tool(timeout)]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
