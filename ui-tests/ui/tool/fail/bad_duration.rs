use snakebridge::prelude::*;

#[tool(timeout = "5 seconds")]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
