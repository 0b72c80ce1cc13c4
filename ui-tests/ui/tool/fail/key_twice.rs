use snakebridge::prelude::*;

#[tool(name = "shout", name = "SHOUT")]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
