use snakebridge::prelude::*;

struct Set;

#[tool]
impl Set {
    #[py(hidden)]
    fn new() -> Self {
        Self
    }

    fn length(&self) -> usize {
        1
    }
}

fn main() {}
