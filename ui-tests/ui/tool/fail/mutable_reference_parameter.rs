use snakebridge::prelude::*;

#[tool]
fn sort(values: &mut Vec<i64>) {
    values.sort();
}

fn main() {}
