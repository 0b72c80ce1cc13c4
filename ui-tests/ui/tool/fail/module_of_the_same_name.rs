use snakebridge::prelude::*;

mod shout {}

#[tool]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {
    let _ = tools![shout];
}
