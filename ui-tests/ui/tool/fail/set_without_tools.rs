use snakebridge::prelude::*;

struct Set;

#[tool]
impl Set {
    fn new() -> Self {
        Self
    }
}

fn main() {}
