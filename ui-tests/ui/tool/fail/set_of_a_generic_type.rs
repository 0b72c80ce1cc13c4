use snakebridge::prelude::*;

struct Set<T>(T);

#[tool]
impl<T: Send> Set<T> {
    fn length(&self) -> usize {
        1
    }
}

fn main() {}
