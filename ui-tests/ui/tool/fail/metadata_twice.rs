use snakebridge::prelude::*;

#[tool(metadata(owner = "us", owner = "them"))]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
