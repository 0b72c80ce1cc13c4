use snakebridge::prelude::*;

struct Opaque;

#[python_tool]
trait Sums {
    async fn total(&self, values: impl Stream<Item = Opaque>) -> Result<f64>;
}

fn main() {}
