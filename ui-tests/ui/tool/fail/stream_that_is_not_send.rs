use snakebridge::prelude::*;

#[tool]
fn count(to: u32) -> impl Stream<Item = u32> {
    let shared = std::rc::Rc::new(1);
    futures::stream::iter(0..to).map(move |number| number + *shared)
}

fn main() {}
