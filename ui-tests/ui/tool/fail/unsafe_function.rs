use snakebridge::prelude::*;

#[tool]
unsafe fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {}
