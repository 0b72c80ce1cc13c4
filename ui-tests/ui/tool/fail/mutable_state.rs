use snakebridge::prelude::*;

#[tool]
fn increment(#[py(state)] count: &mut u64) {
    *count += 1;
}

fn main() {}
