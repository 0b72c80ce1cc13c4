use snakebridge::prelude::*;

#[tool]
fn show(value: &Value) -> String {
    value.to_string()
}

fn main() {}
