use snakebridge::prelude::*;

struct Set;

#[tool(prefix = "1.")]
impl Set {
    fn length(&self) -> usize {
        1
    }
}

fn main() {}
