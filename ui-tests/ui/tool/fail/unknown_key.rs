use snakebridge::prelude::*;

#[tool(descripton = "Shouts.")]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
