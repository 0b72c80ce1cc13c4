use snakebridge::prelude::*;

#[tool(metadata = "owner")]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
