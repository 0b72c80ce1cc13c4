use snakebridge::prelude::*;

struct Set;

#[tool]
impl Set {
    #[tool = "size"]
    fn length(&self) -> usize {
        1
    }
}

fn main() {}
