use snakebridge::prelude::*;

#[tool]
fn shout(text: String) -> String {
    text.to_uppercase()
}

fn main() {
    let _ = tools![shout, &shout, shout("now")];
}
