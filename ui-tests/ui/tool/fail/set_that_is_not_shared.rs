use snakebridge::prelude::*;

struct Set(std::cell::Cell<u64>);

#[tool]
impl Set {
    fn length(&self) -> u64 {
        self.0.get()
    }
}

fn main() {}
