use snakebridge::prelude::*;

#[tool]
fn name(#[py(name = "session")] session: &Session) -> String {
    session.id().to_owned()
}

fn main() {}
