use snakebridge::prelude::*;

#[tool]
fn later(text: String) -> impl Future<Output = String> {
    std::future::ready(text)
}

fn main() {}
