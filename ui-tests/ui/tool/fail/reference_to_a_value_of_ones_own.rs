use snakebridge::prelude::*;

struct Db;

#[tool]
fn count(_db: &Db) -> u64 {
    0
}

fn main() {}
