use snakebridge::prelude::*;

#[tool]
fn shout(#[py(defualt = "a")] text: String) -> String {
    text.to_uppercase()
}

fn main() {}
