use snakebridge::prelude::*;

struct Set;

#[tool(name = "set")]
impl Set {
    fn length(&self) -> usize {
        1
    }
}

fn main() {}
