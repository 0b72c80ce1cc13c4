use snakebridge::prelude::*;

#[tool]
fn increment(#[py(state)] count: &std::cell::Cell<u64>) {
    count.set(count.get() + 1);
}

fn main() {}
