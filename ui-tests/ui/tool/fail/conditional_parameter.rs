use snakebridge::prelude::*;

#[tool]
fn add(a: f64, #[cfg(all())] b: f64) -> f64 {
    a + b
}

fn main() {}
