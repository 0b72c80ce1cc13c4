use snakebridge::prelude::*;

struct Session;

#[tool]
fn name(_session: &Session) {}

fn main() {}
