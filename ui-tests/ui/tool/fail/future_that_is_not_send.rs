use snakebridge::prelude::*;

#[tool]
async fn count(to: u32) -> u32 {
    let shared = std::rc::Rc::new(to);
    std::future::ready(()).await;
    *shared
}

fn main() {}
