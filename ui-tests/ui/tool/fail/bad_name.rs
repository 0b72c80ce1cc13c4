use snakebridge::prelude::*;

#[tool(name = "shout!")]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
