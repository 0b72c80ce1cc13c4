use snakebridge::prelude::*;

#[tool(max_concurrency = 0)]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
