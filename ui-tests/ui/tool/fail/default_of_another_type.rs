use snakebridge::prelude::*;

#[tool]
fn add(a: f64, #[py(default = "one")] b: f64) -> f64 {
    a + b
}

fn main() {}
