use snakebridge::prelude::*;

#[python_tool]
trait Sums {
    async fn total(&self, values: impl Stream) -> Result<f64>;
}

fn main() {}
