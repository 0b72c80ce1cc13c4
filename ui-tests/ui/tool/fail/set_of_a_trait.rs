use snakebridge::prelude::*;

struct Set;

trait Length {
    fn length(&self) -> usize;
}

#[tool]
impl Length for Set {
    fn length(&self) -> usize {
        1
    }
}

fn main() {}
