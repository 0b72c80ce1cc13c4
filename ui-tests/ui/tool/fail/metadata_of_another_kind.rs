use snakebridge::prelude::*;

#[tool(metadata(owner = std::time::Duration::ZERO))]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
