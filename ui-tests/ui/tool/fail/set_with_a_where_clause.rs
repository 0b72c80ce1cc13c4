use snakebridge::prelude::*;

struct Set;

#[tool]
impl Set
where
    u8: Copy,
{
    fn length(&self) -> usize {
        1
    }
}

fn main() {}
