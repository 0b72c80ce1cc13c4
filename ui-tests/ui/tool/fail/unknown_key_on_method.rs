use snakebridge::prelude::*;

struct Set;

#[tool]
impl Set {
    #[tool(block)]
    fn length(&self) -> usize {
        1
    }
}

fn main() {}
