use snakebridge::prelude::*;

struct Set(u64);

#[tool]
impl Set {
    fn increment(&mut self) {
        self.0 += 1;
    }
}

fn main() {}
