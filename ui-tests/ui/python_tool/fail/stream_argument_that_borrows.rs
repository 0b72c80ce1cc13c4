use snakebridge::prelude::*;

#[python_tool]
trait Sums {
    async fn total(&self, words: impl Stream<Item = &str>) -> Result<f64>;
}

fn main() {}
