use snakebridge::prelude::*;

#[python_tool]
trait Sums {
    async fn total(&self, values: impl Stream<Item = f64> + '_) -> Result<f64>;
}

fn main() {}
