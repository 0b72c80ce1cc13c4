use snakebridge::prelude::*;

struct Set;

#[tool]
impl Set {
    fn length(&self) -> usize {
        1
    }

    #[tool(name = "length")]
    fn size(&self) -> usize {
        1
    }
}

fn main() {}
